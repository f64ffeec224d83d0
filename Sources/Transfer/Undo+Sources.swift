import Files
import Glibc
import Paths

/// Before a published file goes, its source stands: proven where it lay all the time, given back where it was moved away.
extension Undo {
  enum Finding: Sendable {
    case secured(SecuredSource)
    case left(UndoResult)
    case blocked(UndoObstacle)
  }

  func secure(_ receipt: Receipt, _ stop: StopFlag, _ workspace: Workspace) throws(TransferError)
    -> Finding
  {
    // What an earlier call was taking back, whatever has become of what was published.
    if plan.isMove { try endClaim(receipt, stop, workspace) }
    let standing = try standing(of: receipt)
    guard let published = standing.published else {
      // What an earlier run took out of the way and did not come to look at.
      let path = plan.files[receipt.index].destination
      return .left(try standing.isForeign ? .kept(handBack(path) ?? .changed) : .alreadyGone)
    }
    if receipt.method == .symlink {
      return .secured(SecuredSource(index: receipt.index, digest: nil, snapshot: nil))
    }
    if plan.isMove { return try giveBack(receipt, published, stop, workspace) }
    return try prove(receipt, published.status, stop, workspace)
  }

  // MARK: where the source stayed

  private func prove(
    _ receipt: Receipt, _ published: Status, _ stop: StopFlag, _ workspace: Workspace
  ) throws(TransferError) -> Finding {
    let path = plan.files[receipt.index].source
    let (file, status): (Descriptor, Status)
    do throws(SystemError) {
      // Without O_NONBLOCK, opening a FIFO would wait for its writer for ever.
      file = try roots.source.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)
      status = try file.status()
    } catch {
      switch error.errno {
      case .notFound, .notADirectory: return .blocked(.sourceMissing(path))
      case .symlink, Errno(rawValue: ENXIO): return .blocked(.sourceChanged(path))
      default: throw .io(error, receipt.index)
      }
    }
    guard status.kind == .file, status.snapshot.size == receipt.bytes else {
      return .blocked(.sourceChanged(path))
    }
    var digest = receipt.digest
    if status.isSameFile(as: published) {
      // Its last name would go with the published one.
      if status.links < 2 { return .blocked(.sourceChanged(path)) }
    } else {
      let found = try digestOf(
        file, receipt.bytes, stop, workspace, failing: { .io($0, receipt.index) })
      let isWhatWasTaken =
        receipt.digest.map { $0 == found } ?? status.snapshot.isSameContent(as: receipt.source)
      guard let found, isWhatWasTaken else { return .blocked(.sourceChanged(path)) }
      digest = found
    }
    do throws(SystemError) {
      try faults.check(.syncFile, path)
      try file.sync()
      guard try statusIfAny(roots.source, path)?.snapshot == status.snapshot else {
        return .blocked(.sourceChanged(path))
      }
    } catch {
      throw .io(error, receipt.index)
    }
    return .secured(
      SecuredSource(index: receipt.index, digest: digest, snapshot: status.snapshot))
  }

  // MARK: where the source was moved away

  private func giveBack(
    _ receipt: Receipt, _ published: (path: RelativePath, status: Status), _ stop: StopFlag,
    _ workspace: Workspace
  ) throws(TransferError) -> Finding {
    let source = plan.files[receipt.index].source
    let link = aside(source)
    let (there, earlier) = try onHotFolder(receipt.index) { () throws(SystemError) in
      (try statusIfAny(roots.source, source), try statusIfAny(roots.source, link))
    }
    if let there {
      let isBack = there.isSameFile(as: published.status) || earlier?.isSameFile(as: there) == true
      if !isBack, try !isCopy(source, receipt, stop, workspace) {
        return .blocked(.sourceTaken(source))
      }
      return try secured(receipt)
    }
    try onHotFolder(receipt.index) { () throws(SystemError) in
      try makeDirectories(source.parent)
      try makeDirectory(link.parent, mode: 0o700)
      // A copy that was cut off.
      if let earlier, !earlier.isSameFile(as: published.status) { try unlink(link) }
    }
    if earlier?.isSameFile(as: published.status) != true {
      guard try bring(receipt, published, to: link, stop, workspace) else {
        return .left(.kept(.changed))
      }
    }
    do throws(SystemError) {
      try faults.check(.link, source)
      do throws(SystemError) {
        // Never in the place of anything, and afterwards both names tell of each other.
        try roots.source.link(link, to: roots.source, source)
      } catch  where [.notPermitted, .unsupported, .noSystemCall].contains(error.errno) {
        try roots.source.rename(link, to: roots.source, source, .noReplace)
      }
    } catch  where error.errno == .exists {
      return .blocked(.sourceTaken(source))
    } catch {
      throw Self.atSource(error, receipt.index)
    }
    return try secured(receipt)
  }

  /// Makes a second name of the published file beside its source, or a whole and durable copy where the source lies in
  /// another file system.
  ///
  /// - Returns: false if what was published has changed.
  private func bring(
    _ receipt: Receipt, _ published: (path: RelativePath, status: Status), to link: RelativePath,
    _ stop: StopFlag, _ workspace: Workspace
  ) throws(TransferError) -> Bool {
    let refusals: [Errno] = [
      .crossDevice, .notPermitted, .unsupported, .noSystemCall, .tooManyLinks,
    ]
    do throws(SystemError) {
      try faults.check(.link, link)
      try roots.destination.link(published.path, to: roots.source, link)
      return true
    } catch  where refusals.contains(error.errno) {
      // Its bytes, below.
    } catch {
      throw Self.atSource(error, receipt.index)
    }
    let way = TransferPlan(
      id: plan.id, action: .copy, verify: .copy, durability: .safe, conflict: .hold,
      files: [
        PlannedFile(
          source: published.path, snapshot: published.status.snapshot, destination: link)
      ], sourceRoot: plan.destinationRoot, destinationRoot: plan.sourceRoot, owner: plan.owner)
    let directory = try onHotFolder(receipt.index) { () throws(SystemError) in
      try roots.source.openDirectory(link.parent)
    }
    let copy = FileCopy(
      plan: way, roots: try Roots(way), bootID: receipt.bootID, stop: stop, faults: faults,
      progress: { _ in }, granted: FileCopy.Granted())
    do throws(TransferError) {
      let copied = try copy.stage(0, in: directory, workspace)
      try onHotFolder(receipt.index) { () throws(SystemError) in
        guard copied.digest == receipt.digest else { return try unlink(link) }
        // With its time, by which it is known again.
        try roots.source.open(link, O_RDONLY | O_NOFOLLOW).sync()
      }
      return copied.digest == receipt.digest
    } catch {
      switch error {
      case .sourceChanged, .sourceMissing, .sourceNotAFile, .unsafeSource: return false
      case .io(let error, _), .destinationFull(let error): throw .io(error, receipt.index)
      default: throw error
      }
    }
  }

  /// Whether somebody put the same bytes back; they are durable then.
  private func isCopy(
    _ source: RelativePath, _ receipt: Receipt, _ stop: StopFlag, _ workspace: Workspace
  ) throws(TransferError) -> Bool {
    guard let expected = receipt.digest else { return false }
    let file: Descriptor
    do throws(SystemError) {
      file = try roots.source.open(source, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)
      let status = try file.status()
      guard status.kind == .file, status.snapshot.size == receipt.bytes else { return false }
    } catch {
      // What cannot be read has the name all the same.
      return false
    }
    let found = try digestOf(
      file, receipt.bytes, stop, workspace, failing: { .io($0, receipt.index) })
    guard found == expected else { return false }
    try onHotFolder(receipt.index) { () throws(SystemError) in
      try faults.check(.syncFile, source)
      try file.sync()
    }
    return true
  }

  private func secured(_ receipt: Receipt) throws(TransferError) -> Finding {
    let source = plan.files[receipt.index].source
    let snapshot = try onHotFolder(receipt.index) { () throws(SystemError) in
      try roots.source.status(source).snapshot
    }
    return .secured(
      SecuredSource(index: receipt.index, digest: receipt.digest, snapshot: snapshot))
  }

  // MARK: the hot folder's directories

  /// Makes the names of these sources durable, from their directories up to the hot folder.
  func syncSources(_ indices: [Int]) throws(TransferError) {
    var paths: Set<RelativePath> = []
    for index in indices {
      var path = plan.files[index].source.parent
      if plan.isMove { paths.insert(path.appending(name)) }
      while paths.insert(path).inserted, !path.isRoot { path = path.parent }
    }
    for path in paths.sorted() {
      try onHotFolder(nil) { () throws(SystemError) in
        try faults.check(.syncDirectory, path)
        do throws(SystemError) {
          try (path.isRoot ? roots.source : try roots.source.openDirectory(path)).sync()
        } catch  where error.errno == .notFound && path.name == name {
          // Nothing had to be given back there.
        } catch  where error.errno == .invalid {
          // A file system that syncs no directories.
        }
      }
    }
  }

  private func makeDirectories(_ path: RelativePath) throws(SystemError) {
    if path.isRoot { return }
    if try statusIfAny(roots.source, path) != nil { return }
    try makeDirectories(path.parent)
    if try makeDirectory(path, mode: 0o777) { created.paths.withLock { _ = $0.insert(path) } }
  }

  /// - Returns: whether it was not there.
  @discardableResult
  func makeDirectory(_ path: RelativePath, mode: mode_t) throws(SystemError) -> Bool {
    do throws(SystemError) {
      try faults.check(.makeDirectory, path)
      try roots.source.makeDirectory(path, mode: mode)
      return true
    } catch  where error.errno == .exists {
      return false
    }
  }

  func unlink(_ path: RelativePath) throws(SystemError) {
    do throws(SystemError) {
      try faults.check(.unlink, path)
      try roots.source.unlink(path)
    } catch  where error.errno == .notFound || error.errno == .notADirectory {
      // By an earlier run.
    }
  }

  func onHotFolder<Value>(_ index: Int?, _ body: () throws(SystemError) -> Value)
    throws(TransferError) -> Value
  {
    do throws(SystemError) { return try body() } catch { throw Self.atSource(error, index) }
  }

  /// The hot folder is where this writes: a full one is named as such, and nothing missing there is a missing source.
  static func atSource(_ error: SystemError, _ index: Int?) -> TransferError { .io(error, index) }
}
