import Files
import Foundation
import Paths
import ReadModel
import Rules
import Sequences
import Transfer
import Watching

/// What goes into one job, before its destination's version is known.
struct Draft: Sendable {
  /// Those that were in force when it was decided.
  let rules: RuleSet
  let parts: [Part]
  let id: JobID
  let arrival: Arrival
  /// Of the rules: a key of the arrival means something under these only.
  let generation: Int

  struct Part: Sendable {
    let assignment: Assignment
    let rule: Rule
  }
}

/// Why what the rules take cannot become a job, as a sentence.
struct PlanError: Error { let message: String }

extension Intake {
  /// Makes jobs of an arrival that is still and whole, as far as its rules want it already.
  mutating func makeJobs(_ arrival: Arrival, _ now: Moment, _ effects: inout [Effect]) {
    let key = arrival.key
    let files = arrival.files.keys.map { arrival.path($0) }
    let assignments = rules.assign(files, hotFolder: hotFolders[key.directory.root].name)
    // One quiet time for all: a slower rule further down keeps the whole family.
    let quiet =
      assignments.compactMap { $0.quiet(or: defaultQuiet(key.directory.root)) }.max() ?? .zero
    if now.uptime - arrival.lastChange < quiet {
      arrivals[key]?.quiet = quiet
      return schedule(key)
    }
    if key.isDelivery {
      makeDelivery(arrival, assignments, now, &effects)
    } else {
      makeEach(arrival, assignments, now, &effects)
    }
  }

  /// Each sequence and each single file goes its own way.
  private mutating func makeEach(
    _ arrival: Arrival, _ assignments: [Assignment], _ now: Moment, _ effects: inout [Effect]
  ) {
    let key = arrival.key
    var verdict = Verdict.ready
    var id = arrival.job
    for assignment in assignments {
      let (own, rule) = judge(assignment, arrival, now)
      if case .ready = own, let rule {
        let draft = Draft(
          rules: rules, parts: [Draft.Part(assignment: assignment, rule: rule)], id: id,
          arrival: arrival, generation: generation)
        do throws(PlanError) {
          try begin(draft, now, &effects)
          id = makeID(now.wall)
        } catch {
          verdict = .held(Reason(.rule, error.message, at: now.wall))
        }
      } else if case .ready = own {
        answerLeft(assignment, key)
      } else {
        verdict = own
        awaitCompanions(of: assignment, for: key)
      }
    }
    // What stays is another arrival than what left as a job, and has an id of its own.
    arrivals[key]?.job = id
    conclude(key, verdict, now, &effects)
  }

  /// All that lies below one directory goes as one job, or waits for its last member.
  private mutating func makeDelivery(
    _ arrival: Arrival, _ assignments: [Assignment], _ now: Moment, _ effects: inout [Effect]
  ) {
    let key = arrival.key
    var verdict = obstacle(to: key, now) ?? .ready
    var manifests: Set<RelativePath> = []
    var parts: [Draft.Part] = []
    for assignment in assignments {
      guard case .ready = verdict else { break }
      let (own, rule) = judge(assignment, arrival, now)
      switch own {
      case .ready:
        if let rule {
          parts.append(Draft.Part(assignment: assignment, rule: rule))
        } else {
          answerLeft(assignment, key)
        }
      case .needsProof(let paths):
        manifests.formUnion(paths)
      case .waits, .held: verdict = own
      }
    }
    if case .ready = verdict, !manifests.isEmpty { verdict = .needsProof(manifests.sorted()) }
    if case .ready = verdict, !parts.isEmpty {
      let draft = Draft(
        rules: rules, parts: parts, id: arrival.job, arrival: arrival, generation: generation)
      do throws(PlanError) {
        try begin(draft, now, &effects)
        pendingNotes[arrival.job] = whatStays(below: key)
      } catch {
        verdict = .held(Reason(.rule, error.message, at: now.wall))
      }
    }
    conclude(key, verdict, now, &effects)
  }

  /// Files below a delivery that no rule takes do not keep it; its history names them.
  private func whatStays(below key: Arrival.Key) -> String? {
    let left = names(below: key.directory, recursively: true).filter { path in
      let place = Place(root: key.directory.root, path: path)
      switch directories[place.parent]?.files[path.name!] {
      case .waiting(let other)?: return !other.isTaken
      case .special?: return true
      default: return false
      }
    }.sorted()
    if left.isEmpty { return nil }
    let names = left.prefix(3).map(\.description).joined(separator: ", ")
    let more = left.count > 3 ? " and \(left.count - 3) more" : ""
    return "no rule takes \(names)\(more): left where they are"
  }

  /// What is left of an arrival after its jobs were made waits, or is no more.
  private mutating func conclude(
    _ key: Arrival.Key, _ verdict: Verdict, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let arrival = arrivals[key] else { return }
    if arrival.files.isEmpty { return forget(key) }
    guard case .needsProof(let manifests) = verdict else {
      return block(key, verdict, now, &effects)
    }
    arrivals[key]?.phase = .proving(asOf: arrival.change)
    effects.append(
      .prove(
        key, asOf: arrival.change, manifests: manifests,
        files: Set(arrival.files.keys.map { arrival.path($0) })))
  }

  /// - Returns: with `.ready` the rule that takes it, nil if one leaves it.
  private func judge(_ assignment: Assignment, _ arrival: Arrival, _ now: Moment) -> (
    Verdict, Rule?
  ) {
    switch assignment.outcome {
    case .left: return (.ready, nil)
    case .unmatched(let refusals):
      // The rule that fits but for its conditions is the one a person thinks of.
      let near = refusals.filter { $0.why.contains("when.") }.map { "\($0.rule): \($0.why)" }
      let why = near.isEmpty ? "no rule takes it" : near.joined(separator: "; ")
      let name = arrival.key.isDelivery ? "\(assignment.shownName): " : ""
      return (.waits(Reason(.unmatched, name + why, at: now.wall), patience: nil), nil)
    case .failed(let rule, let message):
      return (.held(Reason(.rule, "rule \(rule): \(message)", at: now.wall)), nil)
    case .taken(let rule, _):
      do throws(DestinationError) {
        return (try verdict(on: assignment, rule, arrival, now), rule)
      } catch {
        return (.held(Reason(.rule, "\(error)", at: now.wall)), nil)
      }
    }
  }

  private mutating func answerLeft(_ assignment: Assignment, _ key: Arrival.Key) {
    guard case .left(let rule, _, let text) = assignment.outcome else { return }
    for file in assignment.files {
      let place = Place(root: key.directory.root, path: file)
      if let path = key.relative(place) { arrivals[key]?.files[path] = nil }
      answer(place, .left(rule: rule.name, text: text))
    }
  }

  // MARK: from a draft to a job

  private mutating func begin(_ draft: Draft, _ now: Moment, _ effects: inout [Effect])
    throws(PlanError)
  {
    let (job, question) = try job(draft, version: nil)
    let key = draft.arrival.key
    for file in job.plan.files {
      let place = Place(root: job.hotFolder, path: file.source)
      if let path = key.relative(place) { arrivals[key]?.files[path] = nil }
      answer(place, .job(job.id))
    }
    jobs[job.id] = job
    unstarted.insert(job.id)
    guard let question else { return effects.append(.enqueue(job)) }
    drafts[job.id] = draft
    effects.append(.chooseVersion(job, question))
  }

  mutating func versionChosen(
    _ id: JobID, _ choice: VersionChoice, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let draft = drafts.removeValue(forKey: id), let old = jobs[id] else { return }
    let number: Int
    switch choice {
    case .number(let chosen): number = chosen
    case .nextOfAll: return takeAllAgain(draft, old, now, &effects)
    case .unknown(let why):
      unstarted.remove(id)
      return takeLater(draft, old, why, now, &effects)
    }
    // It was possible with another number; with this one a name may be too long, at the worst.
    var new = (try? job(draft, version: number).0) ?? old
    new.pendingCancel = nil
    new.touched = old.touched
    jobs[id] = new
    effects.append(.enqueue(new))
    if let reason = old.pendingCancel { cancel(id, reason, &effects) }
  }

  /// Gathers everything that went under a number whose frames have changed, to go under the next one as a whole.
  private mutating func takeAllAgain(
    _ draft: Draft, _ job: Job, _ now: Moment, _ effects: inout [Effect]
  ) {
    let key = draft.arrival.key
    unstarted.remove(job.id)
    let first = Place(root: job.hotFolder, path: job.plan.files[0].source)
    guard draft.generation == generation, seat(for: first, now).key == key,
      job.pendingCancel.map({ $0.code == .user }) ?? true
    else { return takeAnew(draft, job, now, &effects) }
    jobs[job.id] = nil
    var arrival =
      arrivals[key]
      ?? Arrival(
        key: key, job: job.id, firstSeen: draft.arrival.firstSeen, lastChange: now.uptime,
        quiet: draft.arrival.quiet)
    arrival.goesAgain = true
    arrival.change = nextChange()
    arrival.lastChange = now.uptime
    arrival.phase = .settling
    for path in names(below: key.directory, recursively: key.isDelivery) {
      let place = Place(root: job.hotFolder, path: path)
      guard let answer = directories[place.parent]?.files[path.name!],
        let file = key.relative(place)
      else { continue }
      switch answer {
      case .job(job.id): break
      case .done where seat(for: place, now).key == key: break
      default: continue
      }
      arrival.files[file] = Arrival.File()
      self.answer(place, .waiting(key))
    }
    arrivals[key] = arrival
    if key.isDelivery { deliveries.insert(key.directory) }
    schedule(key)
    if let reason = job.pendingCancel, let arrival = arrivals[key] {
      remove(arrival, reason, answer: .cancelled(job.id), &effects)
    }
  }

  /// Under other rules, or when something but a person stops it, its files find their places as if they had just come.
  private mutating func takeAnew(
    _ draft: Draft, _ job: Job, _ now: Moment, _ effects: inout [Effect]
  ) {
    if let reason = job.pendingCancel {
      effects.append(.recordCancelled(waitingJob(draft, job), reason))
    }
    release(job.id, now, &effects)
    guard let reason = job.pendingCancel, reason.code == .user else { return }
    for file in job.plan.files {
      let place = Place(root: job.hotFolder, path: file.source)
      if case .waiting(let key)? = directories[place.parent]?.files[file.source.name!],
        let arrival = arrivals[key]
      {
        remove(arrival, reason, answer: .cancelled(arrival.job), &effects)
      }
    }
  }

  /// Nobody can say yet under which number they go: their files wait and are looked at again.
  private mutating func takeLater(
    _ draft: Draft, _ job: Job, _ why: String, _ now: Moment, _ effects: inout [Effect]
  ) {
    takeAnew(draft, job, now, &effects)
    let places = job.plan.files.map { Place(root: job.hotFolder, path: $0.source) }
    let keys = places.compactMap { place -> Arrival.Key? in
      guard case .waiting(let key)? = directories[place.parent]?.files[place.path.name!] else {
        return nil
      }
      return key
    }
    let reason = Reason(.io, "its version cannot be chosen: \(why)", at: now.wall)
    for key in Set(keys) {
      block(key, .waits(reason, patience: nil), now, &effects)
      retryAt[key] = now.uptime + limits.unreadableRetry
    }
  }

  private func waitingJob(_ draft: Draft, _ job: Job) -> WaitingJob {
    WaitingJob(
      id: job.id, hotFolder: job.hotFolder, rule: job.rules.first?.name,
      source: label(draft.arrival), directory: draft.arrival.key.directory,
      head: draft.arrival.key.head, files: job.plan.files.map(\.source),
      firstSeen: draft.arrival.firstSeen)
  }
}

extension Assignment {
  fileprivate func quiet(or usual: Duration) -> Duration? {
    switch outcome {
    case .taken(let rule, _), .left(let rule, _, _): rule.ready.quiet ?? usual
    case .unmatched, .failed: nil
    }
  }
}
