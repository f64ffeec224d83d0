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
    let row = Task { () -> Bool in
      if !hasRow { await previous?.value }
      do {
        return try await journal.transition(
          id, from: ["waiting", "queued", "staging", "staged", "held", "cancelling"],
          to: "cancelling",
          reason: reason.data, note: reason.message, at: Date(),
          tombstones: tombstones(job, reason))
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
    let began = ContinuousClock.now
    var removed = "nothing was staged"
    do {
      switch try await transfer.discard(job.plan, evenOnlyCopies: true) {
      case .removed(let files): removed = "\(files) staged files removed"
      case .nothing, .kept: break
      }
    } catch {
      // Not cancelled while a trace is left: tried again here, and at the next start.
      log.error("staging could not be removed: \(error)", metadata: metadata(job))
      guard await row.value else { return inbox.post(.tooLate(job.id)) }
      let inbox = inbox
      Task {
        // Ends with the process at the latest.
        try? await Task.sleep(for: .seconds(5))
        inbox.post(.abortAgain(job.id))
      }
      return
    }
    let took = (ContinuousClock.now - began) / .milliseconds(1)
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
    _ = try await journal.transition(
      job.id, from: ["cancelling"], to: "cancelled", reason: reason?.data,
      note: "\(removed) in \(Int(took)) ms; all sources were left alone", at: Date())
    log.info("cancelled: \(reason?.message ?? "")", metadata: metadata(job))
    release(job.id)
    inbox.post(.aborted(job.id))
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
