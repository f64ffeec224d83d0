import Files
import Foundation
import Journal
import Paths
import ReadModel
import Transfer

extension JobRunner {
  nonisolated(nonsending) func measure(_ job: Job, _ measure: Measure) async {
    // Before the room is looked at: what is written in between counts twice rather than not at all.
    let done = Dictionary(
      uniqueKeysWithValues: intake.running.compactMap { id in
        progress[id].map { (id, RoomAnswer.Done(bytes: $0.bytes, files: $0.frames)) }
      })
    var demand: Demand?
    var room: Room?
    do throws(TransferError) {
      switch measure {
      case .room: room = try await transfer.room(for: job.plan)
      case .roughly, .exactly:
        (demand, room) = try await transfer.demand(
          of: job.plan, having: receipts[job.id] ?? [], measure == .exactly ? .exactly : .roughly)
      }
    } catch {
      // Staging meets it too, and says what it means.
      log.debug("its room cannot be measured: \(error)", metadata: metadata(job))
    }
    host.post(
      .measured(
        job.id,
        RoomAnswer(demand: demand, isExact: measure == .exactly, room: room, done: done)))
  }

  /// Two half-staged jobs on a full disk would hold each other's space for ever.
  nonisolated(nonsending) func giveBack(_ job: Job) async throws {
    do {
      if case .kept = try await transfer.discard(job.plan) {
        // Whole frames whose sources are gone: they and their receipts stay.
        return host.post(.gaveBack(job.id))
      }
      try await ledger.forgetReceipts(of: job.id, ordinals: nil)
      try await ledger.update(
        JobProgress(stagedFrames: 0, doneBytes: 0, publishedFrames: 0), of: job.id, made: [])
      receipts[job.id] = nil
      progress.clear(job.id)
    } catch let error as TransferError {
      log.error("staging could not be removed: \(error)", metadata: metadata(job))
    }
    host.post(.gaveBack(job.id))
  }

  /// What lies over a job's state, with its reason; without one, it is over.
  nonisolated(nonsending) func overlay(_ id: JobID, _ over: JobOverlay?, _ reason: Reason?)
    async throws
  {
    try await ledger.setOver(over?.rawValue, of: id)
    if let reason {
      try await ledger.amend(reason: reason.data, note: reason.message, of: id, at: Date())
    } else {
      try await ledger.note("goes on", on: id, at: Date())
    }
  }
}
