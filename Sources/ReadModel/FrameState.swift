/// What is known of one frame.
public enum FrameState: String, Codable, Hashable, Sendable, CaseIterable {
  /// Its rule says that it shall come, and it has not.
  case expected
  /// It lies in the hot folder.
  case arrived
  /// A gap between frames that are there.
  case missing
  /// Whole beside the destination, by the digest of what was read.
  case staged
  /// Staged, read back from the disk and found equal.
  case verified
  /// Visible under its final name.
  case published
  /// It cannot be read, or is not what it should be.
  case damaged
}

/// Neighbouring frames of one state; in JSON `["staged", 40]`.
public struct FrameRun: Hashable, Sendable {
  public var state: FrameState
  /// At least 1.
  public var count: Int

  public init(_ state: FrameState, _ count: Int) {
    self.state = state
    self.count = count
  }
}

extension FrameRun: Codable {
  public init(from decoder: any Decoder) throws {
    var container = try decoder.unkeyedContainer()
    state = try container.decode(FrameState.self)
    count = try container.decode(Int.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.unkeyedContainer()
    try container.encode(state)
    try container.encode(count)
  }
}

extension [FrameRun] {
  /// Adds frames behind the others.
  public mutating func append(_ state: FrameState, _ count: Int) {
    if count < 1 { return }
    if last?.state == state {
      self[self.endIndex - 1].count += count
    } else {
      append(FrameRun(state, count))
    }
  }
}

/// The frames of one member, from its first to its last, gaps included.
public struct MemberStripView: Hashable, Sendable {
  /// As in the member's source.
  public var pattern: ExactText?
  /// The frame number of the first cell; nil for a single file, which is one cell.
  public var first: Int?
  public var last: Int?
  public var runs: [FrameRun]

  public init(pattern: ExactText?, first: Int?, last: Int?, runs: [FrameRun]) {
    self.pattern = pattern
    self.first = first
    self.last = last
    self.runs = runs
  }
}

extension MemberStripView: Codable {
  public init(from decoder: any Decoder) throws {
    let container: MemberDecoder = try decoder.container(keyedBy: MemberKey.self)
    pattern = try container.decodeTextIfPresent("pattern")
    first = try container.decodeIfPresent(Int.self, forKey: "first")
    last = try container.decodeIfPresent(Int.self, forKey: "last")
    runs = try container.decode([FrameRun].self, forKey: "runs")
  }

  public func encode(to encoder: any Encoder) throws {
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(pattern, forKey: "pattern")
    try container.encode(first, forKey: "first")
    try container.encode(last, forKey: "last")
    try container.encode(runs, forKey: "runs")
  }
}

/// What is known of each frame of a job.
public struct StripView: Codable, Hashable, Sendable {
  public var id: String
  /// In the order of the job's members.
  public var members: [MemberStripView]

  public init(id: String, members: [MemberStripView]) {
    self.id = id
    self.members = members
  }
}
