/// How a hot folder is being followed.
public enum WatchState: String, Codable, Hashable, Sendable {
  case watching
  case polling
  case offline
}

/// One hot folder as a monitor sees it.
public struct HotFolderView: Hashable, Sendable {
  public var name: String
  public var path: ExactText
  public var state: WatchState

  public init(name: String, path: ExactText, state: WatchState) {
    self.name = name
    self.path = path
    self.state = state
  }
}

extension HotFolderView: Codable {
  public init(from decoder: any Decoder) throws {
    let container: MemberDecoder = try decoder.container(keyedBy: MemberKey.self)
    name = try container.decode(String.self, forKey: "name")
    path = try container.decodeText("path")
    state = try container.decode(WatchState.self, forKey: "state")
  }

  public func encode(to encoder: any Encoder) throws {
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(name, forKey: "name")
    try container.encode(path, forKey: "path")
    try container.encode(state, forKey: "state")
  }
}

/// Whether the daemon is well, for monitors.
public struct HealthView: Codable, Hashable, Sendable {
  /// False if a person has to act on the daemon itself; a failed job alone does not make it so.
  public var ok: Bool
  public var version: String
  public var pid: Int32
  public var started: Timestamp
  public var hotFolders: [HotFolderView]
  /// How many jobs stand in each state, by the state's name; states without jobs may be left out.
  public var jobs: [String: Int]
  /// What is wrong with the daemon itself, a sentence each; empty if `ok`.
  public var problems: [String]

  public init(
    ok: Bool, version: String, pid: Int32, started: Timestamp, hotFolders: [HotFolderView],
    jobs: [String: Int], problems: [String]
  ) {
    self.ok = ok
    self.version = version
    self.pid = pid
    self.started = started
    self.hotFolders = hotFolders
    self.jobs = jobs
    self.problems = problems
  }

  private enum CodingKeys: String, CodingKey {
    case ok
    case version
    case pid
    case started
    case hotFolders = "hot_folders"
    case jobs
    case problems
  }
}
