import Files
import Foundation
import Paths
import ReadModel
import Rules
import Sequences
import Watching

extension Intake {
  /// What a look at an arrival's files found; it becomes jobs if they are all still, whole and wanted.
  mutating func inspected(
    _ key: Arrival.Key, asOf change: Int, _ inspection: Inspection, _ now: Moment,
    _ effects: inout [Effect]
  ) {
    unparked.remove(key)
    guard var arrival = arrivals[key], case .inspecting(change) = arrival.phase else { return }
    arrival.phase = .settling
    // What it found is no more: one that was gone may be back, one that was published may be written again.
    if arrival.change != change {
      arrivals[key] = arrival
      return schedule(key)
    }
    var unsettled = false
    let isRevived =
      key.isDelivery && inspection.looks.contains { isNewMember($1, key.path($0), of: key) }
    var unreadable: Reason?
    var incomplete: Reason?
    for path in Array(arrival.files.keys) {
      let place = Place(root: key.directory.root, path: key.path(path))
      if let failure = inspection.failures[path] {
        // Never a sequence without its unreadable frame: the whole waits until somebody mends it.
        unreadable = Reason(
          .io, "\(place.path) cannot be read: \(failure)", path: absolute(place), at: now.wall)
        continue
      }
      if inspection.gone.contains(path), isLeaving(place) {
        // Where to is told in a moment, and ends it.
        unsettled = true
        continue
      }
      if inspection.gone.contains(path) {
        arrival.files[path] = nil
        answer(place, nil)
        unsettled = true
        continue
      }
      guard let look = inspection.looks[path] else {
        // For the moment out of reach.
        unsettled = true
        continue
      }
      if case .cancelled(let job) = look.known, look.kind == .file, !isRevived {
        // As in the run that cancelled it: a change of one brings all of them back.
        cancelledKeys.insert(key)
        answer(place, .cancelled(job))
        arrival.files[path] = nil
      } else if let settled = settle(
        look, arrival.files[path]?.snapshot, place, goesAgain: arrival.goesAgain)
      {
        unsettled = unsettled || !settled
        arrival.files[path] = Arrival.File(
          snapshot: look.snapshot, isWhole: look.isChecked && look.lack == nil)
        if let lack = look.lack {
          incomplete = Reason(
            .incomplete, "\(place.path) is not whole: \(lack)", path: absolute(place), at: now.wall)
        }
      } else {
        arrival.files[path] = nil
      }
    }
    if arrival.files.isEmpty { return forget(key) }
    if unsettled {
      // A change that no event told of moves the time now.
      arrival.lastChange = now.uptime
      arrivals[key] = arrival
      return schedule(key)
    }
    arrivals[key] = arrival
    if let unreadable {
      block(key, .waits(unreadable, patience: nil), now, &effects)
      retryAt[key] = now.uptime + limits.unreadableRetry
      return
    }
    if let incomplete {
      return block(key, .waits(incomplete, patience: patience(of: arrival)), now, &effects)
    }
    goOn(arrival, now, &effects)
  }

  /// What is settled and whole becomes jobs, unless the queue is full.
  mutating func goOn(_ arrival: Arrival, _ now: Moment, _ effects: inout [Effect]) {
    if unstarted.count >= limits.queued || journalAt != nil {
      arrivals[arrival.key]?.phase = .parked
      return parked.append(arrival.key)
    }
    makeJobs(arrival, now, &effects)
  }

  /// What a manifest says of an arrival's files.
  mutating func proven(
    _ key: Arrival.Key, asOf change: Int, _ proof: Proof, _ now: Moment,
    _ effects: inout [Effect]
  ) {
    guard var arrival = arrivals[key], case .proving(change) = arrival.phase else { return }
    arrival.phase = .settling
    guard arrival.change == change, proof != .stopped else {
      arrivals[key] = arrival
      return schedule(key)
    }
    if proof == .right { arrival.proven = change }
    arrivals[key] = arrival
    guard case .wrong(let message) = proof else { return goOn(arrival, now, &effects) }
    block(
      key, .waits(Reason(.manifest, message, at: now.wall), patience: patience(of: arrival)), now,
      &effects)
  }

  /// An arrival is not wanted yet, or not without a person.
  mutating func block(
    _ key: Arrival.Key, _ verdict: Verdict, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let arrival = arrivals[key] else { return }
    patienceEnds[key] = nil
    switch verdict {
    case .ready, .needsProof: return
    case .held(let reason):
      arrivals[key]?.phase = .held(reason)
      effects.append(.tell(waitingJob(arrival), reason, isHeld: true))
    case .waits(let reason, let patience):
      let end = patience.map { arrival.firstSeen.uptime + $0 }
      let isOver = end.map { $0 <= now.uptime } ?? false
      arrivals[key]?.phase = isOver ? .held(reason) : .blocked(reason)
      if !isOver { patienceEnds[key] = end }
      effects.append(.tell(waitingJob(arrival), reason, isHeld: isOver))
    }
  }

  /// Whether a file that a rule takes, and does not leave, is in a state that nobody cancelled or published.
  private func isNewMember(_ look: Inspection.Look, _ path: RelativePath, of key: Arrival.Key)
    -> Bool
  {
    guard look.known == .new, look.kind == .file,
      case .taken = rules.decide(path, hotFolder: hotFolders[key.directory.root].name)
    else { return false }
    return true
  }

  /// - Returns: whether the file is still; nil if it is no candidate at all and has its answer.
  private mutating func settle(
    _ look: Inspection.Look, _ before: Snapshot?, _ place: Place, goesAgain: Bool
  ) -> Bool? {
    if look.kind != .file {
      answer(place, .special(look.kind.rawValue))
      return nil
    }
    switch look.known {
    case .published where goesAgain: break
    case .published(let job), .ownOutput(let job):
      answer(place, .done(job))
      return nil
    // With one of them changed, none stays cancelled.
    case .new, .cancelled: break
    }
    switch look.writer {
    case .none: return true
    case .present: return false
    // Where the kernel will not tell, two equal looks a quiet time apart must.
    case .unknown: return before == look.snapshot
    }
  }
}
