import Files
import Glibc
import Paths

/// What already lies at one destination name.
public enum Standing: Hashable, Sendable {
  /// Already there: a regular file of its own with the source's bytes, now durable; or the link that the plan asks for.
  /// A symlink has no digest.
  case identical(Digest?)
  /// Anything else.
  case taken(Conflict.Reason)
}

extension Transfer {
  /// Looks which destinations exist already, and compares those that do with their sources, byte by digest.
  ///
  /// Identical means a regular file, not a link to or another view of the source, with the same digest; it is synced.
  /// A plan that may hard-link takes the source itself for that, one that may symlink a symlink with the source's path.
  ///
  /// - Returns: by index into the plan's files; names that hold nothing are left out.
  public func survey(_ plan: TransferPlan, stop: StopFlag = StopFlag()) async throws(TransferError)
    -> [Int: Standing]
  {
    try await surveyed(plan, stop).mapValues(\.standing)
  }

  struct Surveyed: Sendable {
    let standing: Standing
    let status: Status
    let source: Snapshot
  }

  func surveyed(_ plan: TransferPlan, _ stop: StopFlag) async throws(TransferError)
    -> [Int: Surveyed]
  {
    let (roots, existing) = try await filing.perform { _ throws(TransferError) in
      let roots = try Roots(plan)
      return (roots, try candidates(plan, roots.destination))
    }
    let found = try await workers.map(existing.count) {
      (number, workspace) throws(TransferError) in
      let index = existing[number]
      return (index, try standing(plan, index, roots, stop, workspace))
    }
    return Dictionary(
      uniqueKeysWithValues: found.compactMap { pair in pair.1.map { (pair.0, $0) } })
  }

  private func standing(
    _ plan: TransferPlan, _ index: Int, _ roots: Roots, _ stop: StopFlag, _ workspace: Workspace
  ) throws(TransferError) -> Surveyed? {
    let file = plan.files[index]
    let there = try onDestination(index) { () throws(SystemError) in
      try statusIfAny(roots.destination, file.destination)
    }
    guard let there else { return nil }
    func taken(_ reason: Conflict.Reason) -> Surveyed {
      Surveyed(standing: .taken(reason), status: there, source: file.snapshot)
    }
    if there.kind == .symlink, plan.actions.contains(.symlink) {
      return try linked(plan, index, roots).map {
        Surveyed(standing: .identical(nil), status: there, source: $0)
      } ?? taken(.notAFile(.symlink))
    }
    guard there.kind == .file else { return taken(.notAFile(there.kind)) }
    let source = try OpenSource(plan, index, in: roots.source)
    func identical(_ digest: Digest?) -> Surveyed {
      Surveyed(standing: .identical(digest), status: there, source: source.status.snapshot)
    }
    if source.status.device == there.device
      && source.status.snapshot.inode == there.snapshot.inode
    {
      guard plan.actions.contains(.hardlink) else { return taken(.sameFile) }
      let digest = plan.readsEveryByte ? try source.digest(stop, workspace) { _ in } : nil
      try onSource(index) { () throws(SystemError) in try source.file.sync() }
      try source.checkUnchanged(in: roots.source)
      return identical(digest)
    }
    guard plan.actions != [.symlink], there.snapshot.size == source.status.snapshot.size else {
      return taken(.different)
    }
    let digest = try source.digest(stop, workspace) { _ in }
    try source.checkUnchanged(in: roots.source)
    let target = try onDestination(index) { () throws(SystemError) in
      let target = try roots.destination.open(
        file.destination, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
      if plan.verify == .readback {
        try target.sync()
        try target.dropCached()
      }
      return target
    }
    let targetDigest = try digestOf(
      target, there.snapshot.size, stop, workspace, failing: { .destination($0, index) })
    guard targetDigest == digest else { return taken(.different) }
    let now = try onDestination(index) { () throws(SystemError) in
      try target.sync()
      return try target.status()
    }
    return now.snapshot == there.snapshot ? identical(digest) : taken(.different)
  }

  /// - Returns: the source, if the symlink at the destination holds its path; its name is durable then.
  private func linked(_ plan: TransferPlan, _ index: Int, _ roots: Roots) throws(TransferError)
    -> Snapshot?
  {
    let source = try OpenSource(plan, index, in: roots.source)
    let path = plan.files[index].destination
    return try onDestination(index) { () throws(SystemError) in
      guard try roots.destination.symlinkTarget(path) == plan.symlinkTarget(index) else {
        return nil
      }
      // A symlink cannot be opened; its directory's log entry carries it.
      try roots.destination.openDirectory(path.parent).sync()
      return source.status.snapshot
    }
  }
}

/// The files whose destination directory exists, which alone can be taken; each directory is looked at once.
///
/// - Throws: `.unsafeDestination` for a symlink on the way, `.crossesMounts` for directories on several mounts.
func candidates(_ plan: TransferPlan, _ root: Descriptor) throws(TransferError) -> [Int] {
  var exists: [RelativePath: Bool] = [:]
  var mount: (UInt64, UInt64)?
  var result: [Int] = []
  for index in plan.files.indices {
    let parent = plan.files[index].destination.parent
    if let known = exists[parent] {
      if known { result.append(index) }
      continue
    }
    let (reached, directory) = try walk(parent, from: root)
    let status = try onDestination(index) { () throws(SystemError) in try directory.status() }
    let here = (status.mountID, status.device)
    if let mount, mount != here { throw .crossesMounts(reached) }
    mount = here
    exists[parent] = reached == parent
    if reached == parent { result.append(index) }
  }
  return result
}
