import Foundation
import Journal
import Paths
import ReadModel
import Synchronization
import Transfer
import Watching

extension Engine {
  /// Ends a job as cancelled: the flag is up already, the row is written while the writers wind down, then its staging
  /// goes, then it may be called cancelled.
  func abort(_ job: Job, _ reason: Reason, commitUnderWay: Bool) {
    let id = job.id
    let previous = chains[id]?.task
    let hasRow = inserted.contains(id)
    let clock = board.clock
    clock.mark(.seen, of: id)
    let retry = retryRows[id]
    let row = Task { () -> Bool in
      // One that was held or failed a moment ago says so in its row until then.
      await retry?.value
      if !hasRow { await previous?.value }
      do {
        let isFirst = try await journal.transition(
          id, from: ["waiting", "queued", "staging", "staged", "held", "cancelling"],
          to: "cancelling",
          reason: reason.data, note: reason.message, at: Date(),
          tombstones: tombstones(job, reason))
        if isFirst { clock.mark(.recorded, of: id) }
        return isFirst
      } catch {
        fail(error)
        return false
      }
    }
    cancelRows[id] = row
    chain(id) {
      // A commit's row may have been first: then nothing of it is ours to remove.
      if commitUnderWay, !(await row.value) { return self.inbox.post(.tooLate(id)) }
      try await self.end(job, row)
    }
  }

  private func end(_ job: Job, _ row: Task<Bool, Never>) async throws {
    let sizes = Sizes()
    do {
      switch try await transfer.discard(
        job.plan, evenOnlyCopies: true, removing: { sizes.add($0) })
      {
      case .removed: board.clock.mark(.removed, of: job.id)
      case .nothing, .kept: break
      }
    } catch {
      // Not cancelled while a trace is left: tried again here, and at the next start.
      log.error("staging could not be removed: \(error)", metadata: metadata(job))
      // A volume that was waited for may be there by now.
      _ = await absence(for: job)
      guard await row.value else { return inbox.post(.tooLate(job.id)) }
      let inbox = inbox
      Task {
        // Ends with the process at the latest.
        try? await Task.sleep(for: .seconds(5))
        inbox.post(.abortAgain(job.id))
      }
      return
    }
    guard await row.value else { return inbox.post(.tooLate(job.id)) }
    var reason = intake.jobs[job.id]?.reason ?? job.reason
    if reason?.code == .sentinel, let path = reason?.path, let place = place(of: path) {
      reason?.by = await inspector.owner(of: place)
    }
    if reason?.code == .sourceMoved,
      let now = await inspector.newPath(of: sourcePlaces[job.id] ?? [], of: job)
    {
      reason?.message = "moved to \(shown(now))"
      reason?.path = ExactText(now)
    }
    try await journal.forgetReceipts(of: job.id)
    let zero = JobProgress(stagedFrames: 0, doneBytes: 0, publishedFrames: 0)
    try await journal.update(zero, of: job.id)
    let sources = await sources(of: job)
    let receipt = board.clock.receipt(of: job.id, removed: sizes.removed, sources: sources)
    _ = try await journal.transition(
      job.id, from: ["cancelling"], to: "cancelled", reason: reason?.data,
      note: receipt.sentence, at: Date(), cancelReceipt: Data(try JSON.encode(receipt)))
    log.info("cancelled: \(reason?.message ?? "")", metadata: metadata(job))
    release(job.id)
    inbox.post(.aborted(job.id))
  }

  /// - Returns: nil where they cannot be looked at; the job is cancelled all the same.
  private func sources(of job: Job) async -> CancelView.Sources? {
    do throws(TransferError) {
      let account = try await transfer.account(for: job.plan)
      return CancelView.Sources(
        kept: account.kept, restored: account.restored, changed: account.changed,
        missing: account.missing)
    } catch {
      log.warning("sources could not be looked at: \(error)", metadata: metadata(job))
      return nil
    }
  }

  /// A cancel by hand stands until the content changes; that of a sentinel stands as long as the sentinel.
  private func tombstones(_ job: Job, _ reason: Reason) -> [TombstoneRecord] {
    guard reason.code == .user else { return [] }
    return job.members.map { member in
      let files = job.plan.files[member.files]
      return TombstoneRecord(
        hotFolder: configuration.hotFolders[job.hotFolder].name,
        directory: files[member.files.lowerBound].source.parent, pattern: member.head,
        fingerprint: Fingerprint(
          files.map { (name: $0.source.name!, snapshot: $0.snapshot) }
        ).data, job: job.id)
    }
  }

  /// Where in a hot folder an absolute path lies.
  func place(of path: ExactText) -> Place? {
    for (index, hotFolder) in configuration.hotFolders.enumerated() {
      let root = Array(hotFolder.path.utf8)
      if path.bytes == root { return Place(root: index, path: .root) }
      guard path.bytes.starts(with: root + [UInt8(ascii: "/")]) else { continue }
      return RelativePath(path.bytes.dropFirst(root.count + 1)).map { Place(root: index, path: $0) }
    }
    return nil
  }
}

extension CancelView {
  /// For the job's history.
  fileprivate var sentence: String {
    let staged = removed.files == 0 ? "nothing was staged" : "\(removed.files) staged files removed"
    return "\(staged) after \(Int((seconds.removed ?? seconds.ended) * 1000)) ms"
  }
}

/// Sizes of what is removed, added up by the threads that remove it.
private final class Sizes: Sendable {
  private let sum = Mutex(CancelView.Removed(files: 0, bytes: 0))

  var removed: CancelView.Removed { sum.withLock { $0 } }

  func add(_ bytes: Int) {
    sum.withLock {
      $0.files += 1
      $0.bytes += Int64(bytes)
    }
  }
}

/// Writes receipts as they come; the commit waits until all are on the disk.
final class ReceiptWriter: Sendable {
  private let journal: Journal
  private let id: JobID
  private struct State {
    var last: Task<Void, any Error>?
    var written: [Receipt] = []
    var bytes = 0
  }
  private let state = Mutex(State())

  init(journal: Journal, id: JobID) {
    self.journal = journal
    self.id = id
  }

  func write(_ receipts: [Receipt]) {
    let (journal, id) = (journal, id)
    state.withLock { state in
      state.written += receipts
      state.bytes += receipts.reduce(0) { $0 + $1.bytes }
      // A job that is interrupted shows how far it came.
      let progress = JobProgress(
        stagedFrames: state.written.count, doneBytes: state.bytes, publishedFrames: 0)
      let previous = state.last
      state.last = Task {
        try await previous?.value
        try await journal.record(
          receipts: try receipts.map { try $0.record }, of: id, progress: progress)
      }
    }
  }

  /// - Returns: all that was written.
  func finish() async throws -> [Receipt] {
    let (last, written) = state.withLock { ($0.last, $0.written) }
    try await last?.value
    return written
  }
}
