import Files
import Glibc
import Paths

extension Transfer {
  /// Takes back what ``secureSources(_:_:stop:)`` gave: each file that is ours by its second name and that nobody wrote
  /// to since, so that what somebody else put or made of it there stays.
  ///
  /// - Parameter created: directories of the hot folder to remove if they are empty.
  public func withdrawSources(
    _ plan: TransferPlan, _ receipts: [Receipt], created: [RelativePath] = [],
    stop: StopFlag = StopFlag()
  ) async throws(TransferError) {
    guard plan.isMove else { return }
    let undo = try await filing.perform { _ throws(TransferError) in try Undo(plan, [], faults) }
    _ = try await workers.map(receipts.count) { (number, workspace) throws(TransferError) in
      try undo.withdraw(receipts[number], stop, workspace)
    }
    try await filing.perform { _ throws(TransferError) in
      try undo.closeSources(receipts.map(\.index))
      for path in created.sorted().reversed() {
        // Somebody may have put something there meanwhile.
        try undo.onHotFolder(nil) { () throws(SystemError) in
          _ = try undo.removeIfEmpty(path, in: undo.roots.source)
        }
      }
    }
  }

  /// Ends an undo in the hot folder, where the second names of what was given back still lie.
  ///
  /// - Parameter indices: all files of the plan that had a receipt.
  public func closeUndo(_ plan: TransferPlan, _ indices: [Int]) async throws(TransferError) {
    guard plan.isMove else { return }
    try await filing.perform { _ throws(TransferError) in
      try Undo(plan, [], faults).closeSources(indices)
    }
  }
}

extension Undo {
  private func claimed(_ source: RelativePath) -> RelativePath {
    source.parent.appending(claims).appending(source.name!)
  }

  /// Removes a source that was given back. It is taken out of everybody's way first, so that a version saved over it in
  /// this moment is not what is removed.
  fileprivate func withdraw(_ receipt: Receipt, _ stop: StopFlag, _ workspace: Workspace)
    throws(TransferError)
  {
    let source = plan.files[receipt.index].source
    try endClaim(receipt, stop, workspace)
    let isClaimed = try onHotFolder(receipt.index) { () throws(SystemError) -> Bool in
      guard let ours = try statusIfAny(roots.source, aside(source)),
        let there = try statusIfAny(roots.source, source), there.isSameFile(as: ours)
      else { return false }
      try makeDirectory(source.parent.appending(claims), mode: 0o700)
      do throws(SystemError) {
        try faults.check(.claim, source)
        try roots.source.takeAway(source, to: claimed(source))
        return true
      } catch  where error.errno == .notFound {
        // Its owner was faster.
        return false
      }
    }
    if isClaimed { try endClaim(receipt, stop, workspace) }
    try onHotFolder(receipt.index) { () throws(SystemError) in try unlink(aside(source)) }
  }

  /// Removes what was taken out of the way if it is ours as it was; anything else has its name back, if that is free.
  func endClaim(_ receipt: Receipt, _ stop: StopFlag, _ workspace: Workspace)
    throws(TransferError)
  {
    let source = plan.files[receipt.index].source
    let claimed = claimed(source)
    let (taken, there, ours) = try onHotFolder(receipt.index) { () throws(SystemError) in
      (
        try statusIfAny(roots.source, claimed), try statusIfAny(roots.source, source),
        try statusIfAny(roots.source, aside(source))
      )
    }
    guard let taken else { return }
    // Cut off between the link and the unlink that are a rename on some file systems, or ours.
    let isSecondName = there.map(taken.isSameFile) ?? false
    let isOurs = ours.map(taken.isSameFile) ?? false
    var mayGo = isSecondName
    var failure: TransferError?
    if !mayGo, isOurs {
      do throws(TransferError) {
        mayGo = try holdsNothingNew(claimed, receipt, stop, workspace)
      } catch {
        // What cannot be looked at has its name first.
        failure = error
      }
    }
    try onHotFolder(receipt.index) { () throws(SystemError) in
      if mayGo { return try unlink(claimed) }
      do throws(SystemError) {
        try faults.check(.rename, source)
        try roots.source.giveBack(claimed, to: source)
      } catch  where error.errno == .exists {
        // It stays where it is, and so does the directory that holds it.
      }
    }
    if let failure { throw failure }
  }

  /// Whether a source that was given back is a second name of the published file, or a copy of it that is as it was.
  private func holdsNothingNew(
    _ path: RelativePath, _ receipt: Receipt, _ stop: StopFlag, _ workspace: Workspace
  ) throws(TransferError) -> Bool {
    let destination = plan.files[receipt.index].destination
    let published = try onDestination(receipt.index) { () throws(SystemError) -> Status? in
      for path in [aside(destination), destination] {
        if let there = try statusIfAny(roots.destination, path), receipt.isOurs(there) {
          return there
        }
      }
      return nil
    }
    // Without it, what was given back may be the last copy.
    guard let published else { return false }
    let (file, status) = try onHotFolder(receipt.index) { () throws(SystemError) in
      let file = try roots.source.open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
      return (file, try file.status())
    }
    // Written to under either name, it is what its owner makes of it.
    if status.isSameFile(as: published) { return receipt.isUnchanged(status) }
    guard receipt.isUnchanged(published), status.snapshot.size == receipt.bytes,
      let expected = receipt.digest, file.hasWriter() != true
    else { return false }
    return try digestOf(
      file, receipt.bytes, stop, workspace, failing: { .io($0, receipt.index) }) == expected
  }

  /// Removes the second names, and the directories that held them.
  fileprivate func closeSources(_ indices: [Int]) throws(TransferError) {
    let sources = indices.map { plan.files[$0].source }
    for source in sources {
      try onHotFolder(nil) { () throws(SystemError) in try unlink(aside(source)) }
    }
    for parent in Set(sources.map(\.parent)).sorted() {
      try onHotFolder(nil) { () throws(SystemError) in
        for name in [claims, name] {
          _ = try removeIfEmpty(parent.appending(name), in: roots.source)
        }
        guard let status = try statusIfAny(roots.source, parent), status.kind == .directory else {
          return
        }
        try faults.check(.syncDirectory, parent)
        do throws(SystemError) {
          try (parent.isRoot ? roots.source : try roots.source.openDirectory(parent)).sync()
        } catch  where error.errno == .invalid {
          // A file system that syncs no directories.
        }
      }
    }
  }

  /// What still holds a file must stay, and says so through that file's answer.
  ///
  /// - Returns: whether a directory is gone by this.
  func removeIfEmpty(_ path: RelativePath, in root: Descriptor) throws(SystemError) -> Bool {
    do throws(SystemError) {
      try faults.check(.removeDirectory, path)
      try root.removeDirectory(path)
      return true
    } catch  where [.notEmpty, .exists, .notFound, .notADirectory, .symlink].contains(error.errno) {
      return false
    }
  }
}
