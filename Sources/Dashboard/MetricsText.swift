import ReadModel

/// Metrics as Prometheus reads them (text format 0.0.4).
struct MetricsText {
  private(set) var text = ""

  /// - Parameters:
  ///   - kind: `counter` or `gauge`.
  ///   - samples: labels and values; a family without samples is left out.
  mutating func add(
    _ name: String, _ kind: String, _ help: String,
    _ samples: [(labels: [(String, String)], value: Double)]
  ) {
    if samples.isEmpty { return }
    head(name, kind, help)
    for sample in samples { line(name, sample.labels, sample.value) }
  }

  mutating func add(_ name: String, _ kind: String, _ help: String, _ value: Double) {
    add(name, kind, help, [(labels: [], value: value)])
  }

  mutating func add(_ name: String, _ help: String, _ histogram: HistogramView) {
    head(name, "histogram", help)
    var sum = 0
    for (bound, count) in zip(histogram.bounds, histogram.counts) {
      sum += count
      line(name + "_bucket", [("le", number(bound))], Double(sum))
    }
    line(name + "_bucket", [("le", "+Inf")], Double(histogram.count))
    line(name + "_sum", [], histogram.sum)
    line(name + "_count", [], Double(histogram.count))
  }

  private mutating func head(_ name: String, _ kind: String, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
  }

  private mutating func line(_ name: String, _ labels: [(String, String)], _ value: Double) {
    let labels = labels.map { "\($0.0)=\"\(escaped($0.1))\"" }.joined(separator: ",")
    text += "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(number(value))\n"
  }

  private func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
  }

  private func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\"": result += "\\\""
      case "\n": result += "\\n"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

extension MetricsText {
  /// - Parameters:
  ///   - stream: clients of the live stream now, and snapshots made for them.
  ///   - refused: refused requests by their code.
  init(
    _ metrics: MetricsView, stream: (clients: Int, snapshots: Int), refused: [String: Int],
    process: ProcessFigures
  ) {
    self.init()
    let health = metrics.health
    add(
      "hotplate_build_info", "gauge", "The running version.",
      [(labels: [("version", health.version)], value: 1)])
    add("hotplate_healthy", "gauge", "1 unless the daemon needs a person.", health.ok ? 1 : 0)
    add(
      "hotplate_jobs", "gauge", "Jobs that are not over, by state.",
      JobState.allCases.filter { !$0.isFinal || $0 == .failed }.map {
        (labels: [("state", $0.rawValue)], value: Double(health.jobs[$0.rawValue] ?? 0))
      })
    add(
      "hotplate_jobs_ended_total", "counter", "Jobs that ended since the start, by state.",
      ["done", "cancelled", "failed"].map {
        (labels: [("state", $0)], value: Double(metrics.ended[$0] ?? 0))
      })
    addVolumes(metrics)
    add(
      "hotplate_arrival_to_ready_seconds", "From a delivery's first sight until it is a job.",
      metrics.arrivalToReady)
    add(
      "hotplate_ready_to_published_seconds", "From there until its final names are visible.",
      metrics.readyToPublished)
    add(
      "hotplate_cancel_to_no_trace_seconds",
      "From a cancel's trigger until nothing is left at the destination.", metrics.cancelToNoTrace)
    add(
      "hotplate_queue_depth", "gauge", "What waits: events, jobs, and deliveries behind those.",
      [
        (labels: [("queue", "events")], value: Double(metrics.waitingEvents)),
        (labels: [("queue", "jobs")], value: Double(metrics.queuedJobs)),
        (labels: [("queue", "parked")], value: Double(metrics.parkedArrivals)),
      ])
    addWatching(metrics)
    add(
      "hotplate_arrivals_without_job", "gauge", "What lies in hot folders and no rule takes.",
      Double(metrics.arrivalsWithoutJob))
    add(
      "hotplate_rule_mistakes", "gauge", "Mistakes in rule files now.", Double(metrics.ruleMistakes)
    )
    add("hotplate_stream_clients", "gauge", "Clients of the live stream.", Double(stream.clients))
    add(
      "hotplate_stream_snapshots_total", "counter",
      "Snapshots for clients that were new or had fallen behind.", Double(stream.snapshots))
    add(
      "hotplate_requests_refused_total", "counter", "Requests that were refused, by code.",
      refused.sorted { $0.key < $1.key }.map {
        (labels: [("code", $0.key)], value: Double($0.value))
      })
    addProcess(process, health)
  }

  private mutating func addVolumes(_ metrics: MetricsView) {
    let volumes = metrics.volumes.sorted { $0.key < $1.key }
    func samples(_ value: (VolumeView) -> Double) -> [(labels: [(String, String)], value: Double)] {
      volumes.map { (labels: [("hot_folder", $0.key)], value: value($0.value)) }
    }
    add(
      "hotplate_frames_staged_total", "counter", "Frames copied beside their destination.",
      samples { Double($0.stagedFrames) })
    add(
      "hotplate_bytes_staged_total", "counter", "Bytes of those frames.",
      samples { Double($0.stagedBytes) })
    add(
      "hotplate_frames_published_total", "counter", "Frames that got their final names.",
      samples { Double($0.publishedFrames) })
    add(
      "hotplate_bytes_published_total", "counter", "Bytes of those frames.",
      samples { Double($0.publishedBytes) })
  }

  private mutating func addWatching(_ metrics: MetricsView) {
    let health = metrics.health
    add(
      "hotplate_events_total", "counter", "Events of the hot folders.", Double(metrics.events))
    add(
      "hotplate_event_overflows_total", "counter",
      "How often events were lost and everything was listed again.", Double(metrics.overflows))
    add(
      "hotplate_rescans_total", "counter", "Directories that were listed again.",
      Double(metrics.rescans))
    add("hotplate_watches", "gauge", "Directories watched.", Double(health.watches.used))
    if let limit = health.watches.limit {
      add(
        "hotplate_watches_limit", "gauge", "How many the kernel allows all programs of the user.",
        Double(limit))
    }
    add(
      "hotplate_hot_folder_state", "gauge", "1 for the state a hot folder is in.",
      health.hotFolders.flatMap { folder in
        [WatchState.watching, .polling, .offline].map {
          (
            labels: [("hot_folder", folder.name), ("state", $0.rawValue)],
            value: folder.state == $0 ? 1.0 : 0.0
          )
        }
      })
  }

  private mutating func addProcess(_ process: ProcessFigures, _ health: HealthView) {
    if let bytes = process.residentBytes {
      add("process_resident_memory_bytes", "gauge", "Memory in use.", Double(bytes))
    }
    add("process_cpu_seconds_total", "counter", "Time on all cores.", process.cpuSeconds)
    if let open = process.openDescriptors {
      add("process_open_fds", "gauge", "Open descriptors.", Double(open))
    }
    add(
      "process_start_time_seconds", "gauge", "Since 1970.",
      Double(health.started.milliseconds) / 1000)
  }
}
