import Foundation
import Paths
import ReadModel
import Watching

extension Intake {
  /// Cancels a job, or upgrades the reason of one that is being cancelled.
  mutating func cancel(_ id: JobID, _ reason: Reason, _ effects: inout [Effect]) {
    guard let job = jobs[id] else {
      if let arrival = arrivals.values.first(where: { $0.job == id }) {
        remove(arrival, reason, answer: .cancelled(id), &effects)
      }
      return
    }
    if job.state == .cancelling {
      if let old = job.reason, reason.isBetterThan(old) {
        jobs[id]?.reason = reason
        effects.append(.amend(id, reason))
      }
      return
    }
    // Before its row stands there is nothing to cancel in the journal.
    if job.isBeingSetAside || drafts[id] != nil {
      jobs[id]?.pendingCancel = reason
      return
    }
    guard job.state.takesCancel else { return }
    overlay(id, nil, nil, &effects)
    jobs[id]?.state = .cancelling
    unstarted.remove(id)
    jobs[id]?.reason = reason
    paused[id] = nil
    effects.append(.stop(id))
    effects.append(.abort(id, reason, commitUnderWay: job.commitUnderWay))
  }

  mutating func cancelBelow(
    _ place: Place, _ reason: Reason, _ now: Moment, _ effects: inout [Effect]
  ) {
    for job in jobs.values
    where job.hotFolder == place.root
      && job.plan.files.contains(where: { $0.source.isAtOrBelow(place.path) })
    {
      cancel(job.id, reason, &effects)
    }
    for arrival in Array(arrivals.values)
    where arrival.key.isTaken && arrival.key.directory.root == place.root
      && (arrival.key.directory.path.isAtOrBelow(place.path)
        || arrival.files.keys.contains { arrival.path($0).isAtOrBelow(place.path) })
    {
      remove(arrival, reason, answer: .cancelled(arrival.job), &effects)
    }
  }

  /// A cancelled job is gone; what it leaves in the hot folder gets its next answer.
  mutating func aborted(_ id: JobID, _ now: Moment, _ effects: inout [Effect]) {
    running.remove(id)
    guard let job = jobs[id] else { return }
    heldBehind[id] = nil
    names(of: id, areFree: &effects)
    if job.reason?.code == .frameRemoved || job.reason?.code == .sourceMoved {
      lostFrames.removeAll { now.uptime - $0.at > .seconds(10) }
      let directories = job.sourceDirectories.map { Place(root: job.hotFolder, path: $0) }
      lostFrames.append((id, Set(directories), now.uptime))
    }
    if job.reason?.code == .user {
      jobs[id] = nil
      for file in job.plan.files where owns(id, file.source, job.hotFolder) {
        let place = Place(root: job.hotFolder, path: file.source)
        answer(place, .cancelled(id))
        cancelledKeys.insert(seat(for: place, now).key)
      }
      for path in job.touched {
        seen(Place(root: job.hotFolder, path: path), .found, now, &effects)
      }
    } else {
      release(id, now, &effects)
    }
  }

  /// Another job goes where this one wanted to: held until that is cancelled, or somebody acts.
  mutating func claimed(
    _ id: JobID, by other: JobID, _ reason: Reason, _ effects: inout [Effect]
  ) {
    if lastCancelled.contains(other) { jobs[id]?.goesOn = true } else { heldBehind[id] = other }
    setAside(id, .held, reason, &effects)
  }

  /// What was held behind a job that is cancelled now goes on.
  private mutating func names(of id: JobID, areFree effects: inout [Effect]) {
    // Its own end may be told before the claim that met it.
    lastCancelled = lastCancelled.suffix(63) + [id]
    for (held, holder) in heldBehind where holder == id {
      heldBehind[held] = nil
      jobs[held]?.goesOn = true
      goOnIfFree(held)
    }
  }

  /// - Returns: whether it is in the queue again.
  @discardableResult
  mutating func goOnIfFree(_ id: JobID) -> Bool {
    guard let job = jobs[id], job.goesOn, job.state == .held, !job.isBeingSetAside else {
      return false
    }
    jobs[id]?.goesOn = false
    jobs[id]?.state = .queued
    jobs[id]?.reason = nil
    queue.append(id)
    unstarted.insert(id)
    return true
  }

  /// Lets go of a job's files: each is an arrival again, or on hold under the sentinel that cancelled it.
  mutating func release(_ id: JobID, _ now: Moment, _ effects: inout [Effect]) {
    guard let job = jobs.removeValue(forKey: id) else { return }
    for file in job.plan.files where owns(id, file.source, job.hotFolder) {
      let place = Place(root: job.hotFolder, path: file.source)
      answer(place, nil)
      if !isLeaving(place) { seen(place, .found, now, &effects) }
    }
  }

  /// Whether a place is on its way by a rename whose other half has not come.
  func isLeaving(_ place: Place) -> Bool {
    leaving.contains { $0.root == place.root && place.path.isAtOrBelow($0.path) }
  }

  private func owns(_ id: JobID, _ source: RelativePath, _ hotFolder: Int) -> Bool {
    if case .job(id)? = directories[Place(root: hotFolder, path: source.parent)]?.files[
      source.name!]
    {
      true
    } else {
      false
    }
  }
}
