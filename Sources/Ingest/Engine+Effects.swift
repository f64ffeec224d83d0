import Files
import Foundation
import Journal
import Paths
import ReadModel
import Transfer
import Watching

/// The states of a row from which a job may still be stopped.
private let beforeCommit: Set<String> = ["waiting", "queued", "staging", "staged", "held"]

extension Engine {
  func carryOut(_ effect: Effect) {
    switch effect {
    case .inspect(let key, let wanted): looks.append((key, wanted))
    case .prove(let key, let manifests, let files): prove(key, manifests, files)
    case .stopProof(let key): proofs.removeValue(forKey: key)?.raise()
    case .chooseVersion(let job, let question): chooseVersion(for: job, question)
    case .stop(let id): board.raise(id)
    case .enqueue(let job): chain(job.id) { try await self.enqueue(job) }
    case .stage(let id):
      guard let job = intake.jobs[id] else { return }
      // At once: whatever stops the job from here on must find its flag.
      let flag = board.enter(job)
      chain(id) { try await self.stage(job, flag) }
    case .commit(let id, let recheck): withJob(id) { try await self.commit($0, recheck) }
    case .publish(let id): withJob(id) { try await self.publish($0) }
    case .finish(let id): withJob(id) { try await self.finish($0) }
    case .abort(let id, let reason, let commitUnderWay):
      if let job = intake.jobs[id] { abort(job, reason, commitUnderWay: commitUnderWay) }
    case .setAside(let id, let state, let reason):
      withJob(id) { try await self.setAside($0, state, reason) }
    case .requeue(let id, let over, let reason):
      chain(id) {
        _ = try await self.journal.transition(
          id, from: ["staging"], to: "queued", reason: reason.data, note: reason.message, at: Date()
        )
        try await self.journal.setOver(over.rawValue, of: id)
      }
    case .amend(let id, let reason):
      chain(id) {
        try await self.journal.amend(reason: reason.data, note: reason.message, of: id, at: Date())
      }
    case .note(let id, let text):
      chain(id) { try await self.journal.note(text, on: id, at: Date()) }
    case .recordCancelled(let waiting, let reason):
      chain(waiting.id) { try await self.record(waiting, reason) }
    case .rescan(let place): watcher.rescan(place)
    }
  }

  private func withJob(_ id: JobID, _ work: @escaping @Sendable (Job) async throws -> Void) {
    guard let job = intake.jobs[id] else { return }
    chain(id) { try await work(job) }
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

  private func stage(_ job: Job, _ flag: StopFlag) async throws {
    // A cancel's row may have been first, or another job has its names.
    guard try await enterStaging(job) else { return }
    if let message = await inspector.shortage(for: job) {
      return inbox.post(.stagingEnded(job.id, .destinationFull(message)))
    }
    sourcePlaces[job.id] = await inspector.places(of: job)
    do throws(TransferError) {
      if let message = try await unwelcome(job, flag) {
        return inbox.post(.stagingEnded(job.id, .conflict(message)))
      }
    } catch {
      return inbox.post(.stagingEnded(job.id, await stagingEnd(error, job)))
    }
    let earlier = receipts[job.id] ?? []
    let writer = ReceiptWriter(journal: journal, id: job.id)
    let result = await staged(job, flag, earlier, writer)
    let written = try await writer.finish()
    switch result {
    case .success(let done):
      receipts[job.id] = done
      let progress = JobProgress(
        stagedFrames: done.count, doneBytes: job.byteCount, publishedFrames: 0)
      try await journal.update(progress, of: job.id)
      if try await journal.transition(job.id, from: ["staging"], to: "staged", at: Date()) {
        inbox.post(.staged(job.id))
      }
    case .failure(let error):
      // What is whole stays staged and is not copied again.
      receipts[job.id] = earlier + written
      let end = await stagingEnd(error, job)
      if case .destinationFull = end { try await giveBack(job) }
      if error != .cancelled {
        log.warning("staging ended: \(error)", metadata: metadata(job))
      }
      inbox.post(.stagingEnded(job.id, end))
    }
  }

  private func staged(
    _ job: Job, _ flag: StopFlag, _ earlier: [Receipt], _ writer: ReceiptWriter
  ) async -> Result<[Receipt], TransferError> {
    let progress = progress
    do throws(TransferError) {
      return .success(
        try await transfer.stage(
          job.plan, keeping: earlier, stop: flag,
          progress: { progress.set(job.id, bytes: $0, frames: $1) },
          receipts: { writer.write($0) }))
    } catch {
      return .failure(error)
    }
  }

  /// - Returns: whether the job is now in `staging`, with its names claimed.
  private func enterStaging(_ job: Job) async throws -> Bool {
    let claims = withoutClaims.contains(job.id) ? job.claims : []
    do {
      let entered = try await journal.transition(
        job.id, from: beforeCommit, to: "staging", reason: Data(), at: Date(), claiming: claims)
      if entered {
        withoutClaims.remove(job.id)
        try await journal.setOver(nil, of: job.id)
      }
      return entered
    } catch JournalError.claimed(let path, let other) {
      inbox.post(.claimed(job.id, by: other, path: path))
      return false
    }
  }

  /// Two half-staged jobs on a full disk would hold each other's space for ever.
  private func giveBack(_ job: Job) async throws {
    do { _ = try await transfer.discard(job.plan) } catch {
      return log.error("staging could not be removed: \(error)", metadata: metadata(job))
    }
    try await journal.forgetReceipts(of: job.id)
    receipts[job.id] = nil
  }

  /// Under `hold`, frames of the same sequence at the destination that this delivery does not bring.
  private func unwelcome(_ job: Job, _ stop: StopFlag) async throws(TransferError) -> String? {
    guard job.plan.conflict == .hold, !job.joinsItsVersion,
      let occupant = try await inspector.occupant(of: job)
    else {
      return nil
    }
    // Nothing new in it: it may be answered as already there.
    return try await isAllThere(job, stop) ? nil : occupant
  }

  func isAllThere(_ job: Job, _ stop: StopFlag) async throws(TransferError) -> Bool {
    let standing = try await transfer.survey(job.plan, stop: stop)
    return standing.count == job.plan.files.count
      && standing.values.allSatisfy { if case .identical = $0 { true } else { false } }
  }

  private func stagingEnd(_ error: TransferError, _ job: Job) async -> StagingEnd {
    switch error {
    case .cancelled: return .stopped
    case .sourceChanged(let index), .unsafeSource(let index, _), .sourceNotAFile(let index, _):
      return .sourceChanged(job.plan.files[index].source)
    case .sourceMissing(let index):
      // A question, not an answer: first everything that was told before.
      await watcher.barrier()
      let path = job.plan.files[index].source
      let root = job.plan.sourceRoot
      let identity = rootIdentities[job.hotFolder]
      switch await threads.run({ absence(of: path, in: root, was: identity) }) {
      case .file: return .sourceMissing(path, directoryGone: false)
      case .directory: return .sourceMissing(path, directoryGone: true)
      case .unknown(let why): return .offline(why)
      }
    case .conflict: return .conflict("\(error)")
    case .destinationFull: return .destinationFull("\(error)")
    case .destinationMissing, .destinationReplaced, .unsafeDestination, .crossesMounts,
      .foreignStaging, .stagingLost:
      return .failed(.destination, "\(error)")
    case .sourceRoot: return .offline("\(error)")
    case .cannot, .readbackDiffers: return .failed(.destination, "\(error)")
    case .io: return .failed(.io, "\(error)")
    }
  }

  private func commit(_ job: Job, _ recheck: Set<RelativePath>) async throws {
    do {
      if let place = try await inspector.sentinel(over: job) {
        return inbox.post(.commitRefused(job.id, .sentinel(place)))
      }
      if let changed = await inspector.changedSource(recheck, of: job) {
        return inbox.post(.commitRefused(job.id, .sourceChanged(changed)))
      }
      try await transfer.confirm(job.plan, receipts[job.id] ?? [])
    } catch {
      return inbox.post(.commitRefused(job.id, .destination("\(error)")))
    }
    if board.isRaised(job.id) { return inbox.post(.commitRefused(job.id, .cancelled)) }
    let isFirst = try await journal.transition(
      job.id, from: ["staged"], to: "committing", at: Date())
    inbox.post(isFirst ? .committed(job.id) : .commitRefused(job.id, .cancelled))
  }

  private func publish(_ job: Job) async throws {
    let receipts = receipts[job.id] ?? []
    let outcome: PublishOutcome
    do throws(TransferError) {
      outcome = try await transfer.publish(job.plan, receipts)
    } catch {
      return pause(job, "\(error)")
    }
    switch outcome {
    case .published(let skipped):
      let published = receipts.count
      let done = JobProgress(
        stagedFrames: published, doneBytes: job.byteCount, publishedFrames: published)
      // Without this row on the disk no source may go: a failure here ends everything.
      try await journal.markFrames(skipped.map { ($0, "skipped") }, of: job.id, progress: done)
      inbox.post(.published(job.id))
    case .held(let conflicts):
      inbox.post(.publishingFailed(job.id, .held("\(TransferError.conflict(conflicts))")))
    case .blocked(let conflicts): pause(job, "\(TransferError.conflict(conflicts))")
    }
  }

  /// After the commit there is only forward: what is in the way may pass.
  private func pause(_ job: Job, _ message: String) {
    log.error("publishing pauses: \(message)", metadata: metadata(job))
    let inbox = inbox
    Task {
      // Cancelled only with the process.
      try? await Task.sleep(for: .seconds(2))
      inbox.post(.publishingFailed(job.id, .transient(message)))
    }
  }

  private func finish(_ job: Job) async throws {
    let all = receipts[job.id] ?? []
    // Whatever is not told to be removed lies there still.
    var left = Set(job.plan.files.map(\.source))
    if job.plan.isMove {
      var kept: [(ordinal: Int, outcome: String)] = []
      do {
        for removal in try await transfer.removeSources(job.plan, all, expecting: { _ in }) {
          switch removal.result {
          case .kept(let why): kept.append((removal.index, "kept: \(why)"))
          case .removed, .alreadyGone: left.remove(job.plan.files[removal.index].source)
          }
        }
      } catch {
        // Published and whole; what could not be removed stays, and is said.
        try await journal.note("sources stay: \(error)", on: job.id, at: Date())
        log.error("sources could not be removed: \(error)", metadata: metadata(job))
      }
      try await journal.markFrames(kept, of: job.id)
      for (ordinal, why) in kept {
        try await journal.note("\(job.plan.files[ordinal].source) \(why)", on: job.id, at: Date())
      }
    }
    do { _ = try await transfer.discard(job.plan, replacedBy: all) } catch {
      log.error("staging could not be removed: \(error)", metadata: metadata(job))
    }
    let present = all.count { $0.method == .present }
    let note =
      present == 0 ? nil : "\(present) of \(job.plan.files.count) frames were already there"
    _ = try await journal.transition(
      job.id, from: ["committing"], to: "done", note: note, at: Date())
    let isDurable = all.allSatisfy(\.durable)
    if isDurable { try await journal.setDurable(job.id) } else { syncLater(job, all) }
    log.info("done", metadata: metadata(job))
    release(job.id)
    inbox.post(.finished(job.id, kept: left))
  }

  private func syncLater(_ job: Job, _ receipts: [Receipt]) {
    let previous = syncs
    unsynced += 1
    syncs = Task {
      await previous?.value
      defer {
        unsynced -= 1
        if endsAtRest { inbox.post(.tick) }
      }
      do {
        let durable = try await transfer.sync(job.plan, receipts)
        if durable.count == receipts.count { try await journal.setDurable(job.id) }
      } catch {
        log.warning("published, but not durable yet: \(error)", metadata: metadata(job))
      }
    }
  }

  private func setAside(_ job: Job, _ state: JobState, _ reason: Reason) async throws {
    do {
      switch try await transfer.discard(job.plan) {
      case .removed, .nothing:
        try await journal.forgetReceipts(of: job.id)
        receipts[job.id] = nil
      // Whole frames whose sources are gone: their receipts are all that tells what they are.
      case .kept: break
      }
    } catch let error as TransferError {
      log.error("staging could not be removed: \(error)", metadata: metadata(job))
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
    sourcePlaces[id] = nil
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
    try await journal.insert(record, frames: [], claims: [], at: Date())
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

private enum Absence {
  case file, directory
  case unknown(String)
}

/// What a missing source means. Only where the hot folder is the mount it was, is absence a removal.
private func absence(
  of path: RelativePath, in root: String, was identity: MountIdentity?
) -> Absence {
  do throws(SystemError) {
    let root = try Descriptor.directory(at: root)
    if let identity, try MountIdentity(of: root) != identity {
      return .unknown("another file system is mounted at \(root.shownPath) than before")
    }
    return try root.holds(path.parent) ? .file : .directory
  } catch {
    return .unknown("\(error)")
  }
}
