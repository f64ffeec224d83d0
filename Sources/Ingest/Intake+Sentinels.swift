import Foundation
import Paths
import ReadModel
import Sequences
import Watching

extension Intake {
  mutating func sentinelSeen(
    _ place: Place, _ sentinel: Sentinel, _ now: Moment, _ effects: inout [Effect]
  ) {
    for scope in unconfirmedHolds.keys { unconfirmedHolds[scope]?.remove(place) }
    guard !place.isOurs, holds[place] == nil else { return }
    holds[place] = sentinel
    let reason = Reason(
      .sentinel, "cancelled by \(shown(absolute(place)))", path: absolute(place), at: now.wall)
    cancelCovered(by: place, sentinel, reason, now, &effects)
  }

  /// Cancels what a sentinel means, whether it is known from an event or was met at a commit.
  mutating func cancelCovered(
    by place: Place, _ sentinel: Sentinel, _ reason: Reason, _ now: Moment,
    _ effects: inout [Effect]
  ) {
    for job in jobs.values where covers(place, sentinel, job) {
      if job.state == .committing {
        effects.append(.note(job.id, "\(place.path) came too late: already being published"))
      } else if job.state.takesCancel {
        cancel(job.id, reason, &effects)
      }
    }
    for arrival in Array(arrivals.values) where arrival.key.directory.root == place.root {
      if sentinel == .tree, arrival.key.directory.path.isAtOrBelow(place.path.parent) {
        remove(arrival, reason, answer: .onHold(sentinel: place), &effects)
        continue
      }
      let covered = arrival.files.keys.map {
        Place(root: place.root, path: arrival.path($0))
      }.filter { covers(place, sentinel, seat(for: $0, now), at: $0) }
      if covered.count == arrival.files.count {
        remove(arrival, reason, answer: .onHold(sentinel: place), &effects)
        continue
      }
      // A member of a delivery: the rest says that it waits, and for what.
      for file in covered {
        leaveArrival(file, now)
        answer(file, .onHold(sentinel: place))
      }
    }
  }

  /// Takes an arrival that did not become a job out of the queue's sight, with an answer for each of its files.
  mutating func remove(
    _ arrival: Arrival, _ reason: Reason, answer: Answer, _ effects: inout [Effect]
  ) {
    forget(arrival.key)
    effects.append(.stopProof(arrival.key))
    for path in arrival.files.keys {
      self.answer(Place(root: arrival.key.directory.root, path: arrival.path(path)), answer)
    }
    if case .cancelled = answer { cancelledKeys.insert(arrival.key) }
    if arrival.key.isTaken { effects.append(.recordCancelled(waitingJob(arrival), reason)) }
  }

  /// What a sentinel held is eligible again once it is gone.
  mutating func sentinelGone(_ place: Place, _ now: Moment, _ effects: inout [Effect]) {
    guard holds.removeValue(forKey: place) != nil else { return }
    var released: [Place] = []
    for (directory, contents) in directories
    where directory.root == place.root && directory.path.isAtOrBelow(place.path.parent) {
      for (name, answer) in contents.files {
        if case .onHold(let sentinel) = answer, sentinel == place {
          released.append(Place(root: directory.root, path: directory.path.appending(name)))
        }
      }
    }
    for file in released {
      answer(file, nil)
      seen(file, .found, now, &effects)
    }
  }

  /// The sentinel that keeps a file from starting, if one stands.
  func hold(over seat: Seat, at file: Place) -> Place? {
    if holds.isEmpty { return nil }
    return holds.first { covers($0.key, $0.value, seat, at: file) }?.key
  }

  private func covers(_ place: Place, _ sentinel: Sentinel, _ seat: Seat, at file: Place) -> Bool {
    guard place.root == file.root else { return false }
    switch sentinel {
    case .tree: return file.path.isAtOrBelow(place.path.parent)
    case .stem:
      return file.parent == place.parent
        && sentinel.covers(head: seat.head, isSingleFile: seat.isSingleFile)
    }
  }

  func covers(_ place: Place, _ sentinel: Sentinel, _ job: Job) -> Bool {
    guard place.root == job.hotFolder else { return false }
    let scope = place.path.parent
    switch sentinel {
    case .tree: return job.plan.files.contains { $0.source.isAtOrBelow(scope) }
    case .stem:
      return job.members.contains { member in
        job.plan.files[member.files].first?.source.parent == scope
          && sentinel.covers(head: member.head, isSingleFile: member.isSingleFile)
      }
    }
  }

  func waitingJob(_ arrival: Arrival) -> WaitingJob {
    WaitingJob(
      id: arrival.job, hotFolder: arrival.key.directory.root,
      rule: ruleName(of: arrival), source: label(arrival), directory: arrival.key.directory,
      head: arrival.key.head, files: arrival.files.keys.map { arrival.path($0) },
      firstSeen: arrival.firstSeen)
  }

  /// The rule that takes an arrival, or the first of those that take a delivery.
  func ruleName(of arrival: Arrival) -> String? {
    if let rule = arrival.key.rule { return rules.rules[rule].name }
    guard arrival.key.isDelivery, let path = arrival.files.keys.min(),
      case .taken(let match) = rules.decide(
        arrival.path(path), hotFolder: hotFolders[arrival.key.directory.root].name)
    else { return nil }
    return match.rule.name
  }

  /// How an arrival is shown; its numbers are those of the slot, whatever their padding.
  public func label(_ arrival: Arrival) -> SequenceView {
    let directory = ExactText(absolute(arrival.key.directory))
    guard case .sequence(_, let head, let tail, let hasSlot) = arrival.key.kind else {
      return SequenceView(directory: directory, pattern: nil, frames: nil)
    }
    guard hasSlot else {
      return SequenceView(directory: directory, pattern: ExactText(head), frames: nil)
    }
    var numbers: [Int] = []
    var width = 1
    for name in arrival.files.keys {
      let digits = name.bytes[head.count..<(name.bytes.count - tail.count)]
      width = max(width, digits.count)
      if let number = Int(String(decoding: digits, as: UTF8.self)) { numbers.append(number) }
    }
    let hashes = width == 4 ? "#" : String(repeating: "@", count: width)
    return SequenceView(
      directory: directory,
      pattern: ExactText(head + Array(hashes.utf8) + tail),
      frames: FrameSet(numbers.sorted()).description)
  }
}
