import ReadModel
import Watching

extension Engine {
  /// Counts what happens; called with each event before it is decided on.
  func count(_ event: Event) {
    let now = ContinuousClock.now
    switch event {
    case .watch(.rescanning(_, let cause)):
      runner.counters.update { counts in
        counts.events += 1
        counts.rescans += 1
        if case .overflow = cause { counts.overflows += 1 }
      }
    case .watch: runner.counters.update { $0.events += 1 }
    case .eventsLost: runner.counters.update { $0.overflows += 1 }
    case .enqueued(let id):
      readySince[id] = now
      guard let job = intake.jobs[id] else { return }
      // By the wall clock: a delivery waits for days and over restarts.
      let waited = self.now().wall.timeIntervalSince(job.created)
      runner.counters.update { $0.arrivalToReady.record(waited) }
    case .published(let id):
      let ready = readySince.removeValue(forKey: id)
      let volume = intake.jobs[id].map {
        (folder: $0.hotFolder, frames: $0.plan.files.count, bytes: $0.byteCount)
      }
      runner.counters.update { counts in
        if let ready { counts.readyToPublished.record((now - ready) / .seconds(1)) }
        guard let volume else { return }
        counts.volumes[volume.folder, default: VolumeView()].publishedFrames += volume.frames
        counts.volumes[volume.folder, default: VolumeView()].publishedBytes += Int64(volume.bytes)
      }
    case .finished: count(ended: .done)
    case .aborted(let id): count(ended: .cancelled, id)
    case .setAside(let id):
      // Until a person has done something about it, nobody was slow.
      readySince[id] = nil
      if intake.jobs[id]?.state == .failed { count(ended: .failed, id) }
    default: break
    }
  }

  private func count(ended state: JobState, _ id: JobID? = nil) {
    if let id { readySince[id] = nil }
    runner.counters.update { $0.ended[state.rawValue, default: 0] += 1 }
  }

  public func metrics() async throws -> MetricsView {
    let counts = runner.counters.current
    var metrics = MetricsView(
      health: try await health(), arrivalToReady: counts.arrivalToReady,
      readyToPublished: counts.readyToPublished, cancelToNoTrace: counts.cancelToNoTrace)
    metrics.ended = counts.ended
    for (index, folder) in configuration.hotFolders.enumerated() {
      metrics.volumes[folder.name] = counts.volumes[index] ?? VolumeView()
    }
    metrics.waitingEvents = inbox.count
    metrics.queuedJobs = intake.queue.count
    metrics.parkedArrivals = intake.parked.count
    metrics.events = counts.events
    metrics.overflows = counts.overflows
    metrics.rescans = counts.rescans
    metrics.arrivalsWithoutJob = intake.arrivals.values.count(where: \.isWithoutJob)
    metrics.ruleMistakes = rulesView.mistakes.count
    return metrics
  }
}

extension RulesView {
  /// What keeps a file from being loaded as it stands.
  var mistakes: [RuleProblemView] { problems.filter { $0.severity == "error" } }
}
