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
public struct TransferPlan: Hashable, Sendable {
  /// How a file may come to its destination.
  public enum Action: String, Codable, Sendable {
    /// Bytes of its own; where the file system shares blocks, a clone of them.
    case copy
    /// As `hardlink` where that is granted, else as `copy`; the source is removed in the end. It stands alone.
    case move
    /// A second name of the source itself. Refused while the source is seen to be open for writing.
    case hardlink
    /// A clone that shares the source's blocks until one of them is written.
    case reflink
    /// A symlink that holds the source's absolute path. It has no digest.
    case symlink
  }

  /// What a digest proves.
  public enum Verification: String, Codable, Sendable {
    /// What is cloned or linked is not read; a `move` always is.
    case none
    /// The bytes that were read at the source.
    case copy
    /// Besides, each copy or clone is synced, dropped from the page cache and read again: what the storage gives back
    /// is what was read at the source. Beyond the kernel a disk's or a server's cache may answer, and tmpfs has no
    /// storage to ask. A link is its source, so there is nothing to compare it with.
    case readback
  }

  /// `safe` syncs each file and directory before staging ends; a `move` and `conflict: replace` always do.
  public enum Durability: String, Codable, Sendable { case fast, safe }

  /// What to do about a different file under a destination's name.
  public enum ConflictRule: String, Codable, Sendable {
    case hold, skip
    /// Takes its place; it is kept in staging until ``Transfer/discard(_:evenOnlyCopies:replacedBy:removing:)`` is given the
    /// receipts. Only a regular file that the survey saw is replaced.
    case replace
  }

  /// The job's id, part of the staging directory's name: letters, digits, `-` and `_`.
  public let id: String
  /// In order of preference, never empty: for each file the first that the file systems grant is taken.
  public let actions: [Action]
  public let verify: Verification
  public let durability: Durability
  public let conflict: ConflictRule
  public let files: [PlannedFile]
  /// Absolute paths of the hot folder and of the destination root.
  public let sourceRoot: String
  public let destinationRoot: String
  /// Names the state directory that started the job; another daemon's staging is never touched.
  public let owner: String
  /// What the two roots have to be; any other directory at their paths is left alone. nil for whatever lies there. They are
  /// no part of what is encoded: each run knows its own.
  public var sourceMount: MountIdentity?
  public var destinationMount: MountIdentity?

  /// - Precondition: `id` is not empty, at most 200 bytes, of letters, digits, `-` and `_`; no destination is the root;
  ///   `actions` is not empty, and `move` stands alone.
  public init(
    id: String, actions: [Action], verify: Verification, durability: Durability,
    conflict: ConflictRule, files: [PlannedFile], sourceRoot: String, destinationRoot: String,
    owner: String
  ) {
    precondition(isJobID(id), "not a job id")
    precondition(areActions(actions), "no action, or move with others")
    precondition(files.allSatisfy { !$0.destination.isRoot && !$0.source.isRoot }, "a root as file")
    self.id = id
    self.actions = actions
    self.verify = verify
    self.durability = durability
    self.conflict = conflict
    self.files = files
    self.sourceRoot = sourceRoot
    self.destinationRoot = destinationRoot
    self.owner = owner
  }

  /// A plan with one action only.
  public init(
    id: String, action: Action, verify: Verification, durability: Durability,
    conflict: ConflictRule, files: [PlannedFile], sourceRoot: String, destinationRoot: String,
    owner: String
  ) {
    self.init(
      id: id, actions: [action], verify: verify, durability: durability, conflict: conflict,
      files: files, sourceRoot: sourceRoot, destinationRoot: destinationRoot, owner: owner)
  }

  public var isMove: Bool { actions == [.move] }

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
  var isDurable: Bool { durability == .safe || isMove || conflict == .replace }
  var readsEveryByte: Bool { verify != .none || isMove }
  /// Whether our own links may have changed a source's ctime.
  var mayLink: Bool { isMove || actions.contains(.hardlink) }
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

func areActions(_ actions: [TransferPlan.Action]) -> Bool {
  !actions.isEmpty && (actions == [.move] || !actions.contains(.move))
}
