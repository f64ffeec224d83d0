import Files
import Glibc
import Paths
import Synchronization

/// Brings one source under one staged name, by the first of the plan's actions that the file systems grant.
struct FileCopy: Sendable {
  let plan: TransferPlan
  let roots: Roots
  let bootID: String
  let stop: StopFlag
  let faults: FaultHook?
  /// Told the length of each chunk; less than nothing takes back what is read anew.
  let progress: @Sendable (Int) -> Void
  let granted: Granted

  /// Which devices of sources the destination has refused to clone from, so that it is not asked for each frame again.
  final class Granted: Sendable {
    let clone = Mutex<[UInt64: SystemError]>([:])
  }

  enum Attempt {
    case staged(Receipt)
    /// Nothing lies under the staged name: another action may be tried.
    case refused(SystemError)
  }

  /// One file on its way.
  struct Passage {
    let source: OpenSource
    /// Of the staged file.
    let directory: Descriptor
    let name: RelativePath
    let workspace: Workspace
  }

  /// - Parameter directory: the staged file's, with the path beneath the destination root for error messages.
  /// - Throws: `.cannot` if no action is granted; with nothing left under the staged name.
  func stage(_ index: Int, in directory: Descriptor, _ workspace: Workspace) throws(TransferError)
    -> Receipt
  {
    let passage = Passage(
      source: try OpenSource(plan, index, in: roots.source), directory: directory,
      name: RelativePath.root.appending(plan.files[index].destination.name!), workspace: workspace)
    var refused: TransferError?
    for action in plan.actions {
      switch try attempt(action, passage) {
      case .staged(let receipt): return receipt
      case .refused(let error): refused = .cannot(index, action, error)
      }
    }
    guard let refused else { preconditionFailure("a plan has an action") }
    throw refused
  }

  private func attempt(_ action: TransferPlan.Action, _ passage: Passage) throws(TransferError)
    -> Attempt
  {
    switch action {
    case .copy: return try write(passage, .copy)
    case .reflink: return try write(passage, .reflink)
    case .hardlink: return try link(passage, besides: nil)
    case .symlink: return try symlink(passage)
    case .move:
      // With a third name elsewhere, others can still write to what was published.
      do throws(TransferError) {
        if case .staged(let receipt) = try link(passage, besides: 1) { return .staged(receipt) }
      } catch {
        // The kernel tells of a failed sync once: only blocks that are written anew can be synced again.
        guard case .io(let cause, _) = error, cause.call == "fdatasync" else { throw error }
        progress(-passage.source.status.snapshot.size)
        // The link, made and taken back, changed its ctime.
        let source = try OpenSource(plan, passage.source.index, in: roots.source)
        return try write(
          Passage(
            source: source, directory: passage.directory, name: passage.name,
            workspace: passage.workspace), .copy)
      }
      return try write(passage, .copy)
    }
  }

  enum Means { case copy, reflink }

  private func write(_ passage: Passage, _ means: Means) throws(TransferError) -> Attempt {
    do throws(TransferError) {
      return try writeOnce(passage, means)
    } catch {
      guard case .readbackDiffers = error else { throw error }
      progress(-passage.source.status.snapshot.size)
      return try writeOnce(passage, means)
    }
  }

  private func writeOnce(_ passage: Passage, _ means: Means) throws(TransferError) -> Attempt {
    let device = passage.source.status.device
    if means == .reflink, let refusal = granted.clone.withLock({ $0[device] }) {
      return .refused(refusal)
    }
    let staged: Descriptor
    do throws(SystemError) {
      staged = try passage.directory.open(
        passage.name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o666)
    } catch {
      throw failed(error, passage.source.index)
    }
    let attempt: Attempt
    do throws(TransferError) {
      attempt = try fill(staged, passage, means)
    } catch {
      // Best effort: what cannot be unlinked has no receipt, and the next staging begins with unlinking it.
      try? passage.directory.unlink(passage.name)
      throw error
    }
    if case .refused = attempt {
      try onDestination(passage.source.index) { () throws(SystemError) in
        try passage.directory.unlink(passage.name)
      }
    }
    return attempt
  }

  private func fill(_ staged: Descriptor, _ passage: Passage, _ means: Means)
    throws(TransferError) -> Attempt
  {
    let (source, index) = (passage.source, passage.source.index)
    let (method, digest): (Receipt.Method, Digest?)
    let refusal = try clone(staged, from: source, means)
    switch (refusal, means) {
    case (nil, _):
      method = .clone
      digest =
        plan.readsEveryByte ? try source.digest(stop, passage.workspace, progress) : nil
      if digest == nil { progress(source.status.snapshot.size) }
    case (let refusal?, .reflink): return .refused(refusal)
    case (_?, .copy):
      method = .copy
      digest = try copy(staged, from: source, passage.workspace)
    }
    let status = try onDestination(index) { () throws(SystemError) in
      try staged.setModified(source.status.snapshot.modified)
      try faults.check(.syncFile, source.path)
      // Pages that are not written back cannot be dropped.
      if plan.isDurable || plan.verify == .readback {
        try staged.syncData()
      } else {
        try staged.checkClose()
      }
      return try staged.status()
    }
    try source.checkUnchanged(in: roots.source)
    guard status.snapshot.size == source.status.snapshot.size else { throw .sourceChanged(index) }
    if plan.verify == .readback { try readBack(staged, passage, digest) }
    return .staged(receipt(source, status.snapshot, source.status.snapshot, digest, method))
  }

  /// - Returns: the refusal, or nil if the staged file now shares the source's blocks.
  private func clone(_ staged: Descriptor, from source: OpenSource, _ means: Means)
    throws(TransferError) -> SystemError?
  {
    let device = source.status.device
    if let refusal = granted.clone.withLock({ $0[device] }) { return refusal }
    // There is nothing to share, and some refuse it.
    if source.status.snapshot.size == 0, means == .copy {
      return SystemError("ioctl FICLONE", "\(source.path)", errno: .invalid)
    }
    do throws(SystemError) {
      try faults.check(.clone, source.path)
      try staged.clone(from: source.file)
      return nil
    } catch {
      switch error.errno {
      case .noSpace, .overQuota: throw .destinationFull(error)
      case .crossDevice, .unsupported, .unknownRequest, .noSystemCall:
        granted.clone.withLock { $0[device] = error }
      case .invalid, .notPermitted, .noPermission, .textFileBusy: break  // This file only.
      // Copying it tells what is wrong, if anything is.
      default: if means == .reflink { throw .destination(error, source.index) }
      }
      return error
    }
  }

  /// Compares what the storage holds with what was read at the source.
  private func readBack(_ staged: Descriptor, _ passage: Passage, _ digest: Digest?)
    throws(TransferError)
  {
    let index = passage.source.index
    let path = plan.files[index].destination
    try onDestination(index) { () throws(SystemError) in
      try faults.check(.readBack, path)
      try staged.dropCached()
    }
    let landed = try digestOf(
      staged, passage.source.status.snapshot.size, stop, passage.workspace,
      failing: { .destination($0, index) })
    guard landed == digest else { throw .readbackDiffers(index, path) }
  }

  /// A staged name that is taken although nothing was there: two names of the plan are one to this file system.
  func failed(_ error: SystemError, _ index: Int) -> TransferError {
    guard error.errno == .exists else { return .destination(error, index) }
    let destination = plan.files[index].destination
    return .conflict([Conflict(index: index, destination: destination, reason: .collides)])
  }

  func receipt(
    _ source: OpenSource, _ staged: Snapshot, _ sourceSnapshot: Snapshot, _ digest: Digest?,
    _ method: Receipt.Method
  ) -> Receipt {
    Receipt(
      index: source.index, digest: digest, inode: staged.inode, birth: staged.birth,
      written: staged.changed, source: sourceSnapshot, bytes: staged.size, bootID: bootID,
      mount: roots.mount, durable: plan.isDurable, method: method)
  }
}
