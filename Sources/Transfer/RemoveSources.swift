import Files
import Glibc
import Paths
import Synchronization

extension Transfer {
  /// Removes the sources of a published, durable `move`, each only if it is still what was published.
  ///
  /// A source is first renamed into `.hotplate-JOBID/` beside it, where nobody else looks for it; only there is it
  /// compared and unlinked, so that a save by rename in between is never what is unlinked. What a crash left claimed is
  /// taken up again. Directories are left standing.
  ///
  /// - Parameter expecting: called with each source path before the first call that makes it vanish or come back.
  /// - Returns: one answer for each receipt, ascending by index. One file's failure does not stop the others.
  /// - Precondition: the plan's action is `move`.
  public func removeSources(
    _ plan: TransferPlan, _ receipts: [Receipt],
    expecting: @escaping @Sendable (RelativePath) -> Void = { _ in }
  ) async throws(TransferError) -> [Removal] {
    precondition(plan.isMove, "only a move removes its sources")
    let ordered = receipts.sorted { $0.index < $1.index }
    let roots = try await filing.perform { _ throws(TransferError) in try Roots(plan) }
    let directories = ordered.map { plan.files[$0.index].source.parent }
    let claims = Claims(plan, roots.source, faults)
    let removals = try await filing.map(ordered.count) {
      (number, workspace) throws(TransferError) in
      SourceRemoval(
        plan: plan, roots: roots, claims: claims, faults: faults, expecting: expecting
      ).remove(ordered[number], workspace)
    }
    try await filing.perform { _ throws(TransferError) in claims.close(Set(directories)) }
    return removals
  }
}

/// The claim directories of one job, beneath the hot folder.
final class Claims: Sendable {
  /// Directories kept open, so that a wide delivery does not exhaust the descriptors.
  private static let kept = 16

  let name: FileName
  let root: Descriptor
  let faults: FaultHook?
  /// Directories with a claim, wherever they are moved meanwhile.
  private let places = Mutex<[RelativePath: Descriptor]>([:])

  init(_ plan: TransferPlan, _ root: Descriptor, _ faults: FaultHook?) {
    name = plan.stagingName
    self.root = root
    self.faults = faults
  }

  func directory(beside source: RelativePath) -> RelativePath { source.parent.appending(name) }

  func claimed(_ source: RelativePath) -> RelativePath {
    directory(beside: source).appending(source.name!)
  }

  /// Takes a source out of everybody's way. ENOENT if it is gone.
  func claim(_ source: RelativePath) throws(SystemError) {
    // Opened first: moved away from here on, the directory is still known by it.
    let place = source.parent.isRoot ? root : try root.openPlace(source.parent)
    do throws(SystemError) {
      try place.makeDirectory(.root.appending(name), mode: 0o700)
      places.withLock { if $0.count < Self.kept { $0[source.parent] = place } }
    } catch  where error.errno == .exists {
      // For the file before this one.
    }
    try faults.check(.claim, source)
    try root.takeAway(source, to: claimed(source))
  }

  /// - Throws: EEXIST if its name is taken again.
  func giveBack(_ source: RelativePath) throws(SystemError) {
    try root.giveBack(claimed(source), to: source)
  }

  /// Removes the empty claim directories below `directories`.
  func close(_ directories: Set<RelativePath>) {
    for directory in directories {
      // What still holds a file must stay, and says so through that file's answer.
      if (try? root.removeDirectory(directory.appending(name))) == nil,
        let place = places.withLock({ $0[directory] })
      {
        leave(place)
      }
    }
  }

  /// Somebody moved the directory away with the claim in it: what is left there gets its name back, and nothing of ours
  /// goes along.
  private func leave(_ place: Descriptor) {
    let claim = RelativePath.root.appending(name)
    guard let entries = try? place.openDirectory(claim).entries() else { return }
    for entry in entries {
      // Where a newer file has the name, the older one stays aside.
      try? place.giveBack(claim.appending(entry.name), to: .root.appending(entry.name))
    }
    try? place.removeDirectory(claim)
  }
}

extension Descriptor {
  /// Renames whatever has a name to one that only we use.
  ///
  /// - Throws: EEXIST if something of an earlier run lies there.
  func takeAway(_ path: RelativePath, to claimed: RelativePath) throws(SystemError) {
    do throws(SystemError) {
      try rename(path, to: self, claimed, .noReplace)
    } catch  where error.isFlagRefused {
      // Never by link and unlink: what others save under the name between the two would be what is unlinked.
      if try statusIfAny(self, claimed) != nil {
        throw SystemError("renameat2", shownPath(claimed), errno: .exists)
      }
      try rename(path, to: self, claimed, .plain)
    }
  }

  /// Gives what only we have a name for its old one again, by link and unlink where renames cannot be kept from
  /// replacing. The second name is durable before the first one goes: a power cut may keep an unlink and lose the link
  /// before it.
  ///
  /// - Throws: EEXIST if the name is taken.
  func giveBack(_ path: RelativePath, to newPath: RelativePath) throws(SystemError) {
    do throws(SystemError) {
      try rename(path, to: self, newPath, .noReplace)
    } catch  where error.isFlagRefused {
      try link(path, to: self, newPath)
      let directory = newPath.parent
      try (directory.isRoot ? self : openDirectory(directory)).sync()
      try unlink(path)
    }
  }
}

/// The removal of one source after another.
private struct SourceRemoval {
  let plan: TransferPlan
  let roots: Roots
  let claims: Claims
  let faults: FaultHook?
  let expecting: @Sendable (RelativePath) -> Void

  func remove(_ receipt: Receipt, _ workspace: Workspace) -> Removal {
    do throws(SystemError) {
      return Removal(index: receipt.index, result: try removed(receipt, workspace))
    } catch {
      return Removal(index: receipt.index, result: .kept(.failed("\(error)")))
    }
  }

  private func removed(_ receipt: Receipt, _ workspace: Workspace) throws(SystemError)
    -> Removal.Result
  {
    let file = plan.files[receipt.index]
    guard let final = try statusIfAny(roots.destination, file.destination), receipt.names(final)
    else {
      return try reclaim(file.source).map { .kept($0) } ?? .kept(.destinationChanged)
    }
    var mustHash = receipt.isOfWholeSeconds
    if try statusIfAny(roots.source, claims.claimed(file.source)) == nil {
      guard let source = try statusIfAny(roots.source, file.source) else { return .alreadyGone }
      guard source.kind == .file, source.snapshot.isSameContent(as: receipt.source) else {
        return .kept(.changed)
      }
      if source.device == final.device, source.snapshot.inode == final.snapshot.inode,
        receipt.method != .link
      {
        return .kept(.destinationChanged)
      }
      // Claiming changes ctime, so this is the last time that it tells of a rewrite with the old mtime.
      if receipt.method != .link, source.snapshot != receipt.source { mustHash = true }
      expecting(file.source)
      do throws(SystemError) {
        try claims.claim(file.source)
      } catch  where error.errno == .notFound {
        return .alreadyGone
      }
    } else {
      expecting(file.source)
      mustHash = true
    }
    return try settle(receipt, file, mustHash, workspace)
  }

  /// Decides about what is claimed: unlinks it, or gives it back.
  private func settle(
    _ receipt: Receipt, _ file: PlannedFile, _ mustHash: Bool, _ workspace: Workspace
  ) throws(SystemError) -> Removal.Result {
    let claimed = claims.claimed(file.source)
    do throws(SystemError) {
      let opened = try roots.source.open(claimed, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
      let status = try opened.status()
      guard status.kind == .file, status.snapshot.isSameContent(as: receipt.source) else {
        return .kept(try reclaim(file.source) ?? .changed)
      }
      let writer = opened.hasWriter()
      if writer == true { return .kept(try reclaim(file.source) ?? .beingWritten) }
      if writer == nil || mustHash, try !holdsReceiptsBytes(opened, receipt, workspace) {
        return .kept(try reclaim(file.source) ?? .changed)
      }
      try faults.check(.unlink, file.source)
      try roots.source.unlink(claimed)
      let ours: UInt32 = receipt.method == .link ? 2 : 1
      return .removed(otherLinks: Int(max(status.links, ours) - ours))
    } catch {
      // The reason to keep it is this error, whether or not giving it back works at once.
      _ = try? reclaim(file.source)
      throw error
    }
  }

  private func holdsReceiptsBytes(
    _ file: Descriptor, _ receipt: Receipt, _ workspace: Workspace
  ) throws(SystemError) -> Bool {
    guard let expected = receipt.digest else { return false }
    do throws(TransferError) {
      let digest = try digestOf(
        file, receipt.bytes, StopFlag(), workspace, failing: { .io($0, receipt.index) })
      return digest == expected
    } catch {
      if case .io(let error, _) = error { throw error }
      return false
    }
  }

  /// Gives a claimed file its name back.
  ///
  /// - Returns: `.aside` if that name is taken by a newer file; nil if it is back, or was not claimed.
  private func reclaim(_ source: RelativePath) throws(SystemError) -> Removal.Reason? {
    do throws(SystemError) {
      expecting(source)
      try claims.giveBack(source)
      return nil
    } catch  where error.errno == .exists {
      return .aside(claims.claimed(source))
    } catch  where error.errno == .notFound {
      return nil
    }
  }
}

extension Receipt {
  /// Where the clock of the file system is too coarse for mtime to tell a rewrite.
  fileprivate var isOfWholeSeconds: Bool {
    source.modified % 1_000_000_000 == 0 && source.changed % 1_000_000_000 == 0
  }
}
