import Files
import Foundation
import Journal
import Paths
import ReadModel
import Transfer
import Watching

extension JobRunner {
  /// Gives sources back that an earlier run left in its claims in a hot folder.
  nonisolated(nonsending) func putBack(_ index: Int) async throws {
    let undoing = Set(try await ledger.undos().map(\.job))
    for back in try await transfer.putBack(
      configuration.hotFolders[index].path, undoing: undoing)
    {
      guard let aside = back.aside, let id = back.delivery else {
        log.notice("\(back.source) has its name again")
        continue
      }
      let why = "something newer has its name, or it may not be whole"
      let note = "\(back.source) lies at \(aside): \(why)"
      log.warning("\(note)")
      if try await ledger.job(id) != nil { try await ledger.note(note, on: id, at: Date()) }
    }
  }

  /// What an earlier run left: its unfinished jobs as events.
  package nonisolated(nonsending) func recover() async throws -> [Event] {
    for root in Set(configuration.hotFolders.flatMap(\.roots.values)) {
      try await acceptIfMounted(.destination(root), at: root)
    }
    var events: [Event] = []
    let boot = try currentBootID()
    try await afterPowerCut(boot)
    for record in try await ledger.unfinished() {
      let frames = try await ledger.frames(of: record.id)
      guard let job = try Job(record, frames: frames, hotFolders: configuration.hotFolders) else {
        log.warning(
          "job \(record.id) is unfinished and its hot folder \(record.hotFolder) is not configured now"
        )
        continue
      }
      // It may be held for another's names, or have lost its own to one that is published again; its own are no clash.
      if JobState.beforeCommit.contains(job.state) { withoutClaims.insert(job.id) }
      let earlier = try receipts(in: frames)
      receipts[job.id] = earlier
      // Past the commit every frame counts: what another boot made doubtful is proven before it is published.
      if job.state == .committing, earlier.contains(where: { $0.isDoubtful(under: boot) }) {
        unproven.insert(job.id)
      }
      stagedOn[job.id] = earlier.first?.mount
      if job.state == .cancelling { board.clock.resume(job.id) }
      log.info("taken up again in state \(job.state.rawValue)", metadata: metadata(job))
      events.append(.recovered(job))
    }
    try await syncWhatIsDone(boot)
    return try await events + unfinishedUndos()
  }

  /// What an earlier boot ended, in case it ended with a power cut: frames that were published and not durable are proven
  /// again, staging whose removal was not durable is removed again.
  private nonisolated(nonsending) func afterPowerCut(_ boot: String) async throws {
    var isComplete = true
    for record in try await ledger.ended(beforeBoot: boot) {
      let frames = try await ledger.frames(of: record.id)
      guard let job = try Job(record, frames: frames, hotFolders: configuration.hotFolders) else {
        continue
      }
      // No undo begins to take back what is not durable: what is lost comes first.
      if job.state == .done, !record.durable,
        let undo = try await ledger.undos().first(where: { $0.job == job.id }), !undo.isSecured
      {
        try await giveUpUndo(of: job, undo)
        if try await reopen(job) { continue }
      }
      // What a person has taken back, in whole or in part, is not published again: it was durable by then.
      let isTakenBack = job.reason.map { [.undoing, .undone, .undoneInPart].contains($0.code) }
      if job.state == .done, !record.durable, isTakenBack != true, try await reopen(job) {
        continue
      }
      do {
        let discarded = try await transfer.discard(
          pinned(job).plan, evenOnlyCopies: job.state == .cancelled,
          replacedBy: try receipts(in: frames), durably: true)
        if case .removed = discarded {
          log.notice("staging was back after a power cut, and removed", metadata: metadata(job))
        }
      } catch let error as TransferError {
        // Looked for at the next start again.
        isComplete = false
        let note = "staging could not be removed: \(error); the next start tries again"
        log.error("\(note)", metadata: metadata(job))
        try await ledger.note(note, on: job.id, at: Date())
      }
    }
    if isComplete { try await ledger.setBoot(boot) }
  }

  /// Takes a delivery back to its publication, where each frame is proven. Others that want its names have to wait for it,
  /// but for those that are being published themselves.
  private nonisolated(nonsending) func reopen(_ job: Job) async throws -> Bool {
    try await ledger.reopen(
      job.id, from: JobState.done.rawValue, to: JobState.committing.rawValue, claims: job.claims,
      seizingFrom: Set(JobState.beforeCommit.map(\.rawValue)),
      note: "the machine stopped before this was durable; each frame is proven again", at: Date())
  }

  private func receipts(in frames: [FrameRecord]) throws -> [Receipt] {
    try frames.compactMap { frame in
      try frame.receipt.map { try JSON.decode(Receipt.self, from: Array($0)) }
    }
  }

  /// Proves by their digests what a power cut made doubtful, and stages again what is lost.
  ///
  /// - Returns: why some of it cannot be staged again, because a source is not what it was; nil if nothing is missing.
  nonisolated(nonsending) func prove(_ job: Job) async throws -> String? {
    let earlier = receipts[job.id] ?? []
    let proven = try await transfer.recheck(job.plan, earlier)
    if proven.count < earlier.count {
      let held = Set(proven.map(\.index))
      try await lose(earlier.filter { !held.contains($0.index) }, .powerCut, of: job)
    }
    receipts[job.id] = proven
    var failure: TransferError?
    if let lost = lostFrames[job.id] {
      let restaged = try await transfer.restage(job.plan, lost.receipts, stop: ending)
      receipts[job.id] = (proven + restaged.receipts).sorted { $0.index < $1.index }
      let found = Set(restaged.receipts.map(\.index))
      lostFrames[job.id]?.receipts.removeAll { found.contains($0.index) }
      failure = restaged.failure
    }
    try await ledger.record(
      receipts: try receipts[job.id]!.map { try $0.record }, of: job.id, progress: nil)
    // Asked again when publishing is tried again: the source may come back.
    if let failure, let lost = lostFrames[job.id] {
      return "\(lost) and cannot be staged again: \(failure)"
    }
    lostFrames[job.id] = nil
    unproven.remove(job.id)
    return nil
  }

  /// What somebody took from staging, or from the destination before the delivery was done, is staged again.
  nonisolated(nonsending) func lose(_ missing: Set<Int>, of job: Job) async throws {
    let lost = (receipts[job.id] ?? []).filter { missing.contains($0.index) }
    receipts[job.id]?.removeAll { missing.contains($0.index) }
    unproven.insert(job.id)
    try await lose(lost, .others, of: job)
  }

  private nonisolated(nonsending) func lose(
    _ receipts: [Receipt], _ cause: LostFrames.Cause, of job: Job
  ) async throws {
    let earlier = lostFrames[job.id]?.receipts ?? []
    let lost = LostFrames(receipts: earlier + receipts, cause: cause)
    lostFrames[job.id] = lost
    let note = "\(lost); staged again"
    log.warning("\(note)", metadata: metadata(job))
    try await ledger.note(note, on: job.id, at: Date())
  }

  /// Published, and cut off before its background sync had passed.
  private nonisolated(nonsending) func syncWhatIsDone(_ boot: String) async throws {
    for record in try await ledger.undurable() {
      let frames = try await ledger.frames(of: record.id)
      guard let job = try Job(record, frames: frames, hotFolders: configuration.hotFolders),
        try await ledger.value(for: failedSync(of: job)) == nil
      else { continue }
      let receipts = try receipts(in: frames)
      // After another boot a sync proves nothing.
      if !receipts.contains(where: { $0.isDoubtful(under: boot) }) {
        syncsDue.append((job, receipts))
      }
    }
  }
}

extension Receipt {
  /// Whether what it names may have been lost in a power cut.
  func isDoubtful(under boot: String) -> Bool { !durable && bootID != boot }
}
