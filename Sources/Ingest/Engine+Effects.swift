import Files
import Foundation
import Journal
import Paths
import ReadModel
import Transfer
import Watching

/// The states of a row from which a job may still be stopped.
let beforeCommit: Set<String> = ["waiting", "queued", "staging", "staged", "held"]

extension Engine {
  func carryOut(_ effect: Effect) {
    switch effect {
    case .inspect(let key, let change, let wanted):
      looks.append(AskedLook(key: key, change: change, wanted: wanted))
    case .prove(let key, let change, let manifests, let files):
      prove(key, asOf: change, manifests, files)
    case .stopProof(let key): proofs.removeValue(forKey: key)?.raise()
    case .chooseVersion(let job, let question): chooseVersion(for: job, question)
    case .stop(let id): board.raise(id)
    case .enqueue(let job): chain(job.id) { try await self.enqueue(job) }
    case .stage(let id):
      guard let job = pinned(id) else { return }
      // At once: whatever stops the job from here on must find its flag.
      let flag = board.enter(job)
      chain(id) { try await self.stage(job, flag) }
    case .measure(let id, let measure): withJob(id) { await self.measure($0, measure) }
    case .regainJournalRoom: regainJournalRoom()
    case .giveBack(let id): withJob(id) { try await self.giveBack($0) }
    case .overlay(let id, let over, let reason):
      chain(id) { try await self.overlay(id, over, reason) }
    case .commit(let id, let recheck): withJob(id) { try await self.commit($0, recheck) }
    case .publish(let id): withJob(id) { try await self.publish($0) }
    case .finish(let id): withJob(id) { try await self.finish($0) }
    case .abort(let id, let reason, let commitUnderWay):
      if let job = pinned(id) { abort(job, reason, commitUnderWay: commitUnderWay) }
    case .recheck(let id, let paths):
      withJob(id) { await self.recheck($0, paths) }
    case .tell(let waiting, let reason, let isHeld): tell(waiting, reason, isHeld)
    case .setAside(let id, let state, let reason):
      withJob(id) { try await self.setAside($0, state, reason) }
    case .leave(let root): leave(root)
    case .seek: seek()
    case .requeue(let id, let over, let reason):
      // A job that waits must not keep anybody from unmounting.
      sourcePlaces[id] = nil
      let about = intake.jobs[id].map { self.metadata($0) }
      chain(id) {
        _ = try await self.journal.transition(
          id, from: ["queued", "staging", "staged", "held"], to: "queued", reason: reason.data,
          note: reason.message, at: Date())
        try await self.journal.setOver(over?.rawValue, of: id)
        self.log.warning("waits: \(reason.message)", metadata: about)
      }
    case .amend(let id, let reason):
      chain(id) {
        try await self.journal.amend(reason: reason.data, note: reason.message, of: id, at: Date())
      }
    case .note(let id, let text):
      chain(id) { try await self.journal.note(text, on: id, at: Date()) }
    case .recordCancelled(let waiting, let reason):
      board.clock.mark(.seen, of: waiting.id)
      chain(waiting.id) { try await self.record(waiting, reason) }
    case .retry(let id):
      chain(id) { try await self.requeue(id) }
      retryRows[id] = chains[id]?.task
    case .undo(let id):
      let flag = StopFlag()
      undoFlags[id] = flag
      withJob(id) { try await self.carryOutUndo(of: $0, flag) }
    case .rescan(let place): watcher.rescan(place)
    }
  }

  private func withJob(_ id: JobID, _ work: @escaping @Sendable (Job) async throws -> Void) {
    guard let job = pinned(id) else { return }
    chain(id) { try await work(job) }
  }

  private func recheck(_ job: Job, _ paths: Set<RelativePath>) async {
    do throws(SystemError) {
      inbox.post(.rechecked(job.id, try await inspector.changedSource(paths, of: job)))
    } catch {
      // It stays held as it is; what changed meanwhile is found when its turn comes.
      log.warning("cannot be looked at: \(error)", metadata: metadata(job))
    }
  }

  private func enqueue(_ job: Job) async throws {
    do {
      try await journal.insert(
        try job.record(hotFolder: configuration.hotFolders[job.hotFolder]),
        frames: job.frameRecords, claims: job.claims, at: Date())
      inserted.insert(job.id)
      log.info("queued", metadata: metadata(job))
      inbox.post(.enqueued(job.id))
    } catch JournalError.claimed(let path, let other) {
      var record = try job.record(hotFolder: configuration.hotFolders[job.hotFolder])
      record.state = JobState.held.rawValue
      try await journal.insert(record, frames: job.frameRecords, claims: [], at: Date())
      inserted.insert(job.id)
      withoutClaims.insert(job.id)
      inbox.post(.claimed(job.id, by: other, path: path))
    }
  }

  private func setAside(_ job: Job, _ state: JobState, _ reason: Reason) async throws {
    do {
      switch try await transfer.discard(job.plan) {
      case .removed, .nothing:
        try await journal.forgetReceipts(of: job.id)
        receipts[job.id] = nil
        stagedOn[job.id] = nil
      // Whole frames whose sources are gone: their receipts are all that tells what they are.
      case .kept: break
      }
    } catch let error as TransferError {
      // No job ends with staging left: tried again here, and at the next start, which takes the job up where it was.
      let message = "staging could not be removed: \(error)"
      log.error("\(message)", metadata: metadata(job))
      _ = await absence(for: job)
      try await journal.amend(reason: reason.data, note: message, of: job.id, at: Date())
      let inbox = inbox
      Task {
        // Ends with the process at the latest.
        try? await Task.sleep(for: .seconds(5))
        inbox.post(.setAsideAgain(job.id))
      }
      return
    }
    _ = try await journal.transition(
      job.id, from: beforeCommit.union(["committing"]), to: state.rawValue, reason: reason.data,
      note: reason.message,
      at: Date())
    log.warning("\(state.rawValue): \(reason.message)", metadata: metadata(job))
    board.leave(job.id)
    progress.clear(job.id)
    sourcePlaces[job.id] = nil
    inbox.post(.setAside(job.id))
  }

  func release(_ id: JobID) {
    board.leave(id)
    progress.clear(id)
    receipts[id] = nil
    stagedOn[id] = nil
    sourcePlaces[id] = nil
    removalTries[id] = nil
    unproven.remove(id)
    lostFrames[id] = nil
    retryRows[id] = nil
    cancelRows[id] = nil
  }

  private func record(_ waiting: WaitingJob, _ reason: Reason) async throws {
    let record = JobRecord(
      id: waiting.id, state: JobState.cancelled.rawValue, rule: waiting.rule,
      hotFolder: configuration.hotFolders[waiting.hotFolder].name,
      settings: Data(try JSON.encode(WaitingSettings(waiting: waiting.source))),
      reason: reason.data,
      expectedFrames: waiting.files.count, expectedBytes: 0, created: waiting.firstSeen.wall,
      ended: Date())
    let receipt = board.clock.receipt(
      of: waiting.id, removed: CancelView.Removed(files: 0, bytes: 0), sources: nil)
    try await journal.insert(
      record, frames: [], claims: [], at: Date(), cancelReceipt: Data(try JSON.encode(receipt)))
    board.clock.forget(waiting.id)
    guard reason.code == .user else { return }
    for (directory, files) in Dictionary(grouping: waiting.files, by: \.parent) {
      let wanted = files.map {
        ($0.name!, WantedLook(path: $0, checksWhole: false, knownWhole: nil))
      }
      let place = Place(root: waiting.hotFolder, path: directory)
      let looks = try await inspector.look(
        at: Dictionary(uniqueKeysWithValues: wanted), in: place
      ).looks
      try await journal.add(
        TombstoneRecord(
          hotFolder: record.hotFolder, directory: directory, pattern: waiting.head,
          fingerprint: Fingerprint(looks.map { (name: $0.key, snapshot: $0.value.snapshot) }).data,
          job: waiting.id))
    }
  }
}
