/// Which frame of a sequence a picture shows.
public enum PictureChoice: String, Codable, Hashable, Sendable, CaseIterable {
  case first
  case middle
  case last
}

/// Whether there is a picture to be had.
public enum PictureState: String, Codable, Hashable, Sendable {
  /// Made already: asking for it costs nothing.
  case ready
  /// Whoever asks for it waits while it is made.
  case notMade = "not-made"
  /// There will be none; `why` says what it takes.
  case unavailable
}

/// What the header of a frame says; all but the format nil where that is not read.
public struct PictureFacts: Codable, Hashable, Sendable {
  /// "OpenEXR", "DPX", …
  public var format: String
  /// Pixels of the display window.
  public var width: Int?
  public var height: Int?
  /// R, G, B and A first; those of several parts as `PART.CHANNEL`; at most 1000.
  public var channels: [String]?
  /// As OpenEXR names it: "none", "zip", "dwaa", …
  public var compression: String?
  /// Frames a second.
  public var frameRate: Double?
  /// `HH:MM:SS:FF` as of SMPTE ST 12, with a semicolon before the frames for drop-frame.
  public var timeCode: String?

  public init(
    format: String, width: Int? = nil, height: Int? = nil, channels: [String]? = nil,
    compression: String? = nil, frameRate: Double? = nil, timeCode: String? = nil
  ) {
    self.format = format
    self.width = width
    self.height = height
    self.channels = channels
    self.compression = compression
    self.frameRate = frameRate
    self.timeCode = timeCode
  }

  private enum CodingKeys: String, CodingKey {
    case format
    case width
    case height
    case channels
    case compression
    case frameRate = "frame_rate"
    case timeCode = "time_code"
  }

  // Written out so that what is not known is `null` and not left out.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(format, forKey: .format)
    try container.encode(width, forKey: .width)
    try container.encode(height, forKey: .height)
    try container.encode(channels, forKey: .channels)
    try container.encode(compression, forKey: .compression)
    try container.encode(frameRate, forKey: .frameRate)
    try container.encode(timeCode, forKey: .timeCode)
  }
}

/// One frame of a published sequence, where its picture is, and what its header says.
public struct PictureView: Hashable, Sendable {
  public var which: PictureChoice
  /// The frame's number as its name has it; nil for a single file.
  public var frame: String?
  /// The published frame, absolute.
  public var path: ExactText
  /// Where the JPEG is to be asked for.
  public var url: String
  public var state: PictureState
  /// A sentence; nil unless unavailable.
  public var why: String?
  /// nil if the frame cannot be read.
  public var facts: PictureFacts?

  public init(
    which: PictureChoice, frame: String?, path: ExactText, url: String, state: PictureState,
    why: String? = nil, facts: PictureFacts? = nil
  ) {
    self.which = which
    self.frame = frame
    self.path = path
    self.url = url
    self.state = state
    self.why = why
    self.facts = facts
  }
}

extension PictureView: Codable {
  public init(from decoder: any Decoder) throws {
    let container: MemberDecoder = try decoder.container(keyedBy: MemberKey.self)
    which = try container.decode(PictureChoice.self, forKey: "which")
    frame = try container.decodeIfPresent(String.self, forKey: "frame")
    path = try container.decodeText("path")
    url = try container.decode(String.self, forKey: "url")
    state = try container.decode(PictureState.self, forKey: "state")
    why = try container.decodeIfPresent(String.self, forKey: "why")
    facts = try container.decodeIfPresent(PictureFacts.self, forKey: "facts")
  }

  public func encode(to encoder: any Encoder) throws {
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(which, forKey: "which")
    try container.encode(frame, forKey: "frame")
    try container.encode(path, forKey: "path")
    try container.encode(url, forKey: "url")
    try container.encode(state, forKey: "state")
    try container.encode(why, forKey: "why")
    try container.encode(facts, forKey: "facts")
  }
}

/// The answer to `GET /api/v1/jobs/ID/pictures`.
public struct PicturesView: Codable, Hashable, Sendable {
  /// First, middle, last; fewer for a short sequence, none unless the job is done and has pictures.
  public var pictures: [PictureView]

  public init(pictures: [PictureView]) { self.pictures = pictures }
}
