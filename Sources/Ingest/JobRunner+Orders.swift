import Files
import Foundation
import Journal
import Paths
import ReadModel
import Transfer
import Watching

extension JobRunner {
  /// What is to be done about an effect; nil if nothing is left to do, or if it is the host's own.
  package func order(for effect: Effect) -> Order? {
    switch effect {
    case .stop(let id):
      board.raise(id)
      return nil
    case .enqueue(let job):
      return .row(Step("enqueue", job.id) { try await $0.enqueue(job) })
    case .stage(let id):
      guard let job = pinned(id) else { return nil }
      // At once: whatever stops the job from here on must find its flag.
      let flag = board.enter(job)
      return .step(Step("stage", id) { try await $0.stage(job, flag) })
    case .measure(let id, let measure):
      return step("measure", id) { await $0.measure($1, measure) }
    case .giveBack(let id): return step("give back the room of", id) { try await $0.giveBack($1) }
    case .overlay(let id, let over, let reason):
      return .step(Step("overlay", id) { try await $0.overlay(id, over, reason) })
    case .commit(let id, let recheck):
      return step("commit", id) { try await $0.commit($1, recheck) }
    case .publish(let id): return step("publish", id) { try await $0.publish($1) }
    case .finish(let id): return step("finish", id) { try await $0.finish($1) }
    case .abort(let id, let reason, let commitUnderWay):
      board.clock.mark(.seen, of: id)
      return pinned(id).map { .abort($0, reason, commitUnderWay: commitUnderWay) }
    case .recheck(let id, let paths): return step("recheck", id) { await $0.recheck($1, paths) }
    case .setAside(let id, let state, let reason):
      return step("set aside", id) { try await $0.setAside($1, state, reason) }
    case .requeue(let id, let over, let reason):
      // A job that waits must not keep anybody from unmounting.
      sourcePlaces[id] = nil
      return step("requeue", id) { try await $0.requeue($1, over, reason) }
    case .amend(let id, let reason):
      return .step(
        Step("amend", id) {
          try await $0.ledger.amend(reason: reason.data, note: reason.message, of: id, at: Date())
        })
    case .note(let id, let text):
      return .step(Step("note", id) { try await $0.ledger.note(text, on: id, at: Date()) })
    case .recordCancelled(let waiting, let reason):
      board.clock.mark(.seen, of: waiting.id)
      return .step(
        Step("record the cancel of", waiting.id) { try await $0.record(waiting, reason) })
    case .retry(let id): return .row(Step("try again", id) { try await $0.retry(id) })
    case .undo(let id):
      let flag = StopFlag()
      undoFlags[id] = flag
      return step("undo", id) { try await $0.carryOutUndo(of: $1, flag) }
    case .inspect, .prove, .stopProof, .chooseVersion, .regainJournalRoom, .tell, .leave, .seek,
      .rescan:
      return nil
    }
  }

  private func step(
    _ name: String, _ id: JobID,
    run: nonisolated(nonsending) @escaping @Sendable (JobRunner, Job) async throws -> Void
  ) -> Order? {
    guard let job = pinned(id) else { return nil }
    return .step(Step(name, id) { try await run($0, job) })
  }

  private nonisolated(nonsending) func enqueue(_ job: Job) async throws {
    let hotFolder = configuration.hotFolders[job.hotFolder]
    tellMatched(job)
    do {
      try await ledger.insert(
        try job.record(hotFolder: hotFolder), frames: job.frameRecords, claims: job.claims,
        at: Date(), cancelReceipt: nil)
      host.post(.enqueued(job.id))
    } catch JournalError.claimed(let path, let other) {
      var record = try job.record(hotFolder: hotFolder)
      record.state = JobState.held.rawValue
      try await ledger.insert(
        record, frames: job.frameRecords, claims: [], at: Date(), cancelReceipt: nil)
      withoutClaims.insert(job.id)
      host.post(.claimed(job.id, by: other, path: path))
    }
  }

  private nonisolated(nonsending) func requeue(_ job: Job, _ over: JobOverlay?, _ reason: Reason)
    async throws
  {
    _ = try await move(
      job.id, from: [.queued, .staging, .staged, .held], to: .queued, reason: reason,
      note: reason.message)
    try await ledger.setOver(over?.rawValue, of: job.id)
    tellStop("waits", metadata(job), reason)
  }

  /// Writes that a held or failed job has another turn.
  private nonisolated(nonsending) func retry(_ id: JobID) async throws {
    _ = try await move(id, from: [.held, .failed], to: .queued, reason: .some(nil))
    // A failed one has given its names back; it takes them when it begins.
    withoutClaims.insert(id)
  }

  private nonisolated(nonsending) func recheck(_ job: Job, _ paths: Set<RelativePath>) async {
    do throws(SystemError) {
      host.post(.rechecked(job.id, try await inspector.changedSource(paths, of: job)))
    } catch {
      // It stays held as it is; what changed meanwhile is found when its turn comes.
      log.warning("cannot be looked at: \(error)", metadata: metadata(job))
    }
  }

  private nonisolated(nonsending) func setAside(_ job: Job, _ state: JobState, _ reason: Reason)
    async throws
  {
    do {
      switch try await transfer.discard(job.plan) {
      case .removed, .nothing:
        // One that fails behind its commit is known by them, should this be cut off before its row.
        if state != .failed { try await ledger.forgetReceipts(of: job.id, ordinals: nil) }
        receipts[job.id] = nil
        stagedOn[job.id] = nil
      // Whole frames whose sources are gone: their receipts are all that tells what they are.
      case .kept(let paths): try await noteKept(paths, of: job)
      }
    } catch let error as TransferError {
      // No job ends with staging left: tried again here, and at the next start, which takes the job up where it was.
      let message = "staging could not be removed: \(error)"
      log.error("\(message)", metadata: metadata(job))
      _ = await absence(for: job)
      try await ledger.amend(reason: reason.data, note: message, of: job.id, at: Date())
      return host.post(.setAsideAgain(job.id), after: .seconds(5))
    }
    _ = try await move(
      job.id, from: JobState.beforeCommit.union([.committing]), to: state, reason: reason,
      note: reason.message)
    tellStop(state.rawValue, metadata(job), reason)
    board.leave(job.id)
    progress.clear(job.id)
    sourcePlaces[job.id] = nil
    host.post(.setAside(job.id))
  }
}

extension JobState {
  /// From which a job may still be stopped.
  static let beforeCommit: Set<JobState> = [.waiting, .queued, .staging, .staged, .held]
}
