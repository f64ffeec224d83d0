import Files
import Glibc
import Paths
import Synchronization

/// What became of everything that a delivery had published.
public struct UndoReport: Sendable {
  /// By index into the plan's files, for each file whose source was secured.
  public let results: [Int: UndoResult]
  /// Directories of the job's own that are gone, beneath the destination root.
  public let directories: [RelativePath]
}

extension Transfer {
  /// Takes away what was published, each file only if it is still what was published, and its source stands.
  ///
  /// A file is first renamed into `.hotplate-JOBID.undo/` beside it, where nobody else looks for it; only there is it
  /// compared and unlinked, so that a save by rename in between is never what is unlinked. A different one goes back. Of
  /// a `move` whose file is kept, the source is taken back. At the end everything is durable.
  ///
  /// - Parameter made: the job's own directories; those that are empty then are removed.
  /// - Throws: `.cancelled`, and what kept a file from being given back: what is on its way is taken up by the next call.
  ///   One file's failure does not stop the others.
  public func removePublished(
    _ plan: TransferPlan, _ receipts: [Receipt], _ secured: [SecuredSource],
    made: [MadeDirectory] = [], stop: StopFlag = StopFlag()
  ) async throws(TransferError) -> UndoReport {
    let undo = try await filing.perform { _ throws(TransferError) in
      try Undo(plan, receipts, faults)
    }
    let stuck = Mutex<TransferError?>(nil)
    let byIndex = Dictionary(receipts.map { ($0.index, $0) }, uniquingKeysWith: { _, new in new })
    let found = try await workers.map(secured.count) {
      (number, workspace) throws(TransferError) -> (Int, UndoResult)? in
      if stop.isRaised { throw .cancelled }
      let source = secured[number]
      guard let receipt = byIndex[source.index] else { return nil }
      return (
        source.index,
        try undo.remove(
          receipt, source, stop, workspace, stuck: { error in stuck.withLock { $0 = error } })
      )
    }
    // What an earlier call had claimed, and whose source does not stand any more, has its name again too.
    let own = Set(secured.map(\.index))
    let others = receipts.filter { !own.contains($0.index) }
    let backs = try await filing.map(others.count) { (number, _) throws(TransferError) in
      undo.giveUp(others[number], stuck: { error in stuck.withLock { $0 = error } })
    }
    // Behind the others: the next call goes on with it.
    if let error = stuck.withLock({ $0 }) { throw error }
    let results = Dictionary(
      (found + backs).compactMap { $0 }, uniquingKeysWith: { first, _ in first })
    let kept = results.filter { if case .kept = $0.value { true } else { false } }.map(\.key)
    try await withdrawSources(plan, kept.compactMap { byIndex[$0] }, stop: stop)
    let directories = try await filing.perform { _ throws(TransferError) in
      try undo.closeDestination(receipts.map(\.index), made)
    }
    return UndoReport(results: results, directories: directories)
  }
}

extension Undo {
  /// - Throws: `.cancelled` only.
  func remove(
    _ receipt: Receipt, _ source: SecuredSource, _ stop: StopFlag, _ workspace: Workspace,
    stuck: (TransferError) -> Void
  ) throws(TransferError) -> UndoResult {
    let path = plan.files[receipt.index].destination
    do throws(SystemError) {
      try endHalfRename(path)
      if try statusIfAny(roots.destination, aside(path)) == nil {
        guard let there = try statusIfAny(roots.destination, path) else { return .alreadyGone }
        guard receipt.isUnchanged(there) else { return .kept(.changed) }
        guard try isAtItsPlace(receipt, source) else { return .kept(.sourceChanged) }
        guard try claim(path) else { return .alreadyGone }
      }
    } catch {
      return .kept(.failed("\(error)"))
    }
    do throws(TransferError) {
      let refusal = try refusal(receipt, source, at: aside(path), stop, workspace)
      if let refusal { return .kept(try handBack(path) ?? refusal) }
      try onDestination(receipt.index) { () throws(SystemError) in
        try faults.check(.unlink, path)
        try roots.destination.unlink(aside(path))
      }
      return .removed
    } catch {
      if error == .cancelled { throw error }
      let why = UndoRefusal.failed("\(error)")
      return giveUp(receipt, stuck: stuck)?.1 ?? .kept(why)
    }
  }

  /// Gives a file its name again, if it was claimed.
  ///
  /// - Parameter stuck: told what keeps it from having its name again.
  /// - Returns: where it lies if something newer has its name.
  func giveUp(_ receipt: Receipt, stuck: (TransferError) -> Void) -> (Int, UndoResult)? {
    do throws(TransferError) {
      return try handBack(plan.files[receipt.index].destination).map { (receipt.index, .kept($0)) }
    } catch {
      stuck(error)
      return nil
    }
  }

  /// - Returns: false if nothing has the name any more.
  private func claim(_ path: RelativePath) throws(SystemError) -> Bool {
    do throws(SystemError) {
      try faults.check(.makeDirectory, aside(path).parent)
      try roots.destination.makeDirectory(aside(path).parent, mode: 0o700)
    } catch  where error.errno == .exists {
      // For the file before this one.
    }
    do throws(SystemError) {
      try faults.check(.claim, path)
      try roots.destination.takeAway(path, to: aside(path))
      return true
    } catch  where error.errno == .notFound {
      return false
    }
  }

  /// Without rename flags a rename is a link and an unlink; a kill between the two leaves both names.
  private func endHalfRename(_ path: RelativePath) throws(SystemError) {
    guard let taken = try statusIfAny(roots.destination, aside(path)),
      let there = try statusIfAny(roots.destination, path), taken.isSameFile(as: there)
    else { return }
    try faults.check(.unlink, path)
    try roots.destination.unlink(aside(path))
  }

  /// Why what was taken out of the way is not to be unlinked.
  private func refusal(
    _ receipt: Receipt, _ source: SecuredSource, at claimed: RelativePath, _ stop: StopFlag,
    _ workspace: Workspace
  ) throws(TransferError) -> UndoRefusal? {
    let index = receipt.index
    if receipt.method == .symlink {
      return try onDestination(index) { () throws(SystemError) in
        let status = try roots.destination.status(claimed)
        guard receipt.isUnchanged(status),
          try roots.destination.symlinkTarget(claimed) == plan.symlinkTarget(index)
        else { return .changed }
        return nil
      }
    }
    let (file, status) = try onDestination(index) { () throws(SystemError) in
      let file = try roots.destination.open(claimed, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
      return (file, try file.status())
    }
    guard receipt.isUnchanged(status) else { return .changed }
    if file.hasWriter() == true { return .beingWritten }
    if let expected = source.digest {
      let found = try digestOf(
        file, receipt.bytes, stop, workspace, failing: { .destination($0, index) })
      guard found == expected else { return .changed }
    }
    return try onDestination(index) { () throws(SystemError) in
      // The claim changed its ctime; a write since the look at its size and time changes these.
      guard receipt.isUnchanged(try file.status()) else { return .changed }
      return try isAtItsPlace(receipt, source) ? nil : .sourceChanged
    }
  }

  /// Whether the source is still the file that was proven. Our own renames change the ctime of what is linked.
  private func isAtItsPlace(_ receipt: Receipt, _ source: SecuredSource) throws(SystemError) -> Bool
  {
    guard let snapshot = source.snapshot else { return true }
    let there = try statusIfAny(roots.source, plan.files[receipt.index].source)
    return there?.kind == .file && there?.snapshot.isSameContent(as: snapshot) == true
  }

  /// Gives a file its name again.
  ///
  /// - Returns: `.aside` if something newer has it.
  func handBack(_ path: RelativePath) throws(TransferError) -> UndoRefusal? {
    try onDestination(nil) { () throws(SystemError) in
      do throws(SystemError) {
        try endHalfRename(path)
        try faults.check(.rename, path)
        try roots.destination.giveBack(aside(path), to: path)
        return nil
      } catch  where error.errno == .notFound {
        return nil
      } catch  where error.errno == .exists {
        return .aside(aside(path))
      }
    }
  }

  /// Removes what the undo and the job made and nobody uses, and makes it all durable.
  ///
  /// - Returns: the job's own directories that are gone.
  func closeDestination(_ indices: [Int], _ made: [MadeDirectory]) throws(TransferError)
    -> [RelativePath]
  {
    let parents = Set(indices.map { plan.files[$0].destination.parent })
    for parent in parents.sorted() {
      _ = try onDestination(nil) { () throws(SystemError) in
        try removeIfEmpty(parent.appending(name), in: roots.destination)
      }
    }
    var gone: [RelativePath] = []
    for directory in made.sorted(by: { $0.path > $1.path }) {
      let removed = try onDestination(nil) { () throws(SystemError) in
        guard let status = try statusIfAny(roots.destination, directory.path),
          status.kind == .directory, status.snapshot.inode == directory.inode,
          status.snapshot.birth == directory.birth
        else { return false }
        return try removeIfEmpty(directory.path, in: roots.destination)
      }
      if removed { gone.append(directory.path) }
    }
    for path in parents.union(gone.map(\.parent)).sorted() {
      try onDestination(nil) { () throws(SystemError) in
        try faults.check(.syncDirectory, path)
        do throws(SystemError) {
          try (path.isRoot ? roots.destination : try roots.destination.openDirectory(path)).sync()
        } catch  where error.errno == .notFound {
          // One of those that are gone.
        }
      }
    }
    return gone.sorted()
  }
}
