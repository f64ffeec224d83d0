import CLinux
import Files
import Glibc
import Paths
import Synchronization

/// Brings one source's bytes under one staged name: by link, clone or copy, whichever the file system grants first.
struct FileCopy: Sendable {
  let plan: TransferPlan
  let roots: Roots
  let bootID: String
  let stop: StopFlag
  let faults: FaultHook?
  /// Told the length of each chunk.
  let progress: @Sendable (Int) -> Void
  let granted: Granted

  /// What this pair of file systems has refused for good, so that it is not asked for each frame again.
  final class Granted: Sendable {
    let link = Atomic<Bool>(true)
    let clone = Atomic<Bool>(true)
  }

  /// - Parameter directory: the staged file's, with the path beneath the destination root for error messages.
  /// - Throws: with nothing left under the staged name.
  func stage(_ index: Int, in directory: Descriptor, _ workspace: Workspace) throws(TransferError)
    -> Receipt
  {
    guard plan.actions.contains(.copy) || plan.isMove else {
      throw .cannot(
        index, plan.actions[plan.actions.count - 1],
        SystemError("transfer", "\(plan.files[index].source)", errno: .unsupported))
    }
    let source = try OpenSource(plan, index, in: roots.source)
    let name = RelativePath.root.appending(plan.files[index].destination.name!)
    if plan.isMove, granted.link.load(ordering: .relaxed),
      let receipt = try link(source, name, directory, workspace)
    {
      return receipt
    }
    let staged: Descriptor
    do throws(SystemError) {
      staged = try directory.open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o666)
    } catch {
      throw failed(error, index)
    }
    do throws(TransferError) {
      return try fill(staged, from: source, workspace)
    } catch {
      // Best effort: what cannot be unlinked has no receipt, and the next staging begins with unlinking it.
      try? directory.unlink(name)
      throw error
    }
  }

  private func fill(_ staged: Descriptor, from source: OpenSource, _ workspace: Workspace)
    throws(TransferError) -> Receipt
  {
    let index = source.index
    let (method, digest) = try fillBytes(staged, from: source, workspace)
    let status = try onDestination(index) { () throws(SystemError) in
      try staged.setModified(source.status.snapshot.modified)
      try faults.check(.syncFile, source.path)
      if plan.isDurable { try staged.syncData() } else { try staged.checkClose() }
      return try staged.status()
    }
    try source.checkUnchanged(in: roots.source)
    guard status.snapshot.size == source.status.snapshot.size else { throw .sourceChanged(index) }
    return receipt(source, status.snapshot, source.status.snapshot, digest, method)
  }

  private func fillBytes(_ staged: Descriptor, from source: OpenSource, _ workspace: Workspace)
    throws(TransferError) -> (Receipt.Method, Digest?)
  {
    if try clone(staged, from: source) {
      let digest = plan.readsEveryByte ? try source.digest(stop, workspace, progress) : nil
      if digest == nil { progress(source.status.snapshot.size) }
      return (.clone, digest)
    }
    return (.copy, try copy(staged, from: source, workspace))
  }

  private func clone(_ staged: Descriptor, from source: OpenSource) throws(TransferError) -> Bool {
    guard granted.clone.load(ordering: .relaxed), source.status.snapshot.size > 0 else {
      return false
    }
    do throws(SystemError) {
      try faults.check(.clone, source.path)
      try staged.clone(from: source.file)
      return true
    } catch {
      switch error.errno {
      case .noSpace, .overQuota: throw .destinationFull(error)
      case .crossDevice, .unsupported, .unknownRequest, .noSystemCall:
        granted.clone.store(false, ordering: .relaxed)
      default: break  // This file only: copying it tells what is wrong, if anything is.
      }
      return false
    }
  }

  /// A second name for the source itself, as a move within one file system wants it: nothing is copied, nothing at risk.
  ///
  /// - Returns: nil where a link is refused, or would not be safe because others can still write to the file.
  private func link(
    _ source: OpenSource, _ name: RelativePath, _ directory: Descriptor, _ workspace: Workspace
  ) throws(TransferError) -> Receipt? {
    guard source.status.links == 1, source.file.hasWriter() != true else { return nil }
    let index = source.index
    let place = try onDestination(index) { () throws(SystemError) in try directory.status() }
    guard place.device == source.status.device, place.mountID == source.status.mountID else {
      granted.link.store(false, ordering: .relaxed)
      return nil
    }
    do throws(SystemError) {
      try faults.check(.link, source.path)
      try roots.source.link(source.path, to: directory, name)
    } catch {
      switch error.errno {
      case .crossDevice, .notPermitted, .noPermission, .unsupported, .noSystemCall:
        granted.link.store(false, ordering: .relaxed)
        return nil
      case .notFound: throw .source(error, index)
      default: throw failed(error, index)
      }
    }
    do throws(TransferError) {
      return try linkedReceipt(source, name, directory, workspace)
    } catch {
      try? directory.unlink(name)
      throw error
    }
  }

  private func linkedReceipt(
    _ source: OpenSource, _ name: RelativePath, _ directory: Descriptor, _ workspace: Workspace
  ) throws(TransferError) -> Receipt {
    let index = source.index
    let staged = try onDestination(index) { () throws(SystemError) in try directory.status(name) }
    // The name was linked, not the descriptor: another file may have come under it.
    guard staged.snapshot.isSameContent(as: source.status.snapshot) else {
      throw .sourceChanged(index)
    }
    let digest = try source.digest(stop, workspace, progress)
    try onDestination(index) { () throws(SystemError) in
      try faults.check(.syncFile, source.path)
      try source.file.syncData()
    }
    let now = try onSource(index) { () throws(SystemError) in try roots.source.status(source.path) }
    guard now.snapshot == staged.snapshot, now.links == 2, source.file.hasWriter() != true else {
      throw .sourceChanged(index)
    }
    return receipt(source, staged.snapshot, now.snapshot, digest, .link)
  }

  /// A staged name that is taken although nothing was there: two names of the plan are one to this file system.
  private func failed(_ error: SystemError, _ index: Int) -> TransferError {
    guard error.errno == .exists else { return .destination(error, index) }
    let destination = plan.files[index].destination
    return .conflict([Conflict(index: index, destination: destination, reason: .collides)])
  }

  private func receipt(
    _ source: OpenSource, _ staged: Snapshot, _ sourceSnapshot: Snapshot, _ digest: Digest?,
    _ method: Receipt.Method
  ) -> Receipt {
    Receipt(
      index: source.index, digest: digest, inode: staged.inode, birth: staged.birth,
      source: sourceSnapshot, bytes: staged.size, bootID: bootID, mount: roots.mount,
      durable: plan.isDurable, method: method)
  }
}
