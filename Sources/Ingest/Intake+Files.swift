import Files
import Foundation
import Paths
import ReadModel
import Rules
import Sequences
import Watching

extension Intake {
  mutating func watched(_ event: WatchEvent, _ now: Moment, _ effects: inout [Effect]) {
    if let root = event.root, offline[root] != nil { return }
    switch event {
    case .file(let place, let change): seen(place, change, now, &effects)
    case .fileRemoved(let place): gone(place, movedTo: nil, now, &effects)
    case .fileMoved(let from, let to):
      leaving.remove(from)
      gone(from, movedTo: .some(to), now, &effects)
    case .leaving(let place): left(place, now, &effects)
    case .directoryAppeared(let place):
      // A directory of that name cancels like a file.
      if let sentinel = place.sentinel { sentinelSeen(place, sentinel, now, &effects) }
      add(directory: place)
      stirred(place, now)
    case .directoryRemoved(let place):
      sentinelGone(place, now, &effects)
      directoryGone(
        place,
        Reason(
          .sourceRemoved, "the source directory was removed", path: absolute(place), at: now.wall),
        now, &effects)
      if place.path.isRoot { away(place.root, isGone, now, &effects) }
    case .directoryMoved(let from, let to):
      leaving.remove(from)
      sentinelGone(from, now, &effects)
      directoryGone(from, movedReason(from, to: to, now), now, &effects)
      if let to {
        if let sentinel = to.sentinel { sentinelSeen(to, sentinel, now, &effects) }
        effects.append(.rescan(to))
      } else if from.path.isRoot {
        away(from.root, isGone, now, &effects)
      }
    case .special(let place, let kind):
      if let sentinel = place.sentinel {
        sentinelSeen(place, sentinel, now, &effects)
      } else if !place.isOurs {
        for scope in untold.keys { untold[scope]?.remove(place) }
        answer(place, .special(kind.rawValue))
        stirred(place, now)
      }
    case .rescanning(let place, let cause):
      if case .watchLimit(let limit) = cause {
        limited[place.root] = "\(limit)"
        pollAt[place.root] = now.uptime + limits.poll
      }
      leaving = leaving.filter { $0.root != place.root || !$0.path.isAtOrBelow(place.path) }
      untold[place] = known(below: place)
      troubles = troubles.filter {
        $0.key.root != place.root || !$0.key.path.isAtOrBelow(place.path)
      }
      unconfirmedHolds[place] = Set(
        holds.keys.filter { $0.root == place.root && $0.path.isAtOrBelow(place.path) })
    case .walked(let place):
      for sentinel in unconfirmedHolds.removeValue(forKey: place) ?? [] {
        sentinelGone(sentinel, now, &effects)
      }
      // What nobody told again is gone, but for what nobody could tell about.
      for file in untold.removeValue(forKey: place) ?? []
      where !troubles.keys.contains(where: {
        $0.root == file.root && file.path.isAtOrBelow($0.path)
      }) {
        gone(file, movedTo: nil, now, &effects)
      }
      if place.path.isRoot {
        lookedAt.insert(place.root)
        for (key, arrival) in arrivals where key.directory.root == place.root {
          if case .settling = arrival.phase { schedule(key) }
        }
      }
    case .unreadable(let place, let error):
      untold[place] = nil
      troubles[place] = "cannot be read: \(error.errno.message)"
      rereadAt[place] = now.uptime + limits.unreadableRetry
    case .duplicate(let place, let other):
      troubles[place] =
        "is the same directory as \(shown(absolute(other))), which is watched already"
    case .unmounted(let place):
      if place.path.isRoot {
        return away(place.root, "is not there: its volume is not mounted", now, &effects)
      }
      untold[place] = nil
      troubles[place] = "its file system was unmounted"
    case .mountsChanged: mountsChanged(now, &effects)
    }
  }

  /// A name is leaving by a rename whose other half has not come yet: where to is known later, that it goes is enough.
  private mutating func left(_ place: Place, _ now: Moment, _ effects: inout [Effect]) {
    if place.isOurs { return }
    leaving.insert(place)
    let reason = Reason(
      .sourceMoved, "\(place.path) was moved", path: absolute(place), at: now.wall)
    for job in jobs.values
    where job.hotFolder == place.root
      && job.plan.files.contains(where: { $0.source.isAtOrBelow(place.path) })
    {
      cancel(job.id, reason, &effects)
    }
  }

  func movedReason(_ from: Place, to: Place?, _ now: Moment) -> Reason {
    let target = to.map { " to \(shown(absolute($0)))" } ?? " out of the hot folder"
    return Reason(
      .sourceMoved, "\(from.path) was moved\(target)", path: absolute(to ?? from), at: now.wall)
  }

  /// Every name with an answer at or below a place.
  func known(below place: Place) -> Set<Place> {
    var names: Set<Place> = []
    for (directory, contents) in directories
    where directory.root == place.root && directory.path.isAtOrBelow(place.path) {
      for name in contents.files.keys {
        names.insert(Place(root: directory.root, path: directory.path.appending(name)))
      }
    }
    return names
  }

  mutating func seen(_ place: Place, _ change: Change, _ now: Moment, _ effects: inout [Effect]) {
    if place.isOurs || isMarker(place) { return }
    for scope in untold.keys { untold[scope]?.remove(place) }
    if let sentinel = place.sentinel { return sentinelSeen(place, sentinel, now, &effects) }
    guard let name = place.path.name else { return }
    let directory = place.parent
    if case .job(let id)? = directories[directory]?.files[name] {
      return touched(id, place, change, now, &effects)
    }
    // A listing from time to time tells again what was there before.
    let isKnown =
      change == .found && limited[place.root] != nil && directories[directory]?.files[name] != nil
    if !isKnown { stirred(place, now) }
    if isInFlight(name) {
      leaveArrival(place, now)
      return answer(place, .inFlight)
    }
    let seat = seat(for: place, now)
    let key = seat.key
    if change != .found, cancelledKeys.remove(key) != nil { revive(key, but: place, now, &effects) }
    if let sentinel = hold(over: seat, at: place) {
      leaveArrival(place, now)
      return answer(place, .onHold(sentinel: sentinel))
    }
    if case .waiting(let old)? = directories[directory]?.files[name] {
      // Where it is blocked, an event that nobody told may have mended it.
      if old == key, isKnown, arrivals[key]?.isAtRest != true { return }
      if old != key { leaveArrival(place, now) }
    }
    if seat.isCompanion { return answer(place, .companion) }
    join(seat, place, now, isKnown: isKnown)
  }

  /// The content of what a person cancelled changed: the whole of it is eligible again.
  private mutating func revive(
    _ key: Arrival.Key, but changed: Place, _ now: Moment, _ effects: inout [Effect]
  ) {
    for place in known(below: key.directory)
    where place != changed && (key.isDelivery || place.parent == key.directory) {
      guard case .cancelled? = directories[place.parent]?.files[place.path.name!],
        seat(for: place, now).key == key
      else { continue }
      self.answer(place, nil)
      seen(place, .found, now, &effects)
    }
  }

  /// A file that a job took was written, or another was put in its place.
  mutating func touched(
    _ id: JobID, _ place: Place, _ change: Change, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let job = jobs[id] else {
      answer(place, nil)
      return seen(place, change, now, &effects)
    }
    if change == .found {
      // After lost events a listing may be all that tells of a rewrite: the commit, or the end, looks again.
      jobs[id]?.touched.insert(place.path)
    } else if job.isBeingSetAside {
      // Not before its row says so: then it is looked at again.
      jobs[id]?.touched.insert(place.path)
    } else if job.state == .held {
      let reason = Reason(
        .sourceChanged, "\(place.path) was written again; it is a new arrival",
        path: absolute(place), at: now.wall)
      cancel(id, reason, &effects)
    } else if job.state == .failed {
      release(id, now, &effects)
      effects.append(
        .amend(
          id,
          Reason(
            .sourceChanged, "\(place.path) was written again; it is a new arrival",
            path: absolute(place), at: now.wall)))
    } else {
      jobs[id]?.touched.insert(place.path)
    }
  }

  /// Something happened at a place: deliveries that it lies below, and who waits for such a name, look again.
  mutating func stirred(_ place: Place, _ now: Moment) {
    for key in awaited.removeValue(forKey: place.parent) ?? [] { settleAgain(key, now) }
    if deliveries.isEmpty { return }
    var directory = place.path
    while !directory.isRoot {
      directory = directory.parent
      let above = Place(root: place.root, path: directory)
      if deliveries.contains(above) { settleAgain(Arrival.Key(delivery: above), now) }
    }
  }

  mutating func settleAgain(_ key: Arrival.Key, _ now: Moment) {
    guard var arrival = arrivals.removeValue(forKey: key) else { return }
    arrival.lastChange = now.uptime
    arrival.change = nextChange()
    switch arrival.phase {
    case .inspecting, .proving: break
    case .settling, .parked, .blocked, .held: arrival.phase = .settling
    }
    arrivals[key] = arrival
    schedule(key)
  }

  /// - Parameter isKnown: whether it lay there before and makes nothing younger.
  private mutating func join(_ seat: Seat, _ place: Place, _ now: Moment, isKnown: Bool) {
    let key = seat.key
    guard let path = key.relative(place) else { preconditionFailure("a seat elsewhere") }
    // Taken out while it is changed: a second reference would copy all its files for each new one.
    var arrival =
      arrivals.removeValue(forKey: key)
      ?? Arrival(
        key: key, job: makeID(now.wall), firstSeen: now, lastChange: now.uptime,
        quiet: seat.quiet ?? .zero)
    if arrival.files[path] == nil { arrival.files[path] = Arrival.File() }
    arrival.quiet = max(arrival.quiet, seat.quiet ?? .zero)
    if !isKnown { arrival.lastChange = now.uptime }
    arrival.change = nextChange()
    switch arrival.phase {
    case .inspecting, .proving: break
    case .settling, .parked, .blocked, .held: arrival.phase = .settling
    }
    if let refusal = seat.refusal { arrival.phase = .blocked(refusal) }
    arrivals[key] = arrival
    if key.isDelivery { deliveries.insert(key.directory) }
    answer(place, .waiting(key))
    if seat.refusal == nil { schedule(key) }
  }

  /// Takes a file out of the arrival it waits in; what is left settles anew.
  mutating func leaveArrival(_ place: Place, _ now: Moment) {
    guard let name = place.path.name,
      case .waiting(let key)? = directories[place.parent]?.files[name],
      var arrival = arrivals.removeValue(forKey: key)
    else { return }
    if let path = key.relative(place) { arrival.files[path] = nil }
    arrival.lastChange = now.uptime
    arrival.change = nextChange()
    if arrival.files.isEmpty { return forget(key) }
    switch arrival.phase {
    case .blocked, .held: if key.isTaken { arrival.phase = .settling }
    default: break
    }
    arrivals[key] = arrival
    if key.isTaken { schedule(key) }
  }

  /// An arrival is no more: nobody waits on its behalf.
  mutating func forget(_ key: Arrival.Key) {
    arrivals[key] = nil
    retryAt[key] = nil
    patienceEnds[key] = nil
    stopAwaiting(key)
    if key.isDelivery { deliveries.remove(key.directory) }
  }

  mutating func stopAwaiting(_ key: Arrival.Key) {
    for (directory, keys) in awaited where keys.contains(key) {
      awaited[directory] = keys.count == 1 ? nil : keys.subtracting([key])
    }
  }

  /// One name is gone: removed, or moved to `movedTo` (to nowhere we watch if that is nil).
  mutating func gone(_ place: Place, movedTo: Place??, _ now: Moment, _ effects: inout [Effect]) {
    if isMarker(place) {
      return away(place.root, "is not there: its volume's marker is gone", now, &effects)
    }
    if place.isOurs { return }
    if holds[place] != nil { return sentinelGone(place, now, &effects) }
    let directory = place.parent
    guard let name = place.path.name, let old = directories[directory]?.files[name] else { return }
    stirred(place, now)
    switch old {
    case .waiting: leaveArrival(place, now)
    case .job(let id):
      if jobs[id]?.state == .done { return isGoneWhileUndone(id, place) }
      // Our own removals, after the commit, come back as events too.
      if let job = jobs[id], job.state.takesCancel || job.state == .cancelling {
        let reason: Reason =
          if case .some(let to) = movedTo {
            movedReason(place, to: to, now)
          } else {
            Reason(.frameRemoved, "\(place.path) was removed", path: absolute(place), at: now.wall)
          }
        cancel(id, reason, &effects)
      }
    default: break
    }
    answer(place, nil)
  }

  /// A directory is gone with all below it.
  mutating func directoryGone(
    _ place: Place, _ reason: Reason, _ now: Moment, _ effects: inout [Effect]
  ) {
    if let name = place.path.name { directories[place.parent]?.subdirectories.remove(name) }
    troubles = troubles.filter {
      $0.key.root != place.root || !$0.key.path.isAtOrBelow(place.path)
    }
    if place.path.isRoot { untold[place] = nil }
    // Frames removed one by one just before it already cancelled with a lesser reason.
    for job in jobs.values
    where job.hotFolder == place.root
      && job.plan.files.contains(where: { $0.source.isAtOrBelow(place.path) })
    {
      cancel(job.id, reason, &effects)
    }
    for lost in lostFrames
    where now.uptime - lost.at < .seconds(10)
      && lost.directories.contains(where: {
        $0.root == place.root && $0.path.isAtOrBelow(place.path)
      })
    {
      effects.append(.amend(lost.id, reason))
    }
    lostFrames.removeAll {
      $0.directories.contains { $0.root == place.root && $0.path.isAtOrBelow(place.path) }
    }
    forget(place, reason, now, &effects)
  }

  private mutating func forget(
    _ place: Place, _ reason: Reason, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let directory = directories.removeValue(forKey: place) else { return }
    var waiting: Set<Arrival.Key> = []
    for (name, answer) in directory.files {
      guard case .waiting(let key) = answer else { continue }
      let isWhole = key.directory.path.isAtOrBelow(place.path)
      if isWhole {
        waiting.insert(key)
      } else if let path = key.relative(Place(root: place.root, path: place.path.appending(name))) {
        // A part of a delivery: the rest waits on.
        arrivals[key]?.files[path] = nil
        if arrivals[key]?.files.isEmpty == true { waiting.insert(key) }
      }
    }
    for key in waiting {
      guard let arrival = arrivals[key] else { continue }
      forget(key)
      effects.append(.stopProof(key))
      if key.isTaken { effects.append(.recordCancelled(waitingJob(arrival), reason)) }
    }
    for name in directory.subdirectories {
      forget(Place(root: place.root, path: place.path.appending(name)), reason, now, &effects)
    }
    holds = holds.filter { $0.key.parent != place }
    if !place.path.isRoot { stirred(place, now) }
  }

  /// Sets or, with nil, forgets what a name is there for.
  mutating func answer(_ place: Place, _ answer: Answer?) {
    guard let name = place.path.name else { return }
    let directory = place.parent
    if answer != nil { add(directory: directory) }
    directories[directory]?.files[name] = answer
  }

  mutating func add(directory place: Place) {
    guard directories[place] == nil, !place.isOurs else { return }
    directories[place] = Directory()
    guard let name = place.path.name else { return }
    add(directory: place.parent)
    directories[place.parent]?.subdirectories.insert(name)
  }
}

private let isGone = "is gone; it is watched again when it is back"

extension Place {
  var parent: Place { Place(root: root, path: path.parent) }

  /// Whether it lies in a directory that we made in a hot folder, to remove sources through.
  var isOurs: Bool {
    path.components.contains { $0.bytes.starts(with: ourPrefix) }
  }

  var sentinel: Sentinel? { path.name.flatMap { Sentinel($0) } }
}

private let ourPrefix = Array(".hotplate-".utf8)
