import Foundation
import Paths
import ReadModel
import Watching

extension Intake {
  /// What became of a job's effect.
  mutating func jobEvent(_ event: Event, _ now: Moment, _ effects: inout [Effect]) {
    switch event {
    case .enqueued(let id): enqueued(id, &effects)
    case .claimed(let id, let other, let path):
      let message = "\(path) is already the destination of job \(other)"
      claimed(id, by: other, Reason(.conflict, message + wayOut, at: now.wall), &effects)
    case .measured(let id, let measurement): measured(id, measurement, now, &effects)
    case .gaveBack(let id): gaveBack(id, now)
    case .staged(let id): staged(id, &effects)
    case .stagingEnded(let id, let end): stagingEnded(id, end, now, &effects)
    case .committed(let id):
      jobs[id]?.commitUnderWay = false
      jobs[id]?.state = .committing
      // A publication that has to wait keeps nobody else from staging.
      running.remove(id)
      effects.append(.publish(id))
    case .commitRefused(let id, let refusal): commitRefused(id, refusal, now, &effects)
    case .published(let id):
      goesOn(id, &effects)
      effects.append(.finish(id))
    case .publishingFailed(let id, let failure): publishingFailed(id, failure, now, &effects)
    case .finished(let id, let kept): finished(id, kept: kept, now, &effects)
    case .aborted(let id): aborted(id, now, &effects)
    case .abortAgain(let id):
      if let job = jobs[id], job.state == .cancelling, let reason = job.reason {
        effects.append(.abort(id, reason, commitUnderWay: false))
      }
    case .setAsideAgain(let id):
      if let job = jobs[id], job.isBeingSetAside, let reason = job.reason {
        effects.append(.setAside(id, job.state, reason))
      }
    case .tooLate(let id):
      effects.append(.note(id, "a cancel came too late: already being published"))
    case .setAside(let id):
      running.remove(id)
      setAside(id, now, &effects)
    default: break
    }
  }

  mutating func startJobs(_ now: Moment, _ effects: inout [Effect]) {
    // No work without a row: what is under way may need the room that is left.
    if journalAt != nil { return }
    while running.count < limits.running, let id = takeFromQueue() {
      running.insert(id)
      unstarted.remove(id)
      effects.append(.measure(id, jobs[id]?.room.next ?? .roughly))
    }
    while unstarted.count + unparked.count < limits.queued, !parked.isEmpty {
      let key = parked.removeFirst()
      guard let arrival = arrivals[key], case .parked = arrival.phase else { continue }
      unparked.insert(key)
      inspect(key, &effects)
    }
  }

  /// The next job that may begin: of the highest priority the first that came, past those whose rule has its number of
  /// jobs running.
  private mutating func takeFromQueue() -> JobID? {
    queue.removeAll { id in
      if jobs[id]?.state == .queued { return false }
      unstarted.remove(id)
      return true
    }
    var best: (index: Int, priority: Int)?
    for (index, id) in queue.enumerated() {
      // Before the first look a sentinel that came while we were down might still be unseen.
      guard let job = jobs[id], lookedAt.contains(job.hotFolder),
        best.map({ job.priority > $0.priority }) ?? true, mayRun(job)
      else { continue }
      best = (index, job.priority)
    }
    return best.map { queue.remove(at: $0.index) }
  }

  private func mayRun(_ job: Job) -> Bool {
    job.rules.allSatisfy { rule in
      guard let atMost = rule.atMost else { return true }
      let others = running.count { id in
        jobs[id]?.rules.contains { $0.name == rule.name } ?? false
      }
      return others < atMost
    }
  }

  private mutating func enqueued(_ id: JobID, _ effects: inout [Effect]) {
    if let note = pendingNotes.removeValue(forKey: id) { effects.append(.note(id, note)) }
    guard jobs[id]?.state == .waiting else { return }
    jobs[id]?.state = .queued
    queue.append(id)
  }

  private mutating func staged(_ id: JobID, _ effects: inout [Effect]) {
    guard let job = jobs[id], job.state == .staging else { return }
    jobs[id]?.state = .staged
    jobs[id]?.room.isWhole()
    jobs[id]?.commitUnderWay = true
    jobs[id]?.touched = []
    effects.append(.commit(id, recheck: job.touched))
  }

  private mutating func stagingEnded(
    _ id: JobID, _ end: StagingEnd, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let job = jobs[id], job.state == .staging else { return }
    func absolute(_ path: RelativePath) -> [UInt8] {
      self.absolute(Place(root: job.hotFolder, path: path))
    }
    switch end {
    case .stopped where offline[job.hotFolder] != nil:
      jobs[id]?.room.isYielding = false
      pause(id, .offline, offlineReason(job.hotFolder, now), now, &effects)
    case .stopped where job.room.isYielding:
      yielded(id, now, &effects)
    case .stopped:
      // The flag was set for something that turned out not to concern it.
      effects.append(.stage(id))
    case .sourceChanged(let path):
      cancel(
        id,
        Reason(
          .sourceChanged, "\(path) changed while it was read; it settles anew",
          path: absolute(path), at: now.wall), &effects)
    case .sourceMissing(let path, let directoryGone):
      let reason =
        directoryGone
        ? Reason(
          .sourceRemoved, "\(path.parent) is gone", path: absolute(path.parent), at: now.wall)
        : Reason(.frameRemoved, "\(path) is gone", path: absolute(path), at: now.wall)
      if let name = path.name {
        directories[Place(root: job.hotFolder, path: path.parent)]?.files[name] = nil
      }
      cancel(id, reason, &effects)
    case .conflict(let message):
      setAside(id, .held, Reason(.conflict, message + wayOut, at: now.wall), &effects)
    case .destinationFull(let message):
      metFull(id, message, now, &effects)
    case .notWritable(let message): holdUnwritable(id, message, now, &effects)
    case .offline(let message):
      pause(id, .offline, Reason(.offline, message, at: now.wall), now, &effects)
    case .exhausted(let message):
      pause(id, nil, Reason(.io, message, at: now.wall), now, &effects)
    case .failed(let code, let message):
      setAside(id, .failed, Reason(code, message, at: now.wall), &effects)
    }
  }

  private mutating func pause(
    _ id: JobID, _ over: JobOverlay?, _ reason: Reason, _ now: Moment, _ effects: inout [Effect]
  ) {
    running.remove(id)
    jobs[id]?.state = .queued
    jobs[id]?.over = over
    jobs[id]?.reason = reason
    paused[id] = now.uptime + limits.firstRetry
    effects.append(.requeue(id, over, reason))
  }

  private mutating func commitRefused(
    _ id: JobID, _ refusal: CommitRefusal, _ now: Moment, _ effects: inout [Effect]
  ) {
    jobs[id]?.commitUnderWay = false
    guard let job = jobs[id], job.state == .staged else { return }
    switch refusal {
    case .sentinel(let place):
      // Its event may come later, or never; what it means is the same.
      if let sentinel = place.sentinel { sentinelSeen(place, sentinel, now, &effects) }
      if jobs[id]?.state == .staged {
        cancel(
          id,
          Reason(
            .sentinel, "cancelled by \(shown(absolute(place)))", path: absolute(place), at: now.wall
          ), &effects)
      }
    case .sourceChanged(let path):
      let place = Place(root: job.hotFolder, path: path)
      cancel(
        id,
        Reason(
          .sourceChanged, "\(path) was written again; it settles anew", path: absolute(place),
          at: now.wall), &effects)
    case .cancelled:
      // The flag was raised for something that turned out not to concern it.
      jobs[id]?.state = .staging
      effects.append(.stage(id))
    case .offline(let message):
      // Staged again, which looks at each source again and keeps what is whole.
      pause(id, .offline, Reason(.offline, message, at: now.wall), now, &effects)
    case .exhausted(let message):
      pause(id, nil, Reason(.io, message, at: now.wall), now, &effects)
    case .destination(let message):
      setAside(id, .failed, Reason(.destination, message, at: now.wall), &effects)
    }
  }

  private mutating func publishingFailed(
    _ id: JobID, _ failure: PublishFailure, _ now: Moment, _ effects: inout [Effect]
  ) {
    switch failure {
    case .held(let message): setAside(id, .held, Reason(.conflict, message, at: now.wall), &effects)
    case .lost(let message):
      setAside(id, .failed, Reason(.sourceChanged, message, at: now.wall), &effects)
    case .transient(let message):
      pausePublishing(id, over: nil, Reason(.io, message, at: now.wall), &effects)
      effects.append(.publish(id))
    case .full(let message):
      pausePublishing(id, over: .full, Reason(.destinationFull, message, at: now.wall), &effects)
      makeWay(for: id, now, &effects)
      effects.append(.publish(id))
    case .offline(let message):
      pausePublishing(id, over: .offline, Reason(.offline, message, at: now.wall), &effects)
      effects.append(.publish(id))
    }
  }

  mutating func setAside(
    _ id: JobID, _ state: JobState, _ reason: Reason, _ effects: inout [Effect]
  ) {
    guard let job = jobs[id], job.state != .cancelling else { return }
    jobs[id]?.state = state
    jobs[id]?.reason = reason
    jobs[id]?.isBeingSetAside = true
    unstarted.remove(id)
    effects.append(.setAside(id, state, reason))
  }

  /// Its row says so now: what came meanwhile has its turn.
  private mutating func setAside(_ id: JobID, _ now: Moment, _ effects: inout [Effect]) {
    jobs[id]?.isBeingSetAside = false
    guard let job = jobs[id] else { return }
    if let reason = job.pendingCancel {
      cancel(id, reason, &effects)
    } else if goOnIfFree(id) {
      return
    } else if !job.touched.isEmpty {
      // A first look or a rescan tells of every file that it finds: only a look at the file says whether it changed.
      jobs[id]?.touched = []
      effects.append(.recheck(id, job.touched))
    }
  }

  mutating func rechecked(
    _ id: JobID, _ changed: RelativePath?, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let changed, let job = jobs[id] else { return }
    touched(id, Place(root: job.hotFolder, path: changed), .closed, now, &effects)
  }

  private mutating func finished(
    _ id: JobID, kept: Set<RelativePath>, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let job = jobs.removeValue(forKey: id) else { return }
    running.remove(id)
    for file in job.plan.files {
      let place = Place(root: job.hotFolder, path: file.source)
      guard case .job(id)? = directories[place.parent]?.files[file.source.name!] else { continue }
      // A moved source is gone unless it was kept because it had changed.
      answer(place, !job.plan.isMove || kept.contains(file.source) ? .done(id) : nil)
      if job.touched.contains(file.source) { seen(place, .found, now, &effects) }
    }
    if job.plan.isMove, !job.touched.isEmpty {
      for directory in job.sourceDirectories {
        effects.append(.rescan(Place(root: job.hotFolder, path: directory)))
      }
    }
  }

  /// Everything an earlier run left unfinished starts where the journal says it was.
  mutating func recovered(_ job: Job, _ effects: inout [Effect]) {
    var job = job
    for file in job.plan.files {
      answer(Place(root: job.hotFolder, path: file.source), .job(job.id))
    }
    switch job.state {
    case .committing:
      effects.append(.publish(job.id))
    case .cancelling:
      effects.append(.abort(job.id, job.reason!, commitUnderWay: false))
    default:
      // Held ones too: what stood in the way may be gone.
      job.state = .queued
      job.reason = nil
      queue.append(job.id)
      unstarted.insert(job.id)
    }
    jobs[job.id] = job
  }
}

/// What every held job says besides its conflict.
private let wayOut =
  "; clear it away and say `hotplate retry`; held jobs are also tried again when the rules change, or at the next start"
