import Files
import Glibc
import Paths
import Synchronization

/// What keeps a delivery from being taken back as a whole.
public enum UndoObstacle: Hashable, Sendable {
  /// Nothing that lies there is its own: it was there before.
  case nothing
  /// It took the places of so many older files, which are gone.
  case replaced(Int)
  /// What was published would be the last copy: nothing lies at this source, beneath the hot folder.
  case sourceMissing(RelativePath)
  /// The same, for a source that is no longer what was published.
  case sourceChanged(RelativePath)
  /// A moved source cannot have its name back: something else has it.
  case sourceTaken(RelativePath)
}

/// What became of one published file.
public enum UndoResult: Hashable, Sendable {
  case removed
  /// Nothing had the name.
  case alreadyGone
  /// It lies there as before.
  case kept(UndoRefusal)
}

/// Why a published file was kept.
public enum UndoRefusal: Hashable, Sendable {
  /// It is no longer what was published.
  case changed
  /// A process has it open for writing.
  case beingWritten
  /// Its source changed meanwhile, so that it might be the last copy.
  case sourceChanged
  /// It changed, and something new took its name meanwhile: it lies beside it, at this path beneath the destination root.
  case aside(RelativePath)
  /// The call that failed.
  case failed(String)
}

/// A source that is at its place, whole and durable, so that its published file may go.
public struct SecuredSource: Hashable, Sendable {
  /// Into the plan's files.
  public let index: Int
  /// Of the source and of what was published; nil for a symlink, and where none was taken of a link.
  public let digest: Digest?
  /// As it lies there now; nil for a symlink, whose source is not asked for.
  public let snapshot: Snapshot?
}

/// How the sources of a delivery stand before any of its published files goes.
public struct SourceStandings: Sendable {
  public internal(set) var secured: [SecuredSource] = []
  /// By index: what is not there to be removed, or may not be.
  public internal(set) var left: [Int: UndoResult] = [:]
  /// By index.
  public internal(set) var obstacles: [Int: UndoObstacle] = [:]
  /// Directories of the hot folder that were made for sources of a move, each before what it holds.
  public internal(set) var created: [RelativePath] = []
}

/// A directory that a job made at its destination.
public struct MadeDirectory: Hashable, Sendable {
  /// Beneath the destination root.
  public let path: RelativePath
  public let inode: UInt64
  /// Nanoseconds since 1970; 0 where unknown.
  public let birth: Int64

  public init(path: RelativePath, inode: UInt64, birth: Int64) {
    self.path = path
    self.inode = inode
    self.birth = birth
  }
}

/// Undo, in four steps, each of which may be called again after any error or crash: ``obstacle(toUndo:_:)`` looks,
/// ``secureSources(_:_:stop:)`` proves or gives back what the published files would be the last copies of,
/// ``removePublished(_:_:_:made:stop:)`` takes their names away, ``closeUndo(_:_:)`` ends it. ``withdrawSources(_:_:created:stop:)``
/// takes back what the second step gave.
///
/// On both sides `.hotplate-JOBID.undo/` beside the files holds what is on its way. Beside a moved source it holds a
/// second name of each file that was given back: that is how it is known as ours.
extension Transfer {
  /// Whether an undo can be begun, by what the names say; nothing is read or changed.
  ///
  /// - Parameter receipts: of the files that are still published.
  public func obstacle(toUndo plan: TransferPlan, _ receipts: [Receipt]) async throws(TransferError)
    -> UndoObstacle?
  {
    let own = receipts.filter { $0.method != .present }
    let replaced = own.count { $0.replaces != nil }
    if replaced > 0 { return .replaced(replaced) }
    if own.isEmpty { return .nothing }
    return try await filing.perform { _ throws(TransferError) in
      let undo = try Undo(plan, receipts, faults)
      for receipt in own {
        guard try undo.standing(of: receipt).published != nil else { continue }
        if let obstacle = try undo.obvious(receipt) { return obstacle }
      }
      return nil
    }
  }

  /// Proves each source by its digest and makes it durable. A `move` has its sources given back for that: under a name
  /// that is free, as a second link of the published file or as a whole, synced copy of it.
  ///
  /// A source that somebody put back with the same bytes serves as well. What is no longer there, or evidently no longer
  /// what was published, needs no source.
  ///
  /// - Throws: `.cancelled`; `.destinationReplaced`, `.destinationMissing`, `.sourceRoot`; what a disk says.
  public func secureSources(
    _ plan: TransferPlan, _ receipts: [Receipt], stop: StopFlag = StopFlag()
  ) async throws(TransferError) -> SourceStandings {
    let own = receipts.filter { $0.method != .present }.sorted { $0.index < $1.index }
    let undo = try await filing.perform { _ throws(TransferError) in
      try Undo(plan, receipts, faults)
    }
    let found = try await workers.map(own.count) { (number, workspace) throws(TransferError) in
      if stop.isRaised { throw .cancelled }
      return try undo.secure(own[number], stop, workspace)
    }
    var standings = SourceStandings()
    for (receipt, finding) in zip(own, found) {
      switch finding {
      case .secured(let source): standings.secured.append(source)
      case .left(let result): standings.left[receipt.index] = result
      case .blocked(let obstacle): standings.obstacles[receipt.index] = obstacle
      }
    }
    standings.created = undo.created.paths.withLock { $0.sorted() }
    let secured = standings.secured.filter { $0.snapshot != nil }.map(\.index)
    try await filing.perform { _ throws(TransferError) in try undo.syncSources(secured) }
    return standings
  }

  /// The directories that lie in staging, which publishing will give their final names.
  public func stagedDirectories(_ plan: TransferPlan) async throws(TransferError) -> [MadeDirectory]
  {
    try await filing.perform { _ throws(TransferError) in
      let root = try openDestination(plan)
      guard let area = try StagingArea.find(plan, in: root), let tree = area.tree else { return [] }
      return try onDestination(nil) { () throws(SystemError) in
        var made: [MadeDirectory] = []
        for path in try StagedTree(tree).directories {
          let status = try tree.status(path).snapshot
          made.append(
            MadeDirectory(
              path: area.base.appending(path), inode: status.inode, birth: status.birth))
        }
        return made
      }
    }
  }
}

private let undoSuffix = ".undo"
private let claimSuffix = ".claimed"

/// Of the names of an undo's directories, the longest first.
let undoSuffixes = [claimSuffix + undoSuffix, undoSuffix]

/// Whether a name is that of a directory of ``Undo``.
func isOfUndo(_ name: FileName) -> Bool {
  name.bytes.starts(with: stagingPrefix.utf8)
    && name.bytes.suffix(undoSuffix.utf8.count).elementsEqual(undoSuffix.utf8)
}

func isOfUndoClaim(_ name: FileName) -> Bool {
  isOfUndo(name)
    && name.bytes.suffix(undoSuffixes[0].utf8.count).elementsEqual(undoSuffixes[0].utf8)
}

func isOfUndo(_ name: FileName, of id: String) -> Bool {
  undoSuffixes.contains { name == FileName(stagingPrefix + id + $0) }
}

/// One undo's view of both ends.
struct Undo: Sendable {
  let plan: TransferPlan
  let roots: Roots
  let faults: FaultHook?
  /// Of the directories on both sides that hold what is on its way.
  let name: FileName
  /// Of those in the hot folder that hold what is being withdrawn.
  let claims: FileName
  /// Directories made in the hot folder.
  let created = Created()

  final class Created: Sendable {
    let paths = Mutex<Set<RelativePath>>([])
  }

  init(_ plan: TransferPlan, _ receipts: [Receipt], _ faults: FaultHook?) throws(TransferError) {
    self.plan = plan
    self.faults = faults
    roots = try Roots(plan)
    name = FileName(stagingPrefix + plan.id + undoSuffix)
    claims = FileName(stagingPrefix + plan.id + claimSuffix + undoSuffix)
    guard receipts.allSatisfy({ [mount = roots.mount] in $0.mount == mount }) else {
      throw .destinationReplaced(plan.destinationRoot)
    }
  }

  /// Where a file lies while it is on its way, on either side.
  func aside(_ path: RelativePath) -> RelativePath {
    path.parent.appending(name).appending(path.name!)
  }

  struct Standing {
    /// The published file, unchanged as far as its status tells, under its final name or where an earlier run took it.
    let published: (path: RelativePath, status: Status)?
    /// Whether something else lies in one of these places.
    let isForeign: Bool
  }

  func standing(of receipt: Receipt) throws(TransferError) -> Standing {
    let destination = plan.files[receipt.index].destination
    return try onDestination(receipt.index) { () throws(SystemError) in
      for path in [aside(destination), destination] {
        guard let status = try statusIfAny(roots.destination, path) else { continue }
        if receipt.isUnchanged(status) {
          return Standing(published: (path, status), isForeign: false)
        }
        return Standing(published: nil, isForeign: true)
      }
      return Standing(published: nil, isForeign: false)
    }
  }

  /// What already a look at the source's name tells.
  func obvious(_ receipt: Receipt) throws(TransferError) -> UndoObstacle? {
    if receipt.method == .symlink { return nil }
    let source = plan.files[receipt.index].source
    let there: Status?
    do throws(SystemError) { there = try statusIfAny(roots.source, source) } catch {
      throw .io(error, receipt.index)
    }
    // A move's source with the same bytes is none; only reading tells.
    if plan.isMove {
      return there.map { $0.kind == .file && $0.snapshot.size == receipt.bytes } ?? true
        ? nil : .sourceTaken(source)
    }
    guard let there else { return .sourceMissing(source) }
    return there.kind == .file && there.snapshot.size == receipt.bytes
      ? nil : .sourceChanged(source)
  }
}

extension Receipt {
  /// Whether `status` is the published file in the state in which it was published, as far as a look tells.
  func isUnchanged(_ status: Status) -> Bool {
    guard names(status) else { return false }
    return method == .symlink || hasTimeOfSource(status)
  }
}

extension Status {
  /// Whether both are one file, under whatever names.
  func isSameFile(as other: Status) -> Bool {
    device == other.device && snapshot.inode == other.snapshot.inode
      && snapshot.birth == other.snapshot.birth
  }
}

extension UndoObstacle: CustomStringConvertible {
  public var description: String {
    switch self {
    case .nothing: "nothing that lies there is its own: all of it was there before"
    case .replaced(let count):
      "it replaced \(count) older file\(count == 1 ? "" : "s"), which are gone since it is done"
    case .sourceMissing(let path):
      "\(path) is not in the hot folder any more: what was published would be lost"
    case .sourceChanged(let path):
      "\(path) in the hot folder is not what was published, which would be lost"
    case .sourceTaken(let path):
      "\(path) cannot come back: another file has its name in the hot folder"
    }
  }
}

extension UndoRefusal: CustomStringConvertible {
  public var description: String {
    switch self {
    case .changed: "changed since it was published"
    case .beingWritten: "a process has it open for writing"
    case .sourceChanged: "its source is not what was published"
    case .aside(let path): "changed, and something new has its name; it lies at \(path)"
    case .failed(let message): message
    }
  }
}
