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
    generation += 1
    let waiting = arrivals.values.sorted { $0.firstSeen.uptime < $1.firstSeen.uptime }
    for arrival in waiting {
      forget(arrival.key)
      effects.append(.stopProof(arrival.key))
    }
    parked = []
    unparked = []
    deadlines = Heap()
    for arrival in waiting { askAgain(arrival, now) }
    let ages = arrivals.mapValues(\.lastChange)
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
    // Files that a rule left lay there before: they make no delivery younger.
    for (key, age) in ages { arrivals[key]?.lastChange = age }
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
      arrival.change = nextChange()
      arrival.phase = seat.refusal.map { .blocked($0) } ?? .settling
      arrivals[seat.key] = arrival
      if seat.key.isDelivery { deliveries.insert(seat.key.directory) }
      answer(place, .waiting(seat.key))
      if seat.refusal == nil { schedule(seat.key) }
    }
  }

  /// A held job that the rules would make again may find its way free; one that they would make otherwise arrives anew.
  private mutating func tryAgain(_ job: Job, _ now: Moment, _ effects: inout [Effect]) {
    if wouldMakeAgain(job) {
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

  /// Whether the same files would go to the same places in the same way. Not the rule's own lines decide: its tokens and
  /// defaults stand elsewhere.
  private func wouldMakeAgain(_ job: Job) -> Bool {
    let top = Place(root: job.hotFolder, path: .root)
    var arrival = Arrival(
      key: Arrival.Key(delivery: top), job: job.id,
      firstSeen: Moment(uptime: .zero, wall: job.created), lastChange: .zero, quiet: .zero)
    for file in job.plan.files {
      arrival.files[file.source] = Arrival.File(snapshot: file.snapshot)
    }
    let assignments = rules.assign(
      job.plan.files.map(\.source), hotFolder: hotFolders[job.hotFolder].name)
    var parts: [Draft.Part] = []
    for assignment in assignments {
      guard case .taken(let rule, _) = assignment.outcome else { return false }
      parts.append(Draft.Part(assignment: assignment, rule: rule))
    }
    let draft = Draft(
      rules: rules, parts: parts, id: job.id, arrival: arrival, generation: generation)
    guard let plan = try? self.job(draft, version: nil).0.plan else { return false }
    return Set(plan.files) == Set(job.plan.files) && plan.actions == job.plan.actions
      && plan.verify == job.plan.verify && plan.conflict == job.plan.conflict
      && plan.destinationRoot == job.plan.destinationRoot
  }
}
