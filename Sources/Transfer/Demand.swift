import CLinux
import Files
import Glibc
import Paths

/// What a plan takes of its destination's file system beyond what it has there already.
public struct Demand: Hashable, Sendable {
  /// In whole blocks.
  public var bytes: Int
  /// Inodes, directories included.
  public var files: Int

  public init(bytes: Int, files: Int) {
    self.bytes = bytes
    self.files = files
  }
}

extension Transfer {
  /// How closely a plan's demand is looked at.
  public enum Precision: Sendable {
    /// By the plan alone: never less than it takes where sources are still what they were.
    case roughly
    /// Each frame is looked at, a clone is tried: links and clones take no bytes, sparse files their blocks, frames that
    /// are staged or already there nothing.
    case exactly
  }

  /// The room where the plan's staging would lie: in the deepest existing directory of its destination.
  ///
  /// - Throws: `.destinationMissing`, `.unsafeDestination`, `.io`.
  public func room(for plan: TransferPlan) async throws(TransferError) -> Room {
    try await filing.perform { _ throws(TransferError) in
      let (_, directory) = try walk(plan.directory, from: try openDestination(plan))
      return try onDestination(nil) { () throws(SystemError) in try directory.room() }
    }
  }

  /// The demand of a plan, and the room it has.
  ///
  /// Nothing is made under a name; an unnamed file shows whether clones are granted.
  ///
  /// - Parameter receipts: of what is staged already.
  /// - Throws: as ``room(for:)``, and `.sourceRoot`. A single source that cannot be looked at takes nothing: staging says
  ///   what is wrong with it.
  public func demand(of plan: TransferPlan, having receipts: [Receipt], _ precision: Precision)
    async throws(TransferError) -> (Demand, Room)
  {
    try await filing.perform { _ throws(TransferError) in
      let roots = try Roots(plan)
      let (base, directory) = try walk(plan.directory, from: roots.destination)
      let (room, ground) = try onDestination(nil) { () throws(SystemError) in
        (try directory.room(), try directory.status())
      }
      let staged = Set(receipts.lazy.filter { $0.method != .present }.map(\.index))
      var survey = DemandSurvey(plan, roots, directory, ground, room.block)
      for index in plan.files.indices where !staged.contains(index) {
        precision == .roughly ? survey.add(roughly: index) : survey.add(exactly: index)
      }
      if staged.isEmpty { survey.addDirectories(below: base) }
      return (survey.demand, room)
    }
  }
}

/// Adds up what the files of a plan take.
private struct DemandSurvey {
  private(set) var demand = Demand(bytes: 0, files: 0)
  private let plan: TransferPlan
  private let roots: Roots
  private let directory: Descriptor
  private let ground: Status
  private let block: Int
  private var sources: Places
  private var finals: Places
  /// Whether clones from a device are granted.
  private var clones: [UInt64: Bool] = [:]

  init(
    _ plan: TransferPlan, _ roots: Roots, _ directory: Descriptor, _ ground: Status, _ block: Int
  ) {
    self.plan = plan
    self.roots = roots
    self.directory = directory
    self.ground = ground
    self.block = block
    sources = Places(roots.source)
    finals = Places(roots.destination)
  }

  mutating func add(roughly index: Int) {
    demand.files += 1
    demand.bytes += inBlocks(plan.files[index].snapshot.size)
  }

  mutating func add(exactly index: Int) {
    let file = plan.files[index]
    guard let source = try? sources.look(file.source) else { return }
    if let final = try? finals.look(file.destination), staysAsItIs(final, source) { return }
    for action in plan.actions {
      switch action {
      case .hardlink where isNear(source): return
      case .move where isNear(source) && source.links == 1: return
      case .hardlink: continue
      case .symlink:
        demand.files += 1
        return
      case .reflink where !grantsClones(source, file): continue
      case .reflink, .copy, .move:
        demand.files += 1
        if action != .reflink, !grantsClones(source, file) {
          demand.bytes += inBlocks(min(source.allocatedBytes, source.snapshot.size))
        }
        return
      }
    }
  }

  /// The staging directory with its receipt and tree, and each directory of the tree.
  mutating func addDirectories(below base: RelativePath) {
    var all: Set<RelativePath> = []
    for file in plan.files {
      var directory = file.destination.parent
      while directory != base, !directory.isRoot, all.insert(directory).inserted {
        directory = directory.parent
      }
    }
    demand.files += 3 + all.count
  }

  private func inBlocks(_ bytes: Int) -> Int { (bytes + block - 1) / block * block }

  /// What is under the final name is the source's copy by size and time, or is not touched: both take no room.
  private func staysAsItIs(_ final: Status, _ source: Status) -> Bool {
    plan.conflict != .replace
      || (final.snapshot.size == source.snapshot.size
        && final.snapshot.modified == source.snapshot.modified)
  }

  /// Links need more than one file system: the same mount of it.
  private func isNear(_ source: Status) -> Bool {
    source.device == ground.device && source.mountID == ground.mountID
  }

  private mutating func grantsClones(_ source: Status, _ file: PlannedFile) -> Bool {
    // Subvolumes of one Btrfs have devices of their own.
    guard source.device == ground.device || roots.mount.filesystem == btrfs,
      source.snapshot.size > 0
    else { return false }
    if let known = clones[source.device] { return known }
    let granted: Bool
    do throws(SystemError) {
      let nameless = try directory.open(.root, hp_o_tmpfile | O_RDWR, mode: 0o600)
      try nameless.clone(
        from: roots.source.open(file.source, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW))
      granted = true
    } catch {
      granted = false
    }
    clones[source.device] = granted
    return granted
  }
}

/// Its number in statfs(2).
private let btrfs: Int64 = 0x9123_683e
