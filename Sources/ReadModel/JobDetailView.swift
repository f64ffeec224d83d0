/// One step of a job's story.
public struct HistoryView: Codable, Hashable, Sendable {
  public var at: Timestamp
  /// The state entered; nil for a note within a state.
  public var state: JobState?
  public var message: String

  public init(at: Timestamp, state: JobState?, message: String) {
    self.at = at
    self.state = state
    self.message = message
  }

  // Written out so that a nil state is `null` and not left out.
  public func encode(to encoder: any Encoder) throws {
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(at, forKey: "at")
    try container.encode(state, forKey: "state")
    try container.encode(message, forKey: "message")
  }
}

/// Where one file goes.
public struct PlannedPair: Hashable, Sendable {
  public var source: ExactText
  public var destination: ExactText

  public init(source: ExactText, destination: ExactText) {
    self.source = source
    self.destination = destination
  }
}

/// One job with its plan and its story, as `show --json` prints it: the job's own keys, and `map`, `history`, `cancel`.
public struct JobDetailView: Hashable, Sendable {
  public var job: JobView
  /// Ascending by frame. In JSON `[[source, destination], …]`; where any path is not UTF-8, `map_bytes` has the same
  /// shape, with base64 for those and null for the others.
  public var map: [PlannedPair]
  /// How each file of `map` got there, or into staging: `copy`, `clone`, `link`, `symlink`, or `present` for what lay
  /// there already; nil for what is not staged.
  public var methods: [String?]
  /// Oldest first.
  public var history: [HistoryView]
  /// nil unless the job is cancelled.
  public var cancel: CancelView?

  public init(
    job: JobView, map: [PlannedPair], methods: [String?] = [], history: [HistoryView],
    cancel: CancelView? = nil
  ) {
    self.job = job
    self.map = map
    self.methods = methods
    self.history = history
    self.cancel = cancel
  }
}

extension JobDetailView: Codable {
  public init(from decoder: any Decoder) throws {
    job = try JobView(from: decoder)
    let container: MemberDecoder = try decoder.container(keyedBy: MemberKey.self)
    let texts = try container.decode([[String]].self, forKey: "map")
    let exact = try container.decodeIfPresent([[String?]].self, forKey: "map_bytes")
    map = try texts.indices.map { row in
      func side(_ column: Int) throws -> ExactText {
        guard texts[row].count == 2,
          exact.map({ $0.count == texts.count && $0[row].count == 2 }) != false
        else {
          throw DecodingError.dataCorruptedError(
            forKey: "map", in: container, debugDescription: "not a list of pairs")
        }
        if let base64 = exact?[row][column] {
          return try ExactText(base64: base64, codingPath: container.codingPath)
        }
        return ExactText(texts[row][column])
      }
      return PlannedPair(source: try side(0), destination: try side(1))
    }
    methods = try container.decodeIfPresent([String?].self, forKey: "methods") ?? []
    history = try container.decode([HistoryView].self, forKey: "history")
    cancel = try container.decodeIfPresent(CancelView.self, forKey: "cancel")
  }

  public func encode(to encoder: any Encoder) throws {
    try job.encode(to: encoder)
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(map.map { [$0.source.text, $0.destination.text] }, forKey: "map")
    let exact = map.map { pair in
      [pair.source, pair.destination].map { $0.exactString == nil ? $0.base64 : nil }
    }
    if exact.contains(where: { $0.contains { $0 != nil } }) {
      try container.encode(exact, forKey: "map_bytes")
    }
    try container.encode(methods, forKey: "methods")
    try container.encode(history, forKey: "history")
    try container.encode(cancel, forKey: "cancel")
  }
}
