import Files
import Foundation
import Ingest
import Journal
import Paths
import ReadModel
import Rules
import Transfer
import Watching

extension ModelDaemon {
  func stage(_ job: Job, _ flag: StopFlag) async throws {
    guard try enterStaging(job) else { return }
    if let why = absence(for: job) {
      return post(.stagingEnded(job.id, .offline(why)))
    }
    do throws(TransferError) {
      if let message = try await unwelcome(job, flag) {
        return post(.stagingEnded(job.id, .conflict(message)))
      }
    } catch {
      return post(.stagingEnded(job.id, stagingEnd(error, job)))
    }
    let earlier = receipts[job.id] ?? []
    let written = Written()
    let done: [Receipt]
    do throws(TransferError) {
      done = try await transfer.stage(
        job.plan, keeping: earlier, stop: flag, receipts: { written.receipts += $0 })
    } catch {
      try journal.record(written.receipts, of: job.id)
      receipts[job.id] = earlier + written.receipts
      say("    \(error)")
      return post(.stagingEnded(job.id, stagingEnd(error, job)))
    }
    try journal.record(written.receipts, of: job.id)
    receipts[job.id] = done
    if try journal.transition(job.id, from: [.staging], to: .staged) { post(.staged(job.id)) }
  }

  // Sendable: called on the caller's thread only.
  final class Written: @unchecked Sendable { var receipts: [Receipt] = [] }

  func enterStaging(_ job: Job) throws -> Bool {
    do {
      let entered = try journal.transition(
        job.id, from: [.waiting, .queued, .staging, .staged, .held], to: .staging,
        claiming: withoutClaims.contains(job.id))
      if entered {
        withoutClaims.remove(job.id)
        try journal.setOver(nil, of: job.id)
      }
      return entered
    } catch let claimed as ModelJournal.Claimed {
      post(.claimed(job.id, by: claimed.other, path: claimed.path))
      return false
    }
  }

  func unwelcome(_ job: Job, _ stop: StopFlag) async throws(TransferError) -> String? {
    guard job.plan.conflict == .hold else { return nil }
    let occupant: String?
    do throws(SystemError) { occupant = try Inspector.occupant(of: job) } catch {
      throw .io(error, nil)
    }
    guard let occupant else { return nil }
    let standing = try await transfer.survey(job.plan, stop: stop)
    let isAllThere =
      standing.count == job.plan.files.count
      && standing.values.allSatisfy { if case .identical = $0 { true } else { false } }
    return isAllThere ? nil : occupant
  }

  func measure(_ job: Job, _ measure: Measure) async {
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
      say("    it cannot be measured: \(error)")
    }
    post(
      .measured(
        job.id, RoomAnswer(demand: demand, isExact: measure == .exactly, room: room, done: [:])))
  }

  func giveBack(_ job: Job) async throws {
    do {
      if case .kept = try await transfer.discard(job.plan) { return post(.gaveBack(job.id)) }
      try journal.forgetReceipts(of: job.id)
      receipts[job.id] = nil
    } catch let error as TransferError {
      say("    staging cannot be removed: \(error)")
    }
    post(.gaveBack(job.id))
  }

  func stagingEnd(_ error: TransferError, _ job: Job) -> StagingEnd {
    if error.isExhaustion { return .exhausted("\(error)") }
    if error != .cancelled, let why = offline(error, job) { return .offline(why) }
    switch error {
    case .cancelled: return .stopped
    case .sourceChanged(let index), .unsafeSource(let index, _), .sourceNotAFile(let index, _):
      return .sourceChanged(job.plan.files[index].source)
    case .sourceMissing(let index):
      // A question, not an answer: first everything that was told before.
      barrier()
      let path = job.plan.files[index].source
      switch meaning(of: path, in: job.hotFolder, presence) {
      case .file: return .sourceMissing(path, directoryGone: false)
      case .directory: return .sourceMissing(path, directoryGone: true)
      case .unknown(let why): return .offline(why)
      }
    case .conflict: return .conflict("\(error)")
    case .destinationFull: return .destinationFull("\(error)")
    case .destinationNotWritable: return .notWritable("\(error)")
    case .destinationMissing, .destinationReplaced, .unsafeDestination, .crossesMounts,
      .foreignStaging, .stagingLost, .cannot, .readbackDiffers:
      return .failed("destination", "\(error)")
    case .sourceRoot: return .offline("\(error)")
    case .io, .unreadable: return .failed(.io, "\(error)")
    }
  }
}
