import Foundation
import Journal
import Paths
import ReadModel
import Synchronization
import Transfer
import Watching

extension JobRunner {
  /// What a cancel writes before anything of the job is removed: of this row and the commit's exactly one is first.
  package func cancelRow(of job: Job, _ reason: Reason) -> CancelRow {
    CancelRow(job: job.id, reason: reason, tombstones: tombstones(job, reason))
  }

  /// - Returns: whether the cancel was first.
  package nonisolated(nonsending) func write(_ row: CancelRow) async throws -> Bool {
    let isFirst = try await ledger.transition(
      row.job, from: CancelRow.from, to: JobState.cancelling.rawValue, reason: row.reason.data,
      note: row.reason.message, at: Date(), claiming: [], tombstones: row.tombstones,
      cancelReceipt: nil)
    if isFirst { board.clock.mark(.recorded, of: row.job) }
    return isFirst
  }

  /// Ends a job as cancelled: its flag is up, its row is written while the writers wind down, then its staging goes, then
  /// it may be called cancelled.
  ///
  /// - Parameter isFirst: what `write` says of its row.
  package nonisolated(nonsending) func end(
    _ job: Job, commitUnderWay: Bool, isFirst: @Sendable () async -> Bool
  ) async throws {
    // A commit's row may have been first: then nothing of it is ours to remove.
    if commitUnderWay, !(await isFirst()) { return host.post(.tooLate(job.id)) }
    let sizes = Sizes()
    var keeps: [RelativePath] = []
    do {
      switch try await transfer.discard(
        job.plan, evenOnlyCopies: true, removing: { sizes.add($0) })
      {
      case .removed: board.clock.mark(.removed, of: job.id)
      case .kept(let paths): keeps = paths
      case .nothing: break
      }
    } catch {
      // Not cancelled while a trace is left: tried again here, and at the next start.
      log.error("staging could not be removed: \(error)", metadata: metadata(job))
      // A volume that was waited for may be there by now.
      _ = await absence(for: job)
      guard await isFirst() else { return host.post(.tooLate(job.id)) }
      return host.post(.abortAgain(job.id), after: .seconds(5))
    }
    guard await isFirst() else { return host.post(.tooLate(job.id)) }
    var reason = intake.jobs[job.id]?.reason ?? job.reason
    if reason?.code == .sentinel, let path = reason?.path,
      let place = configuration.hotFolders.place(of: path)
    {
      reason?.by = await inspector.owner(of: place)
    }
    if reason?.code == .sourceMoved,
      let now = await inspector.newPath(of: sourcePlaces[job.id] ?? [], of: job)
    {
      reason?.message = "moved to \(shown(now))"
      reason?.path = ExactText(now)
    }
    try await ledger.forgetReceipts(of: job.id, ordinals: nil)
    let zero = JobProgress(stagedFrames: 0, doneBytes: 0, publishedFrames: 0)
    try await ledger.update(zero, of: job.id, made: [])
    try await noteKept(keeps, of: job)
    let sources = await sources(of: job)
    let receipt = board.clock.receipt(of: job.id, removed: sizes.removed, sources: sources)
    _ = try await move(
      job.id, from: [.cancelling], to: .cancelled, reason: reason, note: receipt.sentence,
      receipt: Data(try JSON.encode(receipt)))
    if let seconds = receipt.seconds.removed {
      counters.update { $0.cancelToNoTrace.record(seconds) }
    }
    tellCancelled(metadata(job), reason, receipt)
    release(job.id)
    host.post(.aborted(job.id))
  }

  /// - Returns: nil where they cannot be looked at; the job is cancelled all the same.
  private nonisolated(nonsending) func sources(of job: Job) async -> CancelView.Sources? {
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

  /// Ends what had no plan yet: there is a row to write, and nothing to remove.
  nonisolated(nonsending) func record(_ waiting: WaitingJob, _ reason: Reason) async throws {
    let record = JobRecord(
      id: waiting.id, state: JobState.cancelled.rawValue, rule: waiting.rule,
      hotFolder: configuration.hotFolders[waiting.hotFolder].name,
      settings: Data(try JSON.encode(WaitingSettings(waiting: waiting.source))),
      reason: reason.data,
      expectedFrames: waiting.files.count, expectedBytes: 0, created: waiting.firstSeen.wall,
      ended: Date())
    let receipt = board.clock.receipt(
      of: waiting.id, removed: CancelView.Removed(files: 0, bytes: 0), sources: nil)
    try await ledger.insert(
      record, frames: [], claims: [], at: Date(), cancelReceipt: Data(try JSON.encode(receipt)))
    tellCancelled(waiting.metadata, reason, receipt)
    board.clock.forget(waiting.id)
    counters.update { $0.ended[record.state, default: 0] += 1 }
    guard reason.code == .user else { return }
    for (directory, files) in Dictionary(grouping: waiting.files, by: \.parent) {
      let wanted = files.map {
        ($0.name!, WantedLook(path: $0, checksWhole: false, knownWhole: nil))
      }
      let place = Place(root: waiting.hotFolder, path: directory)
      let looks = try await inspector.look(
        at: Dictionary(uniqueKeysWithValues: wanted), in: place
      ).looks
      try await ledger.add(
        TombstoneRecord(
          hotFolder: record.hotFolder, directory: directory, pattern: waiting.head,
          fingerprint: Fingerprint(looks.map { (name: $0.key, snapshot: $0.value.snapshot) }).data,
          job: waiting.id))
    }
  }
}

/// The row of a cancel.
package struct CancelRow: Sendable {
  package let job: JobID
  package let reason: Reason
  /// What the cancel forbids to be taken again.
  package let tombstones: [TombstoneRecord]

  /// The states from which it is not too late.
  package static let from = Set(JobState.beforeCommit.union([.cancelling]).map(\.rawValue))
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
