/// A sequence or a single file at one place: a source or a destination.
public struct SequenceView: Hashable, Sendable {
  /// The directory that holds it; of a delivery of several, the deepest that holds all.
  public var directory: ExactText
  /// `sh010_beauty.#.exr` (`#` is padding 4, else one `@` a digit), the file's name, or nil for a delivery of several.
  public var pattern: ExactText?
  /// Ranges, ascending, separated by commas; nil for a single file and for a delivery of several.
  public var frames: String?

  public init(directory: ExactText, pattern: ExactText?, frames: String?) {
    self.directory = directory
    self.pattern = pattern
    self.frames = frames
  }
}

extension SequenceView: Codable {
  public init(from decoder: any Decoder) throws {
    let container: MemberDecoder = try decoder.container(keyedBy: MemberKey.self)
    directory = try container.decodeText("directory")
    pattern = try container.decodeTextIfPresent("pattern")
    frames = try container.decodeIfPresent(String.self, forKey: "frames")
  }

  public func encode(to encoder: any Encoder) throws {
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(directory, forKey: "directory")
    try container.encode(pattern, forKey: "pattern")
    try container.encode(frames, forKey: "frames")
  }
}

/// How many frames there are, and how far they are.
public struct FramesView: Codable, Hashable, Sendable {
  public var expected: Int
  /// Whole and verified beside the destination.
  public var staged: Int
  /// Visible under their final names.
  public var published: Int

  public init(expected: Int, staged: Int = 0, published: Int = 0) {
    self.expected = expected
    self.staged = staged
    self.published = published
  }
}

/// Bytes of all frames together.
public struct BytesView: Codable, Hashable, Sendable {
  public var expected: Int64
  public var done: Int64

  public init(expected: Int64, done: Int64 = 0) {
    self.expected = expected
    self.done = done
  }
}

/// One sequence or file of a delivery.
public struct MemberView: Codable, Hashable, Sendable {
  public var source: SequenceView
  /// nil while it is not decided.
  public var destination: SequenceView?
  public var frames: FramesView
  public var state: JobState

  public init(
    source: SequenceView, destination: SequenceView?, frames: FramesView, state: JobState
  ) {
    self.source = source
    self.destination = destination
    self.frames = frames
    self.state = state
  }

  // Written out so that a nil destination is `null` and not left out.
  public func encode(to encoder: any Encoder) throws {
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(source, forKey: "source")
    try container.encode(destination, forKey: "destination")
    try container.encode(frames, forKey: "frames")
    try container.encode(state, forKey: "state")
  }
}
