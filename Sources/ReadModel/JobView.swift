/// One job as `jobs --json` and the API show it.
public struct JobView: Codable, Hashable, Sendable, Identifiable {
  public var id: String
  public var state: JobState
  public var over: JobOverlay?
  /// The rule that took it; nil if it was lost with the rule file.
  public var rule: String?
  /// The configured name of the hot folder it came from.
  public var hotFolder: String?
  public var source: SequenceView
  /// nil while it is not decided.
  public var destination: SequenceView?
  public var frames: FramesView
  public var bytes: BytesView
  public var reason: ReasonView?
  /// Whether what is published would survive a power cut now.
  public var durable: Bool
  public var created: Timestamp
  /// When its first frame began to be staged.
  public var started: Timestamp?
  public var ended: Timestamp?
  /// One for a job of one sequence, repeating `source` and `destination`.
  public var members: [MemberView]

  public init(
    id: String, state: JobState, over: JobOverlay? = nil, rule: String?, hotFolder: String?,
    source: SequenceView, destination: SequenceView?, frames: FramesView, bytes: BytesView,
    reason: ReasonView? = nil, durable: Bool = false, created: Timestamp,
    started: Timestamp? = nil, ended: Timestamp? = nil, members: [MemberView]
  ) {
    self.id = id
    self.state = state
    self.over = over
    self.rule = rule
    self.hotFolder = hotFolder
    self.source = source
    self.destination = destination
    self.frames = frames
    self.bytes = bytes
    self.reason = reason
    self.durable = durable
    self.created = created
    self.started = started
    self.ended = ended
    self.members = members
  }

  private enum CodingKeys: String, CodingKey {
    case id
    case state
    case over
    case rule
    case hotFolder = "hot_folder"
    case source
    case destination
    case frames
    case bytes
    case reason
    case durable
    case created
    case started
    case ended
    case members
  }

  // Written out because the synthesised one leaves nil out, and every key is promised.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(id, forKey: .id)
    try container.encode(state, forKey: .state)
    try container.encode(over, forKey: .over)
    try container.encode(rule, forKey: .rule)
    try container.encode(hotFolder, forKey: .hotFolder)
    try container.encode(source, forKey: .source)
    try container.encode(destination, forKey: .destination)
    try container.encode(frames, forKey: .frames)
    try container.encode(bytes, forKey: .bytes)
    try container.encode(reason, forKey: .reason)
    try container.encode(durable, forKey: .durable)
    try container.encode(created, forKey: .created)
    try container.encode(started, forKey: .started)
    try container.encode(ended, forKey: .ended)
    try container.encode(members, forKey: .members)
  }
}
