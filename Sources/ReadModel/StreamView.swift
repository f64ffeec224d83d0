/// Everything that a page shows, at one moment.
public struct SnapshotView: Codable, Hashable, Sendable {
  /// Newest first: all that have not ended, and the newest of those that have.
  public var jobs: [JobView]
  public var progress: [ProgressView]
  public var arrivals: [ArrivalView]
  public var rules: RulesView
  public var health: HealthView

  public init(
    jobs: [JobView] = [], progress: [ProgressView] = [], arrivals: [ArrivalView] = [],
    rules: RulesView, health: HealthView
  ) {
    self.jobs = jobs
    self.progress = progress
    self.arrivals = arrivals
    self.rules = rules
    self.health = health
  }
}

/// What has changed since somebody asked last.
public struct ChangesView: Hashable, Sendable {
  /// New or changed, in any order.
  public var jobs: [JobView] = []
  /// Ids of jobs that waited and are no more, without a trace in the journal.
  public var gone: [String] = []
  public var progress: [ProgressView] = []
  /// All of them; nil if none can have changed.
  public var arrivals: [ArrivalView]?
  public var rules: RulesView?
  public var health: HealthView?

  public init() {}
}
