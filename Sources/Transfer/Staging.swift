import Files
import Paths
import Synchronization

extension Transfer {
  /// Brings every file of the plan whole into staging; nothing is created outside it.
  ///
  /// What is already at the destination gets a receipt with method `present`; under `conflict: skip`, what is
  /// different there gets none. What an earlier run staged is kept where its receipt still holds, else made anew.
  ///
  /// - Parameters:
  ///   - earlier: receipts of an earlier run of the same plan.
  ///   - progress: called on the threads that copy, with the bytes and files done so far, kept ones included.
  ///   - whole: called on those threads with the index of each file that is staged from then on, before `progress` counts it.
  ///   - receipts: called on those threads with each few new receipts, in any order.
  /// - Returns: all receipts, ascending by index.
  /// - Throws: `.conflict` before anything is made; `.cancelled` within a chunk of the flag; `.destinationFull` with
  ///   nothing partial kept. Files that were whole by then stay staged until ``discard(_:evenOnlyCopies:replacedBy:removing:)``.
  public func stage(
    _ plan: TransferPlan, keeping earlier: [Receipt] = [], stop: StopFlag = StopFlag(),
    progress: @escaping @Sendable (_ bytes: Int, _ files: Int) -> Void = { _, _ in },
    whole: @escaping @Sendable (_ index: Int) -> Void = { _ in },
    receipts: @escaping @Sendable ([Receipt]) -> Void = { _ in }
  ) async throws(TransferError) -> [Receipt] {
    let standing = try await surveyed(plan, stop)
    let replaced = replaceable(plan, standing)
    let conflicts = conflicts(plan, standing).filter { replaced[$0.index] == nil }
    if plan.conflict != .skip, !conflicts.isEmpty { throw .conflict(conflicts) }
    if stop.isRaised { throw .cancelled }
    let settled = standing.filter { replaced[$0.key] == nil }
    let ground = try await filing.perform { _ throws(TransferError) in
      try Ground(plan, earlier, excluding: settled)
    }
    let tally = Tally(progress: progress, whole: whole, receipts: receipts)
    let present = settled.compactMap { ground.receipt($0.key, present: $0.value) }
    let kept = ground.kept.map { $0.replacing(replaced[$0.index]) } + present
    tally.add(kept: kept)
    let copy = FileCopy(
      plan: plan, roots: ground.roots, bootID: ground.bootID, stop: stop, faults: faults,
      progress: { tally.add(bytes: $0) }, granted: FileCopy.Granted())
    let todo = ground.missing(besides: settled)
    defer { tally.flush() }
    let unreadable = Mutex<[Unreadable]>([])
    let fresh = try await workers.map(todo.count) {
      (number, workspace) throws(TransferError) -> Receipt? in
      let index = todo[number]
      if stop.isRaised { throw .cancelled }
      let parent = ground.area.staged(plan.files[index].destination.parent)
      let directory = try onDestination(index) { () throws(SystemError) in
        try ground.directories.directory(parent)
      }
      let receipt: Receipt
      do throws(TransferError) {
        receipt = try copy.stage(index, in: directory, workspace).replacing(replaced[index])
      } catch {
        // A person who has to fetch frames again wants to hear of all of them.
        guard case .unreadable(let files) = error else { throw error }
        unreadable.withLock { $0 += files }
        return nil
      }
      tally.add(receipt)
      return receipt
    }
    let failed = unreadable.withLock { $0.sorted { $0.index < $1.index } }
    if !failed.isEmpty { throw .unreadable(failed) }
    if plan.isDurable {
      try await filing.perform { _ throws(TransferError) in try syncDirectories(ground.area) }
    }
    return (kept + fresh.compactMap { $0 }).sorted { $0.index < $1.index }
  }

  private func conflicts(_ plan: TransferPlan, _ standing: [Int: Surveyed]) -> [Conflict] {
    standing.compactMap { (index, found) in
      guard case .taken(let reason) = found.standing else { return nil }
      return Conflict(index: index, destination: plan.files[index].destination, reason: reason)
    }.sorted { $0.index < $1.index }
  }

  /// The files that may be taken from their names.
  private func replaceable(_ plan: TransferPlan, _ standing: [Int: Surveyed]) -> [Int: Snapshot] {
    guard plan.conflict == .replace else { return [:] }
    return standing.compactMapValues {
      $0.standing == .taken(.different) && $0.status.kind == .file ? $0.status.snapshot : nil
    }
  }

  func syncDirectories(_ area: StagingArea) throws(TransferError) {
    try onDestination(nil) { () throws(SystemError) in
      try faults.check(.syncDirectory, area.base)
      guard let tree = area.tree else { return }
      for path in try StagedTree(tree).directories { try tree.openDirectory(path).sync() }
      try tree.sync()
      try area.directory.sync()
      try area.baseDirectory.openDirectory(.root).sync()
    }
  }
}

/// Staging made ready: the directories stand, and nothing lies in them but what valid receipts name.
private struct Ground: Sendable {
  let plan: TransferPlan
  let roots: Roots
  let area: StagingArea
  let bootID: String
  let directories: StagedDirectories
  let kept: [Receipt]

  init(_ plan: TransferPlan, _ earlier: [Receipt], excluding standing: [Int: Transfer.Surveyed])
    throws(TransferError)
  {
    self.plan = plan
    roots = try Roots(plan)
    let area = try StagingArea.findOrCreate(plan, in: roots.destination)
    self.area = area
    guard let tree = area.tree else { preconditionFailure("made with its tree") }
    bootID = try onDestination(nil) { () throws(SystemError) in try currentBootID() }
    var kept: [RelativePath: Receipt] = [:]
    for receipt in earlier where standing[receipt.index] == nil {
      guard plan.files.indices.contains(receipt.index), receipt.method != .present else { continue }
      let path = area.staged(plan.files[receipt.index].destination)
      if try Self.holds(receipt, plan, roots, tree, path, bootID) { kept[path] = receipt }
    }
    let found = try onDestination(nil) { () throws(SystemError) in try StagedTree(tree) }
    // From here on, what lies there may be what was taken from a final name.
    let hasTaken = try onDestination(nil) { () throws(SystemError) in try area.old() != nil }
    for path in found.files where kept[path] == nil && !hasTaken {
      try onDestination(nil) { () throws(SystemError) in try tree.unlink(path) }
    }
    if !hasTaken { try plan.probeFolding(in: tree) }
    self.kept = kept.values.sorted { $0.index < $1.index }
    let todo = plan.files.indices.filter { standing[$0] == nil }
    let parents = Set(todo.map { area.staged(plan.files[$0].destination.parent) })
    directories = try onDestination(nil) { () throws(SystemError) in
      try StagedDirectories(parents, in: tree)
    }
    // A directory that the plan does not know would be published with the others.
    for path in found.directories.reversed()
    where !hasTaken && !parents.contains(where: { $0.isAtOrBelow(path) }) {
      try onDestination(nil) { () throws(SystemError) in try tree.removeDirectory(path) }
    }
  }

  /// Whether what `receipt` tells of still lies there, and its source is still what was staged.
  private static func holds(
    _ receipt: Receipt, _ plan: TransferPlan, _ roots: Roots, _ tree: Descriptor,
    _ path: RelativePath, _ bootID: String
  ) throws(TransferError) -> Bool {
    guard receipt.durable || receipt.bootID == bootID, receipt.mount == roots.mount else {
      return false
    }
    let staged = try onDestination(receipt.index) { () throws(SystemError) in
      try statusIfAny(tree, path)
    }
    guard let staged, receipt.names(staged) else { return false }
    let source = try onSource(receipt.index) { () throws(SystemError) in
      try roots.source.status(plan.files[receipt.index].source)
    }
    return receipt.method == .link
      ? source.snapshot.isSameContent(as: receipt.source) : source.snapshot == receipt.source
  }

  func missing(besides standing: [Int: Transfer.Surveyed]) -> [Int] {
    let have = Set(kept.map(\.index))
    return plan.files.indices.filter { standing[$0] == nil && !have.contains($0) }
  }

  func receipt(_ index: Int, present found: Transfer.Surveyed) -> Receipt? {
    guard case .identical(let digest) = found.standing else { return nil }
    return Receipt(
      index: index, digest: digest, inode: found.status.snapshot.inode,
      birth: found.status.snapshot.birth, source: found.source,
      bytes: found.status.snapshot.size, bootID: bootID, mount: roots.mount, durable: true,
      method: .present)
  }
}

/// Counts what is done, and hands receipts on in handfuls: a journal row for each 8 KB frame would cost more than the
/// frame.
private final class Tally: Sendable {
  private struct State {
    var bytes = 0
    var files = 0
    var receipts: [Receipt] = []
    var bytesHeld = 0
  }
  private let state = Mutex(State())
  private let progress: @Sendable (Int, Int) -> Void
  private let whole: @Sendable (Int) -> Void
  private let deliver: @Sendable ([Receipt]) -> Void

  init(
    progress: @escaping @Sendable (Int, Int) -> Void, whole: @escaping @Sendable (Int) -> Void,
    receipts: @escaping @Sendable ([Receipt]) -> Void
  ) {
    self.progress = progress
    self.whole = whole
    deliver = receipts
  }

  func add(kept: [Receipt]) {
    // A symlink stands for all its source's bytes.
    let total = kept.reduce(0) { $0 + $1.source.size }
    state.withLock {
      $0.files += kept.count
      $0.bytes += total
    }
    for receipt in kept { whole(receipt.index) }
    progress(total, kept.count)
    if !kept.isEmpty { deliver(kept) }
  }

  func add(bytes: Int) {
    let (bytes, files) = state.withLock { state in
      state.bytes += bytes
      return (state.bytes, state.files)
    }
    progress(bytes, files)
  }

  func add(_ receipt: Receipt) {
    let (bytes, files, full) = state.withLock { state in
      state.files += 1
      state.receipts.append(receipt)
      state.bytesHeld += receipt.bytes
      // Losing these in a crash costs at most this much to copy again; each handful is a sync of a busy disk, which a
      // cancel may have to wait for.
      let full = state.receipts.count >= 256 || state.bytesHeld >= 256 << 20
      return (state.bytes, state.files, full)
    }
    whole(receipt.index)
    progress(bytes, files)
    if full { flush() }
  }

  func flush() {
    let ready = state.withLock { state in
      let ready = state.receipts
      state.receipts = []
      state.bytesHeld = 0
      return ready
    }
    if !ready.isEmpty { deliver(ready) }
  }
}
