/// Why one rule did not take a name.
public struct RefusalView: Codable, Hashable, Sendable {
  public var rule: String
  public var why: String

  public init(rule: String, why: String) {
    self.rule = rule
    self.why = why
  }
}

/// What lies in a hot folder without a job, and why.
public struct ArrivalView: Hashable, Sendable, Identifiable {
  /// The same as long as it lies there for the same reason.
  public var id: String
  public var hotFolder: String?
  public var source: SequenceView
  public var files: Int
  public var bytes: Int64
  public var reason: ReasonView
  /// The rules that were tried, in their order; empty if none was (a sentinel, a FIFO).
  public var refused: [RefusalView]

  public init(
    hotFolder: String?, source: SequenceView, files: Int, bytes: Int64, reason: ReasonView,
    refused: [RefusalView] = []
  ) {
    id = "\(reason.code.rawValue) \(source.directory.key)/\(source.pattern?.key ?? "")"
    self.hotFolder = hotFolder
    self.source = source
    self.files = files
    self.bytes = bytes
    self.reason = reason
    self.refused = refused
  }
}

extension ArrivalView: Codable {
  public init(from decoder: any Decoder) throws {
    let container: MemberDecoder = try decoder.container(keyedBy: MemberKey.self)
    id = try container.decode(String.self, forKey: "id")
    hotFolder = try container.decodeIfPresent(String.self, forKey: "hot_folder")
    source = try container.decode(SequenceView.self, forKey: "source")
    files = try container.decode(Int.self, forKey: "files")
    bytes = try container.decode(Int64.self, forKey: "bytes")
    reason = try container.decode(ReasonView.self, forKey: "reason")
    refused = try container.decode([RefusalView].self, forKey: "refused")
  }

  public func encode(to encoder: any Encoder) throws {
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(id, forKey: "id")
    try container.encode(hotFolder, forKey: "hot_folder")
    try container.encode(source, forKey: "source")
    try container.encode(files, forKey: "files")
    try container.encode(bytes, forKey: "bytes")
    try container.encode(reason, forKey: "reason")
    try container.encode(refused, forKey: "refused")
  }
}

extension ExactText {
  /// Text that no other bytes have.
  fileprivate var key: String { exactString ?? "base64:\(base64)" }
}
