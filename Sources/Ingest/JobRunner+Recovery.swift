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
    for back in try await transfer.putBack(configuration.hotFolders[index].path) {
      let note =
        back.aside.map { "lies at \($0): a newer file has its name" } ?? "has its name again"
      log.notice("\(back.source) \(note)")
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
      // It may be held for another's names; its own are no clash.
      if job.state == .held { withoutClaims.insert(job.id) }
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
      // What a person has taken back, in whole or in part, is not published again.
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

  /// Takes a delivery back to its publication, where each frame is proven.
  ///
  /// - Returns: false if others have claimed its names meanwhile.
  private nonisolated(nonsending) func reopen(_ job: Job) async throws -> Bool {
    do {
      return try await move(
        job.id, from: [.done], to: .committing,
        note: "the machine stopped before this was durable; each frame is proven again",
        claiming: job.claims)
    } catch JournalError.claimed {
      return false
    }
  }

  private func receipts(in frames: [FrameRecord]) throws -> [Receipt] {
    try frames.compactMap { frame in
      try frame.receipt.map { try JSON.decode(Receipt.self, from: Array($0)) }
    }
  }

  /// Proves by their digests what a power cut made doubtful, and stages again what it took.
  ///
  /// - Returns: why what it took cannot be staged again, because the source is not what it was; nil if nothing is missing.
  nonisolated(nonsending) func prove(_ job: Job) async throws -> String? {
    let earlier = receipts[job.id] ?? []
    var proven = try await transfer.recheck(job.plan, earlier)
    let lost = max(earlier.count - proven.count, lostFrames[job.id] ?? 0)
    if lost > 0 {
      if lostFrames[job.id] == nil {
        let note = "\(lost) frames did not survive the machine's stop; they are staged again"
        log.warning("\(note)", metadata: metadata(job))
        try await ledger.note(note, on: job.id, at: Date())
      }
      do throws(TransferError) {
        proven = try await transfer.stage(job.plan, keeping: proven)
      } catch {
        guard error.isOfTheSource else { throw error }
        // Asked again when publishing is tried again: the source may come back.
        receipts[job.id] = proven
        lostFrames[job.id] = lost
        return
          "\(lost) frames did not survive the machine's stop and cannot be staged again: \(error)"
      }
    }
    try await ledger.record(receipts: try proven.map { try $0.record }, of: job.id, progress: nil)
    receipts[job.id] = proven
    unproven.remove(job.id)
    return nil
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
  package func isDoubtful(under boot: String) -> Bool { !durable && bootID != boot }
}
