import Foundation

/// One row of the journal: a job as it stands.
///
/// States and reasons are the engine's words; the journal knows only which states end a job. Dates are kept to the
/// millisecond.
public struct JobRecord: Hashable, Sendable {
  /// A UUID of version 7 as text; see `Journal.makeID`.
  public var id: String
  /// The row's number, rising and never used again: lists go by it. Given by `insert`.
  public var number: Int64
  public var state: String
  /// What lies over the state and will be gone: `offline`, `full`.
  public var over: String?
  public var rule: String?
  /// The rule as it was when the job began.
  public var ruleText: String?
  public var hotFolder: String
  /// The engine's own: roots, action, members. Opaque here.
  public var settings: Data
  /// Why the job is where it is. Opaque here.
  public var reason: Data?
  public var expectedFrames: Int
  /// Bytes.
  public var expectedBytes: Int
  public var stagedFrames: Int
  /// Bytes.
  public var doneBytes: Int
  public var publishedFrames: Int
  /// Whether a power cut can no longer take what was published.
  public var durable: Bool
  public var created: Date
  /// When it first came to `staging`.
  public var started: Date?
  /// When it came to one of `terminalStates`; nil for an unfinished job.
  public var ended: Date?

  /// The states a job ends in: its claims are released.
  public static let terminalStates: Set<String> = ["done", "cancelled", "failed"]

  public init(
    id: String, number: Int64 = 0, state: String, over: String? = nil, rule: String? = nil,
    ruleText: String? = nil, hotFolder: String, settings: Data, reason: Data? = nil,
    expectedFrames: Int, expectedBytes: Int, stagedFrames: Int = 0, doneBytes: Int = 0,
    publishedFrames: Int = 0, durable: Bool = false, created: Date, started: Date? = nil,
    ended: Date? = nil
  ) {
    self.id = id
    self.number = number
    self.state = state
    self.over = over
    self.rule = rule
    self.ruleText = ruleText
    self.hotFolder = hotFolder
    self.settings = settings
    self.reason = reason
    self.expectedFrames = expectedFrames
    self.expectedBytes = expectedBytes
    self.stagedFrames = stagedFrames
    self.doneBytes = doneBytes
    self.publishedFrames = publishedFrames
    self.durable = durable
    self.created = created
    self.started = started
    self.ended = ended
  }
}

/// How far a job has come.
public struct JobProgress: Hashable, Sendable {
  public var stagedFrames: Int
  /// Bytes.
  public var doneBytes: Int
  public var publishedFrames: Int

  public init(stagedFrames: Int, doneBytes: Int, publishedFrames: Int) {
    self.stagedFrames = stagedFrames
    self.doneBytes = doneBytes
    self.publishedFrames = publishedFrames
  }
}

/// One step in a job's life.
public struct HistoryRecord: Hashable, Sendable {
  public var at: Date
  public var state: String
  public var text: String?

  public init(at: Date, state: String, text: String?) {
    self.at = at
    self.state = state
    self.text = text
  }
}
