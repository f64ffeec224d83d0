import Foundation
import Journal
import Paths
import ReadModel
import Transfer

extension JobRunner {
  nonisolated(nonsending) func commit(_ job: Job, _ recheck: Set<RelativePath>) async throws {
    await host.pass(.beforeProbe, job.id)
    do {
      if let place = try await inspector.sentinel(over: job) {
        return host.post(.commitRefused(job.id, .sentinel(place)))
      }
      if let changed = try await inspector.changedSource(recheck, of: job) {
        return host.post(.commitRefused(job.id, .sourceChanged(changed)))
      }
    } catch {
      return host.post(.commitRefused(job.id, .offline(await absence(for: job) ?? "\(error)")))
    }
    do {
      try await transfer.confirm(job.plan, receipts[job.id] ?? [])
    } catch  where error.isExhaustion {
      return host.post(.commitRefused(job.id, .exhausted("\(error)")))
    } catch {
      if let why = await offline(error, job) {
        return host.post(.commitRefused(job.id, .offline(why)))
      }
      return host.post(.commitRefused(job.id, .destination("\(error)")))
    }
    if board.isRaised(job.id) { return host.post(.commitRefused(job.id, .cancelled)) }
    await host.pass(.beforeCommit, job.id)
    let isFirst = try await move(job.id, from: [.staged], to: .committing)
    host.post(isFirst ? .committed(job.id) : .commitRefused(job.id, .cancelled))
  }

  nonisolated(nonsending) func publish(_ job: Job) async throws {
    await host.pass(.beforePublishing, job.id)
    let outcome: PublishOutcome
    var lost: String?
    do {
      if unproven.contains(job.id) { lost = try await prove(job) }
    } catch let error as TransferError {
      let why = await offline(error, job)
      return pause(job, why.map { .offline($0) } ?? .transient("\(error)"))
    }
    let receipts = receipts[job.id] ?? []
    do throws(TransferError) {
      outcome = try await transfer.publish(
        job.plan, receipts, lost: lostFrames[job.id]?.receipts ?? [])
    } catch {
      if error.isFailedSync {
        try await ledger.setValue(Data("\(error)".utf8), for: failedSync(of: job))
      }
      if case .destinationFull = error { return pause(job, .full("\(error)")) }
      let why = await offline(error, job)
      return pause(job, why.map { .offline($0) } ?? .transient("\(error)"))
    }
    let missing = Set(outcome.missing).intersection(receipts.map(\.index))
    if !missing.isEmpty {
      try await lose(missing, of: job)
      return pause(job, .transient("\(missing.count) frames are to be staged again"))
    }
    switch outcome {
    case .published(let skipped):
      let published = receipts.count
      let done = JobProgress(
        stagedFrames: published, doneBytes: job.byteCount, publishedFrames: published)
      // Without this row on the disk no source may go: a failure here ends everything.
      try await ledger.markFrames(skipped.map { ($0, "skipped") }, of: job.id, progress: done)
      tellPublished(job, frames: published)
      host.post(.published(job.id))
    case .held(let conflicts):
      let why = lost ?? "\(TransferError.conflict(conflicts))"
      host.post(.publishingFailed(job.id, .held(why)))
    case .blocked(let conflicts):
      guard let lost else {
        return pause(job, .transient("\(TransferError.conflict(conflicts))"))
      }
      // Waiting brings no frame back: its source is another file now. What is visible is known as published.
      let published = JobProgress(
        stagedFrames: receipts.count, doneBytes: job.byteCount, publishedFrames: receipts.count)
      try await ledger.update(published, of: job.id, made: [])
      host.post(.publishingFailed(job.id, .lost("\(lost); what is published stays")))
    }
  }

  /// After the commit there is only forward: what is in the way may pass.
  private func pause(_ job: Job, _ failure: PublishFailure) {
    tellPause(job, failure.message)
    host.post(.publishingFailed(job.id, failure), after: .seconds(2))
  }

  /// Said once, however often it is tried.
  private func tellPause(_ job: Job, _ message: String) {
    if intake.jobs[job.id]?.reason?.message == message { return }
    log.error("publishing pauses: \(message)", metadata: metadata(job))
  }

  nonisolated(nonsending) func finish(_ job: Job) async throws {
    await host.pass(.beforeFinishing, job.id)
    let all = receipts[job.id] ?? []
    // Whatever is not told to be removed lies there still.
    var left = Set(job.plan.files.map(\.source))
    let failure = try await ledger.value(for: failedSync(of: job))
    if let failure {
      let what = job.plan.isMove ? "the sources stay" : "it is not called durable"
      let note = "\(what): \(String(decoding: failure, as: UTF8.self)); look at that disk"
      try await ledger.note(note, on: job.id, at: Date())
      log.error("\(note)", metadata: metadata(job))
    } else if job.plan.isMove {
      var kept: [(ordinal: Int, outcome: String)] = []
      var shared = 0
      do {
        let removals = try await transfer.removeSources(job.plan, all, expecting: { _ in })
        let failures = removals.compactMap { removal -> String? in
          if case .kept(.failed(let why)) = removal.result { why } else { nil }
        }
        if let why = failures.first, mayTryAgain(job) {
          return pause(job, .transient("a source could not be removed: \(why)"))
        }
        for removal in removals {
          if case .removed(let others) = removal.result, others > 0 { shared += 1 }
          switch removal.result {
          case .kept(let why): kept.append((removal.index, "kept: \(why)"))
          case .removed, .alreadyGone: left.remove(job.plan.files[removal.index].source)
          }
        }
      } catch {
        if let why = await offline(error, job) { return pause(job, .offline(why)) }
        if mayTryAgain(job) {
          return pause(job, .transient("the sources could not be removed: \(error)"))
        }
        // Published and whole; what could not be removed stays, and is said.
        try await ledger.note("sources stay: \(error)", on: job.id, at: Date())
        log.error("sources could not be removed: \(error)", metadata: metadata(job))
      }
      if shared > 0 {
        let note = "other names still hold \(shared) of the moved files"
        try await ledger.note(note, on: job.id, at: Date())
      }
      try await ledger.markFrames(kept, of: job.id, progress: nil)
      for (ordinal, why) in kept {
        try await ledger.note("\(job.plan.files[ordinal].source) \(why)", on: job.id, at: Date())
      }
    }
    do {
      let replaced = failure == nil ? all : []
      if case .kept(let paths) = try await transfer.discard(job.plan, replacedBy: replaced) {
        try await noteKept(paths, of: job)
      }
    } catch let error as TransferError {
      if let why = await offline(error, job) { return pause(job, .offline(why)) }
      return pause(job, .transient("staging could not be removed: \(error)"))
    }
    let present = all.count { $0.method == .present }
    let note =
      present == 0 ? nil : "\(present) of \(job.plan.files.count) frames were already there"
    _ = try await move(
      job.id, from: [.committing], to: .done, reason: .some(nil), note: note)
    let isDurable = all.allSatisfy(\.durable)
    if isDurable, failure == nil {
      try await ledger.setDurable(job.id)
    } else if failure == nil {
      syncsDue.append((job, all))
    }
    log.info("done", metadata: metadata(job))
    release(job.id)
    host.post(.finished(job.id, kept: left))
  }

  /// An error may pass; one that does not must not keep a delivery from its end that is published and whole.
  private func mayTryAgain(_ job: Job) -> Bool {
    removalTries[job.id, default: 0] += 1
    return removalTries[job.id]! < 4
  }

  /// Where it is remembered that a sync failed: the kernel tells of it once, and the next one passes.
  func failedSync(of job: Job) -> String { "failed sync \(job.id)" }

  /// Syncs what was published without, in the background.
  package nonisolated(nonsending) func sync(_ job: Job, _ receipts: [Receipt]) async throws {
    do throws(TransferError) {
      let durable = try await transfer.sync(job.plan, receipts)
      if durable.count < receipts.count { return }
    } catch {
      log.warning("published, but not durable yet: \(error)", metadata: metadata(job))
      guard error.isFailedSync else { return }
      try await ledger.setValue(Data("\(error)".utf8), for: failedSync(of: job))
      return try await ledger.note("it is not durable: \(error)", on: job.id, at: Date())
    }
    try await ledger.setDurable(job.id)
  }

  /// Somebody's bytes that no receipt accounts for, or frames whose sources are gone: they stay in staging until a person
  /// has looked.
  nonisolated(nonsending) func noteKept(_ paths: [RelativePath], of job: Job) async throws {
    if paths.isEmpty { return }
    let places = paths.prefix(3).map { "\($0)" }.joined(separator: ", ")
    let note = "\(paths.count) files in staging are not ours to remove: \(places)"
    try await ledger.note(note, on: job.id, at: Date())
    log.warning("\(note)", metadata: metadata(job))
  }
}

extension TransferError {
  var isFailedSync: Bool {
    switch self {
    case .io(let cause, _), .destinationFull(let cause):
      ["fsync", "fdatasync"].contains(cause.call)
    default: false
    }
  }
}
