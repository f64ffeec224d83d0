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
  func abort(_ job: Job, _ reason: Reason, _ commitUnderWay: Bool) {
    let id = job.id
    let row = {
      if let known = self.cancelRows[id] { return known }
      let isFirst = try self.journal.transition(
        id, from: [.waiting, .queued, .staging, .staged, .held, .cancelling], to: .cancelling,
        reason: reason, tombstones: self.tombstones(job, reason))
      self.cancelRows[id] = isFirst
      return isFirst
    }
    cancelRows[id] = nil
    if inserted.contains(id), !retrying.contains(id) {
      // Beside whatever the job is doing.
      do { _ = try row() } catch { isBroken = true }
    }
    chain(id, "abort") {
      let isFirst = try row()
      if commitUnderWay, !isFirst { return self.post(.tooLate(id)) }
      try await self.end(job, isFirst)
    }
  }

  func end(_ job: Job, _ isFirst: Bool) async throws {
    do throws(TransferError) {
      _ = try await transfer.discard(job.plan, evenOnlyCopies: true)
    } catch {
      say("    staging cannot be removed: \(error)")
      _ = absence(for: job)
      guard isFirst else { return post(.tooLate(job.id)) }
      return later.append((now().uptime + .seconds(5), .abortAgain(job.id)))
    }
    guard isFirst else { return post(.tooLate(job.id)) }
    try journal.forgetReceipts(of: job.id)
    _ = try journal.transition(job.id, from: [.cancelling], to: .cancelled)
    release(job.id)
    post(.aborted(job.id))
  }

  func tombstones(_ job: Job, _ reason: Reason) -> [TombstoneRecord] {
    guard reason.code == .user else { return [] }
    return job.members.map { member in
      let files = job.plan.files[member.files]
      return TombstoneRecord(
        hotFolder: hotFolders[job.hotFolder].name,
        directory: files[member.files.lowerBound].source.parent, pattern: member.head,
        fingerprint: Fingerprint(
          files.map { (name: $0.source.name!, snapshot: $0.snapshot) }
        ).data, job: job.id)
    }
  }

  func record(_ waiting: WaitingJob, _ reason: Reason) throws {
    guard reason.code == .user else { return try journal.insertCancelled(waiting.id, []) }
    var stones: [TombstoneRecord] = []
    for (directory, files) in Dictionary(grouping: waiting.files, by: \.parent) {
      let names = Dictionary(
        uniqueKeysWithValues: files.map {
          ($0.name!, WantedLook(path: $0, checksWhole: false, knownWhole: nil))
        })
      guard let root = try? presence.open(.hotFolder(waiting.hotFolder)) else { continue }
      let looks = Inspector.look(
        at: names, in: directory, root: root, known: journal.ingested(directory)
      ).looks
      stones.append(
        TombstoneRecord(
          hotFolder: hotFolders[waiting.hotFolder].name, directory: directory,
          pattern: waiting.head,
          fingerprint: Fingerprint(looks.map { (name: $0.key, snapshot: $0.value.snapshot) }).data,
          job: waiting.id))
    }
    try journal.insertCancelled(waiting.id, stones)
  }

  func setAside(_ job: Job, _ state: JobState, _ reason: Reason) async throws {
    do {
      switch try await transfer.discard(job.plan) {
      case .removed, .nothing:
        try journal.forgetReceipts(of: job.id)
        receipts[job.id] = nil
        stagedOn[job.id] = nil
      case .kept: reported.insert(job.id)
      }
    } catch let error as TransferError {
      say("    staging cannot be removed: \(error)")
      _ = absence(for: job)
      return later.append((now().uptime + .seconds(5), .setAsideAgain(job.id)))
    }
    _ = try journal.transition(
      job.id, from: [.waiting, .queued, .staging, .staged, .held, .committing], to: state,
      reason: reason)
    say("    \(state): \(reason.message)")
    board.leave(job.id)
    post(.setAside(job.id))
  }

  func release(_ id: JobID) {
    board.leave(id)
    receipts[id] = nil
    cancelRows[id] = nil
  }
}
