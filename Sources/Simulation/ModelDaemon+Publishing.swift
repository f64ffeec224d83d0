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
  func commit(_ job: Job, _ recheck: Set<RelativePath>) async throws {
    onStep(job, true)
    do throws(SystemError) {
      let root = try presence.open(.hotFolder(job.hotFolder))
      if let place = try Inspector.sentinel(over: job, root) {
        return post(.commitRefused(job.id, .sentinel(place)))
      }
      if !recheck.isEmpty, let changed = try changed(recheck, job) {
        return post(.commitRefused(job.id, .sourceChanged(changed)))
      }
    } catch {
      return post(.commitRefused(job.id, .offline("\(error)")))
    }
    do throws(TransferError) {
      try await transfer.confirm(job.plan, receipts[job.id] ?? [])
    } catch {
      if let why = offline(error, job) { return post(.commitRefused(job.id, .offline(why))) }
      if error.isExhaustion { return post(.commitRefused(job.id, .exhausted("\(error)"))) }
      return post(.commitRefused(job.id, .destination("\(error)")))
    }
    if board.isRaised(job.id) { return post(.commitRefused(job.id, .cancelled)) }
    let isFirst = try journal.transition(job.id, from: [.staged], to: .committing)
    post(isFirst ? .committed(job.id) : .commitRefused(job.id, .cancelled))
  }

  func changed(_ paths: Set<RelativePath>, _ job: Job) throws(SystemError) -> RelativePath? {
    try Inspector.changed(
      job.plan.files.filter { paths.contains($0.source) },
      presence.open(.hotFolder(job.hotFolder)))
  }

  func publish(_ job: Job) async throws {
    onStep(job, false)
    do {
      if unproven.contains(job.id) { try await prove(job) }
    } catch let error as TransferError {
      return pause(job, offline(error, job).map { .offline($0) } ?? .transient("\(error)"))
    }
    let all = receipts[job.id] ?? []
    let outcome: PublishOutcome
    do throws(TransferError) {
      outcome = try await transfer.publish(job.plan, all)
    } catch {
      if error.isFailedSync { try journal.markFailedSync(job.id) }
      if case .destinationFull = error { return pause(job, .full("\(error)")) }
      return pause(job, offline(error, job).map { .offline($0) } ?? .transient("\(error)"))
    }
    switch outcome {
    case .published(let skipped):
      try journal.markFrames(
        skipped.map { ($0, "skipped") }, of: job.id, published: all.count)
      post(.published(job.id))
    case .held(let conflicts):
      post(.publishingFailed(job.id, .held("\(TransferError.conflict(conflicts))")))
    case .blocked(let conflicts):
      pause(job, .transient("\(TransferError.conflict(conflicts))"))
    }
  }

  func pause(_ job: Job, _ failure: PublishFailure) {
    say("    publishing pauses: \(failure)")
    later.append((now().uptime + .seconds(2), .publishingFailed(job.id, failure)))
  }

  func finish(_ job: Job) async throws {
    onStep(job, false)
    let all = receipts[job.id] ?? []
    var left = Set(job.plan.files.map(\.source))
    let hasFailed = journal.hasFailedSync(job.id)
    if job.plan.isMove, !hasFailed {
      switch await removals(of: job, all) {
      case .success(let removals):
        var kept: [(Int, String)] = []
        for removal in removals {
          switch removal.result {
          case .kept(let why):
            say("    \(job.plan.files[removal.index].source) is kept: \(why)")
            kept.append((removal.index, "kept"))
          case .removed, .alreadyGone: left.remove(job.plan.files[removal.index].source)
          }
        }
        try journal.markFrames(kept, of: job.id)
      case .failure(let later): return pause(job, later.why)
      }
    }
    do throws(TransferError) {
      let replaced = hasFailed ? [] : all
      if case .kept(let paths) = try await transfer.discard(job.plan, replacedBy: replaced) {
        say("    staging keeps \(paths)")
        reported.insert(job.id)
      }
    } catch {
      if let why = offline(error, job) { return pause(job, .offline(why)) }
      return pause(job, .transient("staging cannot be removed: \(error)"))
    }
    _ = try journal.transition(job.id, from: [.committing], to: .done)
    if hasFailed {
      // Not called durable: a sync that failed is believed no second time.
    } else if all.allSatisfy(\.durable) {
      try journal.setDurable(job.id)
    } else {
      syncLater(job, all)
    }
    release(job.id)
    post(.finished(job.id, kept: left))
  }

  struct Later: Error { let why: PublishFailure }

  func removals(of job: Job, _ all: [Receipt]) async -> Result<[Removal], Later> {
    let removals: [Removal]
    do throws(TransferError) {
      removals = try await transfer.removeSources(job.plan, all)
    } catch {
      if let why = offline(error, job) { return .failure(Later(why: .offline(why))) }
      return mayTryAgain(job) ? .failure(Later(why: .transient("\(error)"))) : .success([])
    }
    let failure = removals.lazy.compactMap { removal -> String? in
      if case .kept(.failed(let why)) = removal.result { why } else { nil }
    }.first
    if let failure, mayTryAgain(job) { return .failure(Later(why: .transient(failure))) }
    return .success(removals)
  }
}
