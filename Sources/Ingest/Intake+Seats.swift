import Foundation
import HeapModule
import Paths
import ReadModel
import Rules
import Sequences
import Watching

/// Where a name belongs, by the rules as they are.
struct Seat {
  let key: Arrival.Key
  /// How long nothing may change around it; nil where no rule takes it.
  let quiet: Duration?
  /// What a `STEM.cancel` is held against.
  let head: [UInt8]
  let isSingleFile: Bool
  /// Why no rule takes it.
  var refusal: Reason?
  /// A marker or manifest of some rule, and nothing else.
  var isCompanion = false
}

extension Intake {
  func seat(for place: Place, _ now: Moment) -> Seat {
    let name = place.path.name!
    func guessed(_ refusal: Reason?, isCompanion: Bool = false) -> Seat {
      let slot = guessSlot(in: name)
      let key = Arrival.Key(directory: place.parent, rule: nil, name: name, slot: slot)
      return Seat(
        key: key, quiet: nil, head: key.head, isSingleFile: slot == nil, refusal: refusal,
        isCompanion: isCompanion)
    }
    switch rules.decide(place.path, hotFolder: hotFolders[place.root].name) {
    case .taken(let match), .left(let match, _):
      let key = Arrival.Key(
        directory: place.parent, rule: match.ruleIndex, name: name, slot: match.slot)
      let delivery = match.delivery.map { Place(root: place.root, path: $0) }
      return Seat(
        key: delivery.map { Arrival.Key(delivery: $0) } ?? key,
        quiet: match.rule.ready.quiet ?? defaultQuiet(place.root), head: key.head,
        isSingleFile: match.slot == nil)
    case .unmatched:
      if rules.isCompanion(place.path) { return guessed(nil, isCompanion: true) }
      return guessed(
        Reason(.unmatched, "no rule takes it: `hotplate explain` says why", at: now.wall))
    case .failed(let rule, let message):
      return guessed(Reason(.rule, "rule \(rule): \(message)", at: now.wall))
    }
  }

  /// Whether a file's completeness, by its format, counts for its rule.
  func checksWhole(_ path: RelativePath, of key: Arrival.Key) -> Bool {
    if let rule = key.rule { return rules.rules[rule].ready.whole }
    guard key.isDelivery,
      case .taken(let match) = rules.decide(path, hotFolder: hotFolders[key.directory.root].name)
    else { return false }
    return match.rule.ready.whole
  }

  /// Others are in force: what has no job yet, and what is held, is asked again; jobs under way keep the rule they began
  /// with.
  mutating func rulesChanged(_ rules: RuleSet, _ now: Moment, _ effects: inout [Effect]) {
    self.rules = rules
    let waiting = arrivals.values.sorted { $0.firstSeen.uptime < $1.firstSeen.uptime }
    for arrival in waiting {
      forget(arrival.key)
      effects.append(.stopProof(arrival.key))
    }
    parked = []
    unparked = []
    deadlines = Heap()
    for arrival in waiting { askAgain(arrival, now) }
    cancelledKeys = []
    for (directory, contents) in directories {
      for (name, answer) in contents.files {
        let place = Place(root: directory.root, path: directory.path.appending(name))
        switch answer {
        case .cancelled: cancelledKeys.insert(seat(for: place, now).key)
        case .left, .companion: seen(place, .found, now, &effects)
        default: break
        }
      }
    }
    for job in jobs.values where job.state == .held && !job.isBeingSetAside {
      tryAgain(job, now, &effects)
    }
  }

  /// Gives each file of an arrival its new seat; what is known of its age goes with it.
  private mutating func askAgain(_ old: Arrival, _ now: Moment) {
    var isIDFree = true
    for (path, file) in old.files {
      let place = Place(root: old.key.directory.root, path: old.path(path))
      let seat = seat(for: place, now)
      if seat.isCompanion {
        answer(place, .companion)
        continue
      }
      guard let path = seat.key.relative(place) else { continue }
      var arrival =
        arrivals.removeValue(forKey: seat.key)
        ?? Arrival(
          key: seat.key, job: isIDFree ? old.job : makeID(now.wall), firstSeen: old.firstSeen,
          lastChange: old.lastChange, quiet: seat.quiet ?? .zero)
      if arrival.job == old.job { isIDFree = false }
      arrival.files[path] = file
      arrival.quiet = max(arrival.quiet, seat.quiet ?? .zero)
      arrival.lastChange = max(arrival.lastChange, old.lastChange)
      // A look that is under way was for another question.
      arrival.changes = max(arrival.changes, old.changes) + 1
      arrival.phase = seat.refusal.map { .blocked($0) } ?? .settling
      arrivals[seat.key] = arrival
      if seat.key.isDelivery { deliveries.insert(seat.key.directory) }
      answer(place, .waiting(seat.key))
      if seat.refusal == nil { schedule(seat.key) }
    }
  }

  /// A held job under the same rule as before may find its way free; under another it arrives anew.
  private mutating func tryAgain(_ job: Job, _ now: Moment, _ effects: inout [Effect]) {
    if job.rules.allSatisfy({ old in
      rules.rules.contains { $0.name == old.name && $0.text == old.text }
    }) {
      jobs[job.id]?.state = .queued
      jobs[job.id]?.reason = nil
      queue.append(job.id)
      unstarted.insert(job.id)
    } else {
      let reason = Reason(
        .rulesChanged, "the rules have changed; it is taken again by the new ones", at: now.wall)
      cancel(job.id, reason, &effects)
    }
  }
}
