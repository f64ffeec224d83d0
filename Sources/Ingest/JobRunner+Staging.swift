import Files
import Foundation
import Journal
import Paths
import ReadModel
import Synchronization
import Transfer
import Watching

extension JobRunner {
  nonisolated(nonsending) func stage(_ job: Job, _ flag: StopFlag) async throws {
    await host.pass(.beforeStaging, job.id)
    // A cancel's row may have been first, or another job has its names.
    guard try await enterStaging(job) else { return }
    if let why = await absence(for: job) {
      return host.post(.stagingEnded(job.id, .offline(why)))
    }
    sourcePlaces[job.id] = await inspector.places(of: job)
    do throws(TransferError) {
      if let message = try await unwelcome(job, flag) {
        return host.post(.stagingEnded(job.id, .conflict(message)))
      }
    } catch {
      return host.post(.stagingEnded(job.id, await stagingEnd(error, job)))
    }
    let earlier = receipts[job.id] ?? []
    tellStaging(job, kept: earlier.count)
    let began = ContinuousClock.now
    let writer = ReceiptWriter(ledger, job.id, writesBeside: configuration.writesBeside)
    let result = await staged(job, flag, earlier, writer)
    if flag.isRaised { board.clock.mark(.stopped, of: job.id) }
    let written = try await writer.finish()
    switch result {
    case .success(let done):
      receipts[job.id] = done
      let progress = JobProgress(
        stagedFrames: done.count, doneBytes: job.byteCount, publishedFrames: 0)
      try await ledger.update(progress, of: job.id, made: try await staged(directoriesOf: job))
      if try await move(job.id, from: [.staging], to: .staged) {
        tellStaged(job, done, keeping: earlier, in: ContinuousClock.now - began)
        host.post(.staged(job.id))
      }
    case .failure(let error):
      // What is whole stays staged and is not copied again.
      receipts[job.id] = earlier + written
      let end = await stagingEnd(error, job)
      if error != .cancelled {
        // What comes of it is told at its own level.
        log.info("staging ended: \(error)", metadata: metadata(job))
      }
      host.post(.stagingEnded(job.id, end))
    }
  }

  private nonisolated(nonsending) func staged(
    _ job: Job, _ flag: StopFlag, _ earlier: [Receipt], _ writer: ReceiptWriter
  ) async -> Result<[Receipt], TransferError> {
    let (progress, counters, hotFolder) = (progress, counters, job.hotFolder)
    // What an earlier try had staged may be gone; what is kept is told again.
    progress.clear(job.id)
    do throws(TransferError) {
      return .success(
        try await transfer.stage(
          job.plan, keeping: earlier, stop: flag,
          progress: { progress.set(job.id, bytes: $0, frames: $1) },
          whole: { progress.add(staged: $0, of: job.id) },
          receipts: { receipts in
            counters.update { $0.volumes[hotFolder, default: VolumeView()].add(staged: receipts) }
            writer.write(receipts)
          }))
    } catch {
      return .failure(error)
    }
  }

  /// - Returns: whether the job is now in `staging`, with its names claimed.
  private nonisolated(nonsending) func enterStaging(_ job: Job) async throws -> Bool {
    let claims = withoutClaims.contains(job.id) ? job.claims : []
    do {
      let entered = try await move(
        job.id, from: JobState.beforeCommit, to: .staging, reason: .some(nil), claiming: claims)
      if entered {
        withoutClaims.remove(job.id)
        try await ledger.setOver(nil, of: job.id)
      }
      return entered
    } catch JournalError.claimed(let path, let other) {
      host.post(.claimed(job.id, by: other, path: path))
      return false
    }
  }

  /// Under `hold`, frames of the same sequence at the destination that this delivery does not bring.
  private nonisolated(nonsending) func unwelcome(_ job: Job, _ stop: StopFlag)
    async throws(TransferError) -> String?
  {
    guard job.plan.conflict == .hold, !job.joinsItsVersion,
      let occupant = try await inspector.occupant(of: job)
    else {
      return nil
    }
    // Nothing new in it: it may be answered as already there.
    return try await isAllThere(job, stop) ? nil : occupant
  }

  nonisolated(nonsending) func isAllThere(_ job: Job, _ stop: StopFlag) async throws(TransferError)
    -> Bool
  {
    let standing = try await transfer.survey(job.plan, stop: stop)
    return standing.count == job.plan.files.count
      && standing.values.allSatisfy { if case .identical = $0 { true } else { false } }
  }

  private nonisolated(nonsending) func stagingEnd(_ error: TransferError, _ job: Job) async
    -> StagingEnd
  {
    if error.isExhaustion { return .exhausted("\(error)") }
    if error != .cancelled, let why = await offline(error, job) { return .offline(why) }
    switch error {
    case .cancelled: return .stopped
    case .sourceChanged(let index), .unsafeSource(let index, _), .sourceNotAFile(let index, _):
      return .sourceChanged(job.plan.files[index].source)
    case .sourceMissing(let index):
      // A question, not an answer: first everything that was told before.
      await host.barrier()
      let path = job.plan.files[index].source
      switch await threads.run({ [presence] in meaning(of: path, in: job.hotFolder, presence) }) {
      case .file: return .sourceMissing(path, directoryGone: false)
      case .directory: return .sourceMissing(path, directoryGone: true)
      case .unknown(let why): return .offline(why)
      }
    case .conflict: return .conflict("\(error)")
    case .destinationFull: return .destinationFull("\(error)")
    case .destinationNotWritable: return .notWritable("\(error)")
    case .destinationMissing, .destinationReplaced, .unsafeDestination, .crossesMounts,
      .foreignStaging, .stagingLost:
      return .failed(.destination, "\(error)")
    case .sourceRoot: return .offline("\(error)")
    case .cannot, .readbackDiffers: return .failed(.destination, "\(error)")
    case .io, .unreadable: return .failed(.io, "\(error)")
    }
  }
}

extension VolumeView {
  fileprivate mutating func add(staged receipts: [Receipt]) {
    for receipt in receipts where receipt.method != .present {
      stagedFrames += 1
      stagedBytes += Int64(receipt.bytes)
    }
  }
}

enum Absence {
  case file, directory
  case unknown(String)
}

/// What a missing source means. Only where the hot folder is the mount it was, is absence a removal.
func meaning(of path: RelativePath, in root: Int, _ presence: Presence) -> Absence {
  do throws(SystemError) {
    let root = try presence.open(.hotFolder(root))
    return try root.holds(path.parent) ? .file : .directory
  } catch {
    return .unknown("\(error)")
  }
}

/// Writes receipts as they come; the commit waits until all are on the disk.
final class ReceiptWriter: Sendable {
  private let ledger: any Ledger
  private let id: JobID
  private let writesBeside: Bool
  private struct State {
    var last: Task<Void, any Error>?
    var waiting: [Receipt] = []
    var written: [Receipt] = []
    var bytes = 0
  }
  private let state = Mutex(State())

  init(_ ledger: any Ledger, _ id: JobID, writesBeside: Bool) {
    self.ledger = ledger
    self.id = id
    self.writesBeside = writesBeside
  }

  func write(_ receipts: [Receipt]) {
    state.withLock { state in
      state.waiting += receipts
      guard writesBeside else { return }
      let previous = state.last
      state.last = Task {
        try await previous?.value
        try await writeWaiting()
      }
    }
  }

  private func writeWaiting() async throws {
    let (receipts, progress) = state.withLock { state in
      let receipts = state.waiting
      state.waiting = []
      state.written += receipts
      state.bytes += receipts.reduce(0) { $0 + $1.bytes }
      // A job that is interrupted shows how far it came.
      return (
        receipts,
        JobProgress(
          stagedFrames: state.written.count, doneBytes: state.bytes, publishedFrames: 0)
      )
    }
    if receipts.isEmpty { return }
    try await ledger.record(
      receipts: try receipts.map { try $0.record }, of: id, progress: progress)
  }

  /// - Returns: all that was written.
  func finish() async throws -> [Receipt] {
    try await state.withLock { $0.last }?.value
    try await writeWaiting()
    return state.withLock { $0.written }
  }
}
