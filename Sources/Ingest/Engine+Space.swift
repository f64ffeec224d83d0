import Files
import Foundation
import Journal
import Paths
import ReadModel
import Transfer

extension Engine {
  func measure(_ job: Job, _ measure: Measure) async {
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
    inbox.post(
      .measured(
        job.id,
        RoomAnswer(demand: demand, isExact: measure == .exactly, room: room, done: done)))
  }

  /// Asks for the room once: no second question before the answer to the first.
  func regainJournalRoom() {
    if isRegainingRoom { return }
    isRegainingRoom = true
    Task {
      let journal = journal
      let hasRoom = await threads.run { journal.regainRoom() }
      isRegainingRoom = false
      if hasRoom { log.notice("the journal has room again: work goes on") }
      inbox.post(.journalRoom(hasRoom))
    }
  }

  /// For `health` and the log.
  var journalShortage: String {
    "the journal's disk is full: nothing new begins until there is room beside \(journal.path)"
  }

  /// Two half-staged jobs on a full disk would hold each other's space for ever.
  func giveBack(_ job: Job) async throws {
    do {
      if case .kept = try await transfer.discard(job.plan) {
        // Whole frames whose sources are gone: they and their receipts stay.
        return inbox.post(.gaveBack(job.id))
      }
      try await journal.forgetReceipts(of: job.id)
      try await journal.update(
        JobProgress(stagedFrames: 0, doneBytes: 0, publishedFrames: 0), of: job.id)
      receipts[job.id] = nil
      progress.clear(job.id)
    } catch let error as TransferError {
      log.error("staging could not be removed: \(error)", metadata: metadata(job))
    }
    inbox.post(.gaveBack(job.id))
  }

  /// What lies over a job's state, with its reason; without one, it is over.
  func overlay(_ id: JobID, _ over: JobOverlay?, _ reason: Reason?) async throws {
    try await journal.setOver(over?.rawValue, of: id)
    if let reason {
      try await journal.amend(reason: reason.data, note: reason.message, of: id, at: Date())
    } else {
      try await journal.note("goes on", on: id, at: Date())
    }
  }
}
