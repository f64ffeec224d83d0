/// How often something took how long.
public struct HistogramView: Hashable, Sendable {
  /// Upper bounds in seconds, ascending.
  public let bounds: [Double]
  /// For each bound, how many took at most so long and longer than the bound before; one more for the rest.
  public private(set) var counts: [Int]
  /// Seconds of all together.
  public private(set) var sum: Double = 0

  public init(bounds: [Double]) {
    self.bounds = bounds
    counts = Array(repeating: 0, count: bounds.count + 1)
  }

  /// - Parameter seconds: less than 0 counts as 0.
  public mutating func record(_ seconds: Double) {
    let seconds = max(0, seconds)
    counts[bounds.firstIndex { seconds <= $0 } ?? bounds.count] += 1
    sum += seconds
  }

  public var count: Int { counts.reduce(0, +) }
}

/// Frames and bytes of one hot folder since the daemon began.
public struct VolumeView: Hashable, Sendable {
  public var stagedFrames = 0
  public var stagedBytes: Int64 = 0
  public var publishedFrames = 0
  public var publishedBytes: Int64 = 0

  public init() {}
}

/// What a monitor draws curves of. Counts are since the daemon began.
public struct MetricsView: Hashable, Sendable {
  public var health: HealthView
  /// Jobs that ended, by state.
  public var ended: [String: Int] = [:]
  /// By the hot folder's name.
  public var volumes: [String: VolumeView] = [:]
  /// From the first sight of a delivery until it became a job.
  public var arrivalToReady: HistogramView
  /// From then until its final names were visible.
  public var readyToPublished: HistogramView
  /// From the first trigger of a cancel until nothing was left at the destination.
  public var cancelToNoTrace: HistogramView
  /// Events that wait to be decided on.
  public var waitingEvents = 0
  /// Jobs that wait for their turn.
  public var queuedJobs = 0
  /// Ready deliveries that found the queue full.
  public var parkedArrivals = 0
  public var events = 0
  /// How often the kernel's queue of events, or the one behind it, ran over.
  public var overflows = 0
  public var rescans = 0
  public var arrivalsWithoutJob = 0
  public var ruleMistakes = 0

  public init(
    health: HealthView, arrivalToReady: HistogramView, readyToPublished: HistogramView,
    cancelToNoTrace: HistogramView
  ) {
    self.health = health
    self.arrivalToReady = arrivalToReady
    self.readyToPublished = readyToPublished
    self.cancelToNoTrace = cancelToNoTrace
  }
}
