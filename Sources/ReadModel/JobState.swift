/// Where a job stands, from its first frame to its end.
public enum JobState: String, Codable, Hashable, Sendable, CaseIterable {
  case waiting
  case queued
  case staging
  case staged
  case committing
  case done
  case cancelling
  case cancelled
  case failed
  case held

  /// Whether nothing will happen to the job any more unless a person asks for it.
  public var isFinal: Bool {
    switch self {
    case .done, .cancelled, .failed: true
    case .waiting, .queued, .staging, .staged, .committing, .cancelling, .held: false
    }
  }
}

/// What lies over a job's state and stops it for a while without changing it.
public enum JobOverlay: String, Codable, Hashable, Sendable {
  /// A mount it needs is gone.
  case offline
  /// The destination has no room.
  case full
}

/// Why a job or an arrival is where it is, as a word for programs. Open: newer daemons may send others.
public struct ReasonCode: RawRepresentable, Codable, Hashable, Sendable, ExpressibleByStringLiteral
{
  public let rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }
  public init(stringLiteral value: String) { rawValue = value }

  public static let sentinel: ReasonCode = "sentinel"
  public static let sourceRemoved: ReasonCode = "source-removed"
  public static let sourceMoved: ReasonCode = "source-moved"
  public static let frameRemoved: ReasonCode = "frame-removed"
  public static let user: ReasonCode = "user"
  public static let conflict: ReasonCode = "conflict"
  public static let gaps: ReasonCode = "gaps"
  public static let incomplete: ReasonCode = "incomplete"
  public static let sourceChanged: ReasonCode = "source-changed"
  public static let destinationFull: ReasonCode = "destination-full"
  public static let io: ReasonCode = "io"
  public static let unmatched: ReasonCode = "unmatched"
  public static let settling: ReasonCode = "settling"
  /// Of a done job: what it published is being taken away.
  public static let undoing: ReasonCode = "undoing"
  /// All of it was.
  public static let undone: ReasonCode = "undone"
  /// Some of it was kept.
  public static let undoneInPart: ReasonCode = "undone-in-part"
  /// Nothing was taken away.
  public static let undoRefused: ReasonCode = "undo-refused"
}

/// Why a job or an arrival is where it is, in the words of the person who has to act.
public struct ReasonView: Hashable, Sendable {
  public var code: ReasonCode
  public var message: String
  /// The sentinel, frame or destination it speaks of.
  public var path: ExactText?
  /// Who did it: the owner of the sentinel, or the caller of the command.
  public var by: String?
  public var at: Timestamp

  public init(
    code: ReasonCode, message: String, path: ExactText? = nil, by: String? = nil, at: Timestamp
  ) {
    self.code = code
    self.message = message
    self.path = path
    self.by = by
    self.at = at
  }
}

extension ReasonView: Codable {
  public init(from decoder: any Decoder) throws {
    let container: MemberDecoder = try decoder.container(keyedBy: MemberKey.self)
    code = try container.decode(ReasonCode.self, forKey: "code")
    message = try container.decode(String.self, forKey: "message")
    path = try container.decodeTextIfPresent("path")
    by = try container.decodeIfPresent(String.self, forKey: "by")
    at = try container.decode(Timestamp.self, forKey: "at")
  }

  public func encode(to encoder: any Encoder) throws {
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(code, forKey: "code")
    try container.encode(message, forKey: "message")
    try container.encode(path, forKey: "path")
    try container.encode(by, forKey: "by")
    try container.encode(at, forKey: "at")
  }
}
