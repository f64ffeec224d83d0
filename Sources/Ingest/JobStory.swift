import Foundation
import Logging
import Paths
import ReadModel
import Transfer

// A job's story in the log: one line a step, by whose `job` its others are found. Nothing is told of single frames.

extension JobRunner {
  /// Says once of each arrival that a rule wants that it is there; called with what an event came to, before that is done.
  ///
  /// What was published or cancelled before is no arrival, and is not told again at each start.
  func tellArrivals(_ event: Event, _ effects: [Effect]) {
    for effect in effects {
      switch effect {
      case .enqueue(let job), .chooseVersion(let job, _): tellArrival(job)
      case .tell(let waiting, _, _), .recordCancelled(let waiting, _): tellArrival(waiting)
      default: break
      }
    }
    // One that goes on settling: somebody still writes to it.
    if case .inspected(let key, _, _) = event, key.isTaken, let arrival = intake.arrivals[key],
      !arrived.contains(arrival.job)
    {
      tellArrival(intake.waitingJob(arrival))
    }
  }

  private func tellArrival(_ job: Job) {
    guard isNew(job.id) else { return }
    var metadata = metadata(job)
    metadata["frames"] = number(job.plan.files.count)
    metadata["bytes"] = number(job.byteCount)
    tellArrival(metadata, hotFolder: job.hotFolder, firstSeen: job.created)
  }

  private func tellArrival(_ waiting: WaitingJob) {
    guard waiting.rule != nil, isNew(waiting.id) else { return }
    var metadata = waiting.metadata
    metadata["frames"] = number(waiting.files.count)
    tellArrival(metadata, hotFolder: waiting.hotFolder, firstSeen: waiting.firstSeen.wall)
  }

  private func tellArrival(_ metadata: Logger.Metadata, hotFolder: Int, firstSeen: Date) {
    var metadata = metadata
    metadata["hot_folder"] = "\(configuration.hotFolders[hotFolder].name)"
    metadata["first_seen"] = "\(Timestamp(firstSeen))"
    log.info("arrived", metadata: metadata)
  }

  private func isNew(_ id: JobID) -> Bool {
    // Arrivals that went as they came leave their ids here: what is over is forgotten from time to time.
    if arrived.count > 1000 + 2 * (intake.arrivals.count + intake.jobs.count) {
      arrived.formIntersection(intake.arrivals.values.map(\.job) + intake.jobs.keys)
    }
    return arrived.insert(id).inserted
  }

  func tellMatched(_ job: Job) {
    var metadata = metadata(job)
    metadata["destination"] = destination(of: job)
    metadata["frames"] = number(job.plan.files.count)
    metadata["bytes"] = number(job.byteCount)
    log.info("matched", metadata: metadata)
  }

  /// - Parameter kept: frames that were staged before, and are not copied again.
  func tellStaging(_ job: Job, kept: Int) {
    var metadata = metadata(job)
    metadata["frames"] = number(job.plan.files.count)
    if kept > 0 { metadata["staged_before"] = number(kept) }
    log.info("staging", metadata: metadata)
  }

  /// - Parameter earlier: what was staged before: the time was not spent on it.
  func tellStaged(
    _ job: Job, _ receipts: [Receipt], keeping earlier: [Receipt], in time: Duration
  ) {
    let kept = Set(earlier.map(\.index))
    let bytes = receipts.reduce(0) { kept.contains($1.index) ? $0 : $0 + $1.bytes }
    var metadata = metadata(job)
    let seconds = time / .seconds(1)
    metadata["frames"] = number(receipts.count)
    metadata["bytes"] = number(bytes)
    metadata["seconds"] = thousandths(seconds)
    if seconds > 0 { metadata["bytes_per_second"] = number(Int(Double(bytes) / seconds)) }
    log.info("staged", metadata: metadata)
  }

  func tellPublished(_ job: Job, frames: Int) {
    var metadata = metadata(job)
    metadata["destination"] = destination(of: job)
    metadata["frames"] = number(frames)
    log.info("published", metadata: metadata)
  }

  func tellCancelled(_ metadata: Logger.Metadata, _ reason: Reason?, _ receipt: CancelView) {
    var metadata = metadata.merging(because(reason)) { $1 }
    metadata["removed_files"] = number(receipt.removed.files)
    metadata["removed_bytes"] = number(Int(receipt.removed.bytes))
    if let stopped = receipt.seconds.stopped { metadata["stopped_seconds"] = thousandths(stopped) }
    metadata["seconds"] = thousandths(receipt.seconds.ended)
    log.info("cancelled", metadata: metadata)
  }

  /// That a job or an arrival does not go on: `waits`, `held`, `failed`.
  func tellStop(
    _ step: String, _ metadata: Logger.Metadata, _ reason: Reason, level: Logger.Level = .warning
  ) {
    log.log(level: level, "\(step)", metadata: metadata.merging(because(reason)) { $1 })
  }

  private func because(_ reason: Reason?) -> Logger.Metadata {
    guard let reason else { return [:] }
    var metadata: Logger.Metadata = [
      "code": "\(reason.code.rawValue)", "reason": "\(reason.message)",
    ]
    if let path = reason.path { metadata["path"] = "\(shown(path.bytes))" }
    if let by = reason.by { metadata["by"] = "\(by)" }
    return metadata
  }

  private func destination(of job: Job) -> Logger.MetadataValue {
    "\(whole(job.members.map(\.destination)).map(shownPlace) ?? "")"
  }
}

extension WaitingJob {
  var metadata: Logger.Metadata {
    ["job": "\(id)", "rule": "\(rule ?? "-")", "source": "\(shownPlace(source))"]
  }
}

/// As a number, for those who read the log as JSON.
private func number(_ value: Int) -> Logger.MetadataValue { .stringConvertible(value) }

private func thousandths(_ seconds: Double) -> Logger.MetadataValue {
  .stringConvertible((seconds * 1000).rounded() / 1000)
}

private func shownPlace(_ place: SequenceView) -> String {
  shown(place.directory.bytes) + "/" + (place.pattern.map { shown($0.bytes) } ?? "")
}
