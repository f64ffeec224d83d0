import Files
import Foundation
import Paths
import ReadModel
import Rules
import Sequences
import Transfer
import Watching

extension Intake {
  /// What a look at an arrival's files found; it becomes jobs if they are all still, whole and wanted.
  mutating func inspected(
    _ key: Arrival.Key, _ inspection: Inspection, _ now: Moment, _ effects: inout [Effect]
  ) {
    unparked.remove(key)
    guard var arrival = arrivals[key], case .inspecting(let changes) = arrival.phase else { return }
    arrival.phase = .settling
    var unsettled = arrival.changes != changes
    var unreadable: Reason?
    for name in Array(arrival.files.keys) {
      if let failure = inspection.failures[name] {
        // Never a sequence without its unreadable frame: the whole waits until somebody mends it.
        unreadable = Reason(
          .io, "\(key.directory.path.appending(name)) cannot be read: \(failure)",
          path: absolute(Place(root: key.directory.root, path: key.directory.path.appending(name))),
          at: now.wall)
        continue
      }
      if inspection.gone.contains(name) {
        arrival.files[name] = nil
        answer(name, in: key, nil)
        unsettled = true
        continue
      }
      guard let look = inspection.looks[name] else {
        // It came after the look began.
        unsettled = true
        continue
      }
      if let settled = settle(look, arrival.files[name] ?? nil, name, key) {
        unsettled = unsettled || !settled
        arrival.files[name] = .some(look.snapshot)
      } else {
        arrival.files[name] = nil
      }
    }
    if arrival.files.isEmpty {
      arrivals[key] = nil
      return
    }
    if unsettled {
      // A change seen by its event has already moved the time; one seen only by the look moves it now.
      if arrival.changes == changes { arrival.lastChange = now.uptime }
      arrivals[key] = arrival
      return schedule(key)
    }
    if let unreadable {
      arrival.phase = .blocked(unreadable)
      arrivals[key] = arrival
      retryAt[key] = now.uptime + limits.unreadableRetry
      return
    }
    if unstarted.count >= limits.queued {
      arrival.phase = .parked
      arrivals[key] = arrival
      return parked.append(key)
    }
    arrivals[key] = arrival
    makeJobs(arrival, now, &effects)
  }

  /// - Returns: whether the file is still; nil if it is no candidate at all and has its answer.
  private mutating func settle(
    _ look: Inspection.Look, _ before: Snapshot?, _ name: FileName, _ key: Arrival.Key
  ) -> Bool? {
    if look.kind != .file {
      answer(name, in: key, .special(look.kind.rawValue))
      return nil
    }
    switch look.known {
    case .published(let job), .ownOutput(let job):
      answer(name, in: key, .done(job))
      return nil
    case .cancelled(let job):
      answer(name, in: key, .cancelled(job))
      return nil
    case .new: break
    }
    switch look.writer {
    case .none: return true
    case .present: return false
    // Where the kernel will not tell, two equal looks a quiet time apart must.
    case .unknown: return before == look.snapshot
    }
  }

  private mutating func makeJobs(_ arrival: Arrival, _ now: Moment, _ effects: inout [Effect]) {
    let key = arrival.key
    let files = arrival.files.keys.map { key.directory.path.appending($0) }
    let assignments = rules.assign(files, hotFolder: hotFolders[key.directory.root].name)
    // One quiet time for all: a slower rule further down keeps the whole family.
    for case .taken(let rule, _) in assignments.map(\.outcome)
    where now.uptime - arrival.lastChange < rule.ready.quiet {
      arrivals[key]?.quiet = rule.ready.quiet
      return schedule(key)
    }
    var blocked: Reason?
    var id = arrival.job
    for assignment in assignments {
      switch assignment.outcome {
      case .unmatched(let refusals):
        // The rule that fits but for its conditions is the one a person thinks of.
        let near = refusals.filter { $0.why.contains("when.") }.map { "\($0.rule): \($0.why)" }
        let why = near.isEmpty ? "no rule takes it" : near.joined(separator: "; ")
        blocked = Reason(.unmatched, why, at: now.wall)
      case .failed(let rule, let message):
        blocked = Reason(.rule, "rule \(rule): \(message)", at: now.wall)
      case .taken(let rule, _):
        if let reason = missingFrames(assignment, rule, now) {
          blocked = reason
          continue
        }
        do {
          let job = try job(id, assignment, rule, arrival, now)
          id = makeID(now.wall)
          for file in assignment.files {
            arrivals[key]?.files[file.name!] = nil
            answer(file.name!, in: key, .job(job.id))
          }
          jobs[job.id] = job
          unstarted.insert(job.id)
          effects.append(.enqueue(job))
        } catch {
          blocked = Reason(.rule, "rule \(rule.name): \(error)", at: now.wall)
        }
      }
    }
    if arrivals[key]?.files.isEmpty == true {
      arrivals[key] = nil
    } else if let blocked {
      // What stays is another arrival than what left as a job, and has an id of its own.
      arrivals[key]?.job = id
      arrivals[key]?.phase = .blocked(blocked)
    }
  }

  private func missingFrames(_ assignment: Assignment, _ rule: Rule, _ now: Moment) -> Reason? {
    guard let expected = rule.ready.frames, let frames = assignment.frames else { return nil }
    let missing = expected.subtracting(frames)
    if missing.isEmpty { return nil }
    return Reason(.gaps, "waiting for frames \(missing)", at: now.wall)
  }

  private func job(
    _ id: JobID, _ assignment: Assignment, _ rule: Rule, _ arrival: Arrival, _ now: Moment
  ) throws(DestinationError) -> Job {
    let destination = try rules.destination(of: assignment)
    let root = assignment.directory
    let hotFolder = hotFolders[arrival.key.directory.root]
    let files = zip(assignment.files, destination.files).map { source, target in
      PlannedFile(source: source, snapshot: arrival.files[source.name!]!!, destination: target)
    }
    let plan = TransferPlan(
      id: id, action: rule.transfer == .move ? .move : .copy,
      verify: rule.verify == .none ? .none : .copy,
      durability: settings.durability, conflict: rule.conflict == .skip ? .skip : .hold,
      files: files,
      sourceRoot: hotFolder.path, destinationRoot: hotFolder.destination, owner: settings.owner)
    let source = SequenceView(
      directory: ExactText(absolute(Place(root: arrival.key.directory.root, path: root))),
      pattern: shownPattern(assignment.pattern, assignment.files[0]),
      frames: assignment.frames?.description)
    let target = SequenceView(
      directory: ExactText(below(hotFolder.destination, destination.directory)),
      pattern: shownPattern(destination.pattern, destination.files[0]),
      frames: destination.frames?.description)
    let member = Member(
      source: source, destination: target, files: 0..<files.count,
      head: assignment.pattern?.head ?? assignment.files[0].name!.bytes,
      isSingleFile: assignment.pattern == nil,
      target: destination.pattern.map { Member.Affixes(head: $0.head, tail: $0.tail) })
    return Job(
      id: id, hotFolder: arrival.key.directory.root, rule: rule.name, ruleText: rule.text,
      members: [member],
      plan: plan, created: arrival.firstSeen.wall, state: .waiting)
  }

  mutating func answer(_ name: FileName, in key: Arrival.Key, _ answer: Answer?) {
    directories[key.directory]?.files[name] = answer
  }
}

private func shownPattern(_ pattern: SequencePattern?, _ file: RelativePath) -> ExactText {
  ExactText(pattern?.pattern.bytes ?? file.name!.bytes)
}
