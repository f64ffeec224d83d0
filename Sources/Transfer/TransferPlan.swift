import Files
import Paths

/// One file of a delivery: where it lies, in which state, and where it shall lie.
public struct PlannedFile: Hashable, Sendable {
  /// Beneath the plan's source root.
  public let source: RelativePath
  /// The state of the source that was found settled; any other state is another file.
  public let snapshot: Snapshot
  /// Beneath the plan's destination root.
  public let destination: RelativePath

  public init(source: RelativePath, snapshot: Snapshot, destination: RelativePath) {
    self.source = source
    self.snapshot = snapshot
    self.destination = destination
  }
}

/// What one job is to bring where. It says all that is needed to finish or undo the job after a crash.
public struct TransferPlan: Codable, Hashable, Sendable {
  public enum Action: String, Codable, Sendable { case copy, move }
  /// With `none`, what is cloned or linked is not read for its digest; a `move` always is.
  public enum Verification: String, Codable, Sendable { case none, copy }
  /// `safe` syncs each file and directory before staging ends; a `move` always does.
  public enum Durability: String, Codable, Sendable { case fast, safe }
  /// What to do about a different file under a destination's name.
  public enum ConflictRule: String, Codable, Sendable { case hold, skip }

  /// The job's id, part of the staging directory's name: letters, digits, `-` and `_`.
  public let id: String
  public let action: Action
  public let verify: Verification
  public let durability: Durability
  public let conflict: ConflictRule
  public let files: [PlannedFile]
  /// Absolute paths of the hot folder and of the destination root.
  public let sourceRoot: String
  public let destinationRoot: String
  /// Names the state directory that started the job; another daemon's staging is never touched.
  public let owner: String

  /// - Precondition: `id` is not empty, at most 200 bytes, of letters, digits, `-` and `_`; no destination is the root.
  public init(
    id: String, action: Action, verify: Verification, durability: Durability,
    conflict: ConflictRule, files: [PlannedFile], sourceRoot: String, destinationRoot: String,
    owner: String
  ) {
    precondition(isJobID(id), "not a job id")
    precondition(files.allSatisfy { !$0.destination.isRoot && !$0.source.isRoot }, "a root as file")
    self.id = id
    self.action = action
    self.verify = verify
    self.durability = durability
    self.conflict = conflict
    self.files = files
    self.sourceRoot = sourceRoot
    self.destinationRoot = destinationRoot
    self.owner = owner
  }

  /// The deepest directory that holds all destinations.
  public var directory: RelativePath {
    guard var common = files.first?.destination.parent else { return .root }
    for file in files.dropFirst() where !file.destination.isAtOrBelow(common) || common.isRoot {
      common = common.commonAncestor(file.destination.parent)
      if common.isRoot { break }
    }
    return common
  }

  /// The staging directory's name, and that of the claims beside the sources.
  var stagingName: FileName { FileName(stagingPrefix + id) }
  /// Whether staging ends only once everything is durable.
  var isDurable: Bool { durability == .safe || action == .move }
  var readsEveryByte: Bool { verify == .copy || action == .move }
}

/// Every name that begins so is Hotplate's own.
public let stagingPrefix = ".hotplate-"

private func isJobID(_ id: String) -> Bool {
  !id.isEmpty && id.utf8.count <= 200
    && id.utf8.allSatisfy {
      ($0 >= 0x30 && $0 <= 0x39) || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a)
        || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
    }
}

extension PlannedFile: Codable {
  private enum Key: String, CodingKey { case source, snapshot, destination }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    source = try values.decode(ExactPath.self, forKey: .source).path
    snapshot = try values.decode(Snapshot.self, forKey: .snapshot)
    destination = try values.decode(ExactPath.self, forKey: .destination).path
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(ExactPath(path: source), forKey: .source)
    try values.encode(snapshot, forKey: .snapshot)
    try values.encode(ExactPath(path: destination), forKey: .destination)
  }
}

/// A path as text where its bytes are UTF-8, else as an array of bytes: readable, and never repaired.
struct ExactPath: Codable {
  let path: RelativePath

  init(path: RelativePath) { self.path = path }

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    let bytes =
      if let text = try? value.decode(String.self) { Array(text.utf8) } else {
        try value.decode([UInt8].self)
      }
    guard let path = RelativePath(bytes) else {
      throw DecodingError.dataCorruptedError(in: value, debugDescription: "not a relative path")
    }
    self.path = path
  }

  func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    if let text = String(validating: path.bytes, as: UTF8.self) {
      try value.encode(text)
    } else {
      try value.encode(path.bytes)
    }
  }
}
