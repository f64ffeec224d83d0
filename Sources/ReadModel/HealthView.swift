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
  /// Bytes a second that are copied out of it now.
  public var rate: Double
  /// Where its sequences go: destination roots by the names that rules give them.
  public var destinations: [String: String]

  public init(
    name: String, path: ExactText, state: WatchState, rate: Double = 0,
    destinations: [String: String] = [:]
  ) {
    self.name = name
    self.path = path
    self.state = state
    self.rate = rate
    self.destinations = destinations
  }
}

extension HotFolderView: Codable {
  public init(from decoder: any Decoder) throws {
    let container: MemberDecoder = try decoder.container(keyedBy: MemberKey.self)
    name = try container.decode(String.self, forKey: "name")
    path = try container.decodeText("path")
    state = try container.decode(WatchState.self, forKey: "state")
    rate = try container.decode(Double.self, forKey: "rate")
    destinations = try container.decode([String: String].self, forKey: "destinations")
  }

  public func encode(to encoder: any Encoder) throws {
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(name, forKey: "name")
    try container.encode(path, forKey: "path")
    try container.encode(state, forKey: "state")
    try container.encode(rate, forKey: "rate")
    try container.encode(destinations, forKey: "destinations")
  }
}

/// How many directories the kernel watches for the daemon, and how many it would.
public struct WatchesView: Codable, Hashable, Sendable {
  public var used: Int
  /// For all programs of the user together (`fs.inotify.max_user_watches`); nil if it cannot be read.
  public var limit: Int?

  public init(used: Int = 0, limit: Int? = nil) {
    self.used = used
    self.limit = limit
  }

  // Written out so that a nil limit is `null` and not left out.
  public func encode(to encoder: any Encoder) throws {
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(used, forKey: "used")
    try container.encode(limit, forKey: "limit")
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
  public var watches: WatchesView

  public init(
    ok: Bool, version: String, pid: Int32, started: Timestamp, hotFolders: [HotFolderView],
    jobs: [String: Int], problems: [String], watches: WatchesView = WatchesView()
  ) {
    self.ok = ok
    self.version = version
    self.pid = pid
    self.started = started
    self.hotFolders = hotFolders
    self.jobs = jobs
    self.problems = problems
    self.watches = watches
  }

  private enum CodingKeys: String, CodingKey {
    case ok
    case version
    case pid
    case started
    case hotFolders = "hot_folders"
    case jobs
    case problems
    case watches
  }
}
