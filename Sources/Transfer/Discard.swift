import Files
import Paths

/// What ``Transfer/discard(_:evenOnlyCopies:replacedBy:removing:)`` found and did.
public enum Discarded: Hashable, Sendable {
  /// There was no staging.
  case nothing
  /// All of it is gone.
  case removed(files: Int)
  /// These, beneath the destination root, and their staging stay: by its final name, a whole staged file whose source is
  /// gone; by where it lies, what has been taken from a final name and is not known to be over with.
  case kept([RelativePath])
}

extension Transfer {
  /// Removes the plan's staging directory and all in it, on all threads at once.
  ///
  /// A whole staged file may be the only copy left: where the source is gone and the final name is not the staged file,
  /// it stays.
  ///
  /// - Parameters:
  ///   - evenOnlyCopies: for a cancel before the commit, where only its owner can have removed a source.
  ///   - receipts: once a `conflict: replace` is published and over with; the files that it replaced go with the rest.
  ///     Without them, what has been taken from a final name is kept.
  ///   - durably: whether no power cut can bring it back, not even what an earlier call removed. Nothing but the next start
  ///     after one needs that.
  ///   - removing: called on the threads with the size in bytes of each staged file that is gone.
  /// - Throws: `.destinationMissing`, `.foreignStaging`, `.io`; call it again.
  public func discard(
    _ plan: TransferPlan, evenOnlyCopies: Bool = false, replacedBy receipts: [Receipt] = [],
    durably: Bool = false, removing: (@Sendable (_ bytes: Int) -> Void)? = nil
  ) async throws(TransferError) -> Discarded {
    let all = try await filing.perform { _ throws(TransferError) in
      try Discarding.all(plan, evenOnlyCopies, receipts)
    }
    var kept: [RelativePath] = []
    var count = 0
    for found in all {
      if !found.kept.isEmpty {
        kept += found.kept
        continue
      }
      _ = try await filing.map(found.contents.files.count) { (index, _) throws(TransferError) in
        try found.unlink(found.contents.files[index], removing)
      }
      try await filing.perform { _ throws(TransferError) in try found.close() }
      count += found.contents.files.count + found.taken.count
    }
    if durably { try await syncRemoval(plan) }
    if !kept.isEmpty { return .kept(kept) }
    return all.isEmpty ? .nothing : .removed(files: count)
  }
}

extension Transfer {
  /// Every directory that may have held the plan's staging.
  private func syncRemoval(_ plan: TransferPlan) async throws(TransferError) {
    try await filing.perform { _ throws(TransferError) in
      let root = try openDestination(plan)
      try walk(plan.directory, from: root) { (path, _) throws(TransferError) in
        try onDestination(nil) { () throws(SystemError) in
          try (path.isRoot ? root : try root.openDirectory(path)).sync()
        }
      }
    }
  }
}

/// A staging directory on its way out.
private struct Discarding: Sendable {
  let area: StagingArea
  let contents: StagedTree
  /// The names in `old/`.
  let taken: [FileName]
  let kept: [RelativePath]

  static func all(_ plan: TransferPlan, _ evenOnlyCopies: Bool, _ receipts: [Receipt])
    throws(TransferError) -> [Discarding]
  {
    let root = try openDestination(plan)
    return try StagingArea.findAll(plan, in: root).map { (area) throws(TransferError) in
      try Discarding(plan, root, area, evenOnlyCopies, receipts)
    }
  }

  private init(
    _ plan: TransferPlan, _ root: Descriptor, _ area: StagingArea, _ evenOnlyCopies: Bool,
    _ receipts: [Receipt]
  ) throws(TransferError) {
    self.area = area
    let old = try onDestination(nil) { () throws(SystemError) in try area.old() }
    let taken = try onDestination(nil) { () throws(SystemError) in
      try old?.entries().map(\.name) ?? []
    }
    guard let tree = area.tree else {
      // It goes behind everything that it may have held: what a power cut brought back of `old/` was to go as well.
      contents = StagedTree()
      self.taken = taken
      kept = []
      return
    }
    let found = try onDestination(nil) { () throws(SystemError) in try StagedTree(tree) }
    let replacement = Replacement(plan, receipts, root, area, tree)
    var kept: [RelativePath] = []
    if let old { kept = try replacement.kept(found, old, taken) }
    if !evenOnlyCopies { kept += try Self.onlyCopies(plan, root, area, tree, found, replacement) }
    contents = found
    self.taken = taken
    self.kept = kept
  }

  private static func onlyCopies(
    _ plan: TransferPlan, _ root: Descriptor, _ area: StagingArea, _ tree: Descriptor,
    _ contents: StagedTree, _ replacement: Replacement
  ) throws(TransferError) -> [RelativePath] {
    let present = Set(contents.files)
    // An unreachable hot folder proves nothing: its files may be gone.
    let sources = try? openSource(plan)
    var result: [RelativePath] = []
    for file in plan.files where file.destination.isAtOrBelow(area.base) {
      let staged = area.staged(file.destination)
      guard present.contains(staged) else { continue }
      let isOnlyCopy = try onDestination(nil) { () throws(SystemError) in
        guard let there = try statusIfAny(tree, staged), there.isWhole(file),
          !replacement.isOld(there, at: staged)
        else { return false }
        if let sources, try statusIfAny(sources, file.source) != nil { return false }
        let final = try statusIfAny(root, file.destination)
        return final?.snapshot.inode != there.snapshot.inode || final?.device != there.device
      }
      if isOnlyCopy { result.append(file.destination) }
    }
    return result
  }

  func unlink(
    _ path: RelativePath, _ removing: (@Sendable (Int) -> Void)?
  ) throws(TransferError) {
    guard let tree = area.tree else { return }
    do throws(SystemError) {
      let size = removing == nil ? 0 : try tree.status(path).snapshot.size
      try tree.unlink(path)
      removing?(size)
    } catch  where error.errno == .notFound {
      // By whoever discards it too.
    } catch { throw .io(error, nil) }
  }

  /// The receipt goes last but for the directory itself, so that a crash leaves what can be told as ours.
  func close() throws(TransferError) {
    try onDestination(nil) { () throws(SystemError) in
      if let old = try area.old() {
        for name in taken { try old.unlink(RelativePath.root.appending(name)) }
        try area.directory.removeDirectory(StagingArea.oldName)
      }
      if let tree = area.tree {
        for path in contents.directories.reversed() { try tree.removeDirectory(path) }
        try area.directory.removeDirectory(StagingArea.treeName)
      }
      do throws(SystemError) {
        try area.directory.unlink(StagingArea.receiptName)
      } catch  where error.errno == .notFound {
        // Cut off before it was written, or after it was removed.
      }
      try area.baseDirectory.removeDirectory(RelativePath.root.appending(area.name))
    }
  }
}

extension Status {
  /// The time is set when the last byte is staged, so what is cut off does not bear the source's.
  fileprivate func isWhole(_ file: PlannedFile) -> Bool {
    kind == .file && snapshot.size == file.snapshot.size
      && snapshot.modified == file.snapshot.modified
  }
}
