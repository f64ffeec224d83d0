import Files
import Glibc
import Paths

extension Transfer {
  /// Makes a published `durability: fast` delivery durable, in the background.
  ///
  /// - Returns: the receipts, now durable; those whose final name is no longer our file are left out.
  public func sync(_ plan: TransferPlan, _ receipts: [Receipt]) async throws(TransferError)
    -> [Receipt]
  {
    let root = try await filing.perform { _ throws(TransferError) in try openDestination(plan) }
    let synced = try await workers.map(receipts.count) {
      (number, _) throws(TransferError) -> Receipt? in
      let receipt = receipts[number]
      if receipt.durable { return receipt }
      let path = plan.files[receipt.index].destination
      if receipt.method == .symlink {
        return try prove(receipt, symlink: path, in: root)
      }
      return try onDestination(receipt.index) { () throws(SystemError) in
        guard let file = try openIfAny(root, path), receipt.names(try file.status()) else {
          return nil
        }
        try faults.check(.syncFile, path)
        try file.sync()
        return receipt.nowDurable()
      }
    }
    return synced.compactMap { $0 }
  }

  /// After another boot: proves by their digests the frames whose receipts are void because they were not durable.
  ///
  /// A power cut leaves such a file whole, short, or full-size and zero. What holds its digest is synced and its
  /// receipt renewed; what does not is unlinked, in staging and under its final name alike: it is ours by its inode. Left
  /// alone is what somebody wrote to since, and a hard link, which is its owner's file.
  ///
  /// - Returns: the receipts that hold now. ``restage(_:_:stop:)`` makes the others again.
  public func recheck(_ plan: TransferPlan, _ receipts: [Receipt]) async throws(TransferError)
    -> [Receipt]
  {
    let (root, tree, base, bootID) = try await filing.perform { _ throws(TransferError) in
      let root = try openDestination(plan)
      let area = try StagingArea.find(plan, in: root)
      let bootID = try onDestination(nil) { () throws(SystemError) in try currentBootID() }
      return (root, area?.tree, area?.base, bootID)
    }
    let proven = try await workers.map(receipts.count) {
      (number, workspace) throws(TransferError) -> Receipt? in
      let receipt = receipts[number]
      if receipt.durable || receipt.bootID == bootID { return receipt }
      let path = plan.files[receipt.index].destination
      if let tree, let base, let staged = path.relative(to: base),
        let proven = try prove(plan, receipt, staged, in: tree, workspace)
      {
        return proven
      }
      return try prove(plan, receipt, path, in: root, workspace)
    }
    return proven.compactMap { $0 }
  }

  private func prove(
    _ plan: TransferPlan, _ receipt: Receipt, _ path: RelativePath, in root: Descriptor,
    _ workspace: Workspace
  ) throws(TransferError) -> Receipt? {
    let index = receipt.index
    if receipt.method == .symlink {
      return try prove(receipt, symlink: path, in: root, plan.symlinkTarget(index))
    }
    let opened = try onDestination(index) { () throws(SystemError) -> (Descriptor, Status)? in
      guard let file = try openIfAny(root, path) else { return nil }
      return (file, try file.status())
    }
    // Its size may not have survived, its inode and birth did.
    guard let (file, status) = opened, receipt.isOurs(status) else { return nil }
    let digest = try digestOf(
      file, receipt.bytes, StopFlag(), workspace, failing: { .destination($0, index) })
    let hasItsBytes = receipt.digest.map { $0 == digest } ?? (receipt.method == .link)
    let isWhole = status.snapshot.size == receipt.bytes && digest != nil && hasItsBytes
    return try onDestination(index) { () throws(SystemError) in
      if isWhole {
        try file.sync()
        return receipt.nowDurable()
      }
      // Reading took its time, in which somebody may have written it anew.
      if receipt.method != .link, !receipt.wasWrittenSince(status),
        try statusIfAny(root, path)?.snapshot == status.snapshot
      {
        try unlinkDurably(path, in: root)
      }
      return nil
    }
  }

  /// What the next power cut must not bring back.
  private func unlinkDurably(_ path: RelativePath, in root: Descriptor) throws(SystemError) {
    try root.unlink(path)
    let directory = path.parent
    try (directory.isRoot ? root : root.openDirectory(directory)).sync()
  }

  /// A symlink is durable with its name; one that a power cut left with another target is unlinked, as ours by its inode.
  private func prove(
    _ receipt: Receipt, symlink path: RelativePath, in root: Descriptor, _ target: [UInt8]? = nil
  ) throws(TransferError) -> Receipt? {
    try onDestination(receipt.index) { () throws(SystemError) in
      try faults.check(.syncFile, path)
      guard let there = try statusIfAny(root, path), there.kind == .symlink,
        receipt.isOurs(there)
      else { return nil }
      if let target, try root.symlinkTarget(path) != target {
        try unlinkDurably(path, in: root)
        return nil
      }
      try root.openDirectory(path.parent).sync()
      return receipt.nowDurable()
    }
  }
}

/// Opens a regular file or whatever is there for reading, without waiting and without following a symlink.
private func openIfAny(_ root: Descriptor, _ path: RelativePath) throws(SystemError) -> Descriptor?
{
  do throws(SystemError) {
    return try root.open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
  } catch
    where error.errno == .notFound || error.errno == .notADirectory || error.errno == .symlink
  {
    return nil
  }
}
