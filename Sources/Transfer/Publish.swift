import Files
import Paths

extension Transfer {
  /// Gives everything staged its final names; call it again after any error or crash.
  ///
  /// What is missing of the directories appears with one rename each, whole; what exists fills file by file. A name
  /// that is taken is never replaced, but by `conflict: replace` if it holds the very file that the receipt names:
  /// that file changes places with ours and is kept in staging. Each file is taken for what it is by where its inode lies: published, still
  /// staged, kept out by something foreign, or gone. At the end every directory whose names changed is durable.
  ///
  /// - Parameter lost: what was staged of files that are known to be gone, and not in `receipts`.
  /// - Throws: `.io`, `.destinationFull`, `.destinationReplaced` for what may pass; some names may be visible by then.
  public func publish(
    _ plan: TransferPlan, _ receipts: [Receipt], lost: [Receipt] = []
  ) async throws(TransferError) -> PublishOutcome {
    try await filing.perform { _ throws(TransferError) in
      let root = try openDestination(plan)
      let mount = try onDestination(nil) { () throws(SystemError) in try MountIdentity(of: root) }
      guard receipts.allSatisfy({ $0.mount == mount }) else {
        throw .destinationReplaced(plan.destinationRoot)
      }
      let area = try StagingArea.find(plan, in: root)
      var publication = Publication(plan, receipts, lost: lost, root, area, faults)
      return try publication.run()
    }
  }
}

/// Who is where, by index into the plan's files.
enum Whereabouts: Hashable {
  /// The final name is our inode.
  case published
  /// Staged, and nothing at the final name.
  case ready
  /// Staged, and the final name is the file that the receipt allows to take.
  case replacing
  /// Something else has the final name and keeps it.
  case skipped
}

/// One run of publishing.
struct Publication {
  let plan: TransferPlan
  let receipts: [Int: Receipt]
  let lost: [Int: Receipt]
  let root: Descriptor
  let area: StagingArea?
  let faults: FaultHook?
  let directories: DirectoryPlan
  var places: [Int: Whereabouts] = [:]
  var conflicts: [Conflict] = []
  /// Whether a name that this job made can be seen.
  var isVisible = false
  /// Stands once something may have been taken from a final name.
  var old: Descriptor?
  /// Files whose final names another file was taken from, to be replaced.
  var taken: Set<Int> = []
  /// Whether something foreign may still lie in staging.
  var holdsForeign = false

  init(
    _ plan: TransferPlan, _ receipts: [Receipt], lost: [Receipt], _ root: Descriptor,
    _ area: StagingArea?, _ faults: FaultHook?
  ) {
    self.plan = plan
    self.receipts = Dictionary(receipts.map { ($0.index, $0) }, uniquingKeysWith: { _, new in new })
    self.lost = Dictionary(lost.map { ($0.index, $0) }, uniquingKeysWith: { _, new in new })
    self.root = root
    self.area = area
    self.faults = faults
    directories = DirectoryPlan(plan)
  }

  mutating func run() throws(TransferError) -> PublishOutcome {
    old = try onDestination(nil) { () throws(SystemError) in try area?.old() }
    try lookAround()
    if !conflicts.isEmpty { return try obstructed() }
    // Without staging there is nothing left to rename, as after a crash behind the last one.
    if let area, let tree = area.tree { try publish(directory: area.base, area, tree) }
    if !conflicts.isEmpty { return try obstructed() }
    try syncDirectories()
    return .published(skipped: places.filter { $0.value == .skipped }.map(\.key).sorted())
  }

  private mutating func obstructed() throws(TransferError) -> PublishOutcome {
    if isVisible { return .blocked(conflicts) }
    if try !restoreTaken() { return .blocked(conflicts) }
    closeOld()
    return .held(conflicts)
  }

  /// Finds each file by its inode.
  private mutating func lookAround() throws(TransferError) {
    var finals = Places(root)
    var stagedOnes = area?.tree.map { Places($0) }
    for index in plan.files.indices {
      let destination = plan.files[index].destination
      let (final, staged) = try onDestination(index) { () throws(SystemError) in
        (try finals.look(destination), try stagedOnes?.look(area!.staged(destination)))
      }
      guard let receipt = receipts[index] else {
        if let receipt = lost[index] {
          _ = try putBackForeign(receipt, final: final, staged: staged)
          meet(index, .missing)
        } else if plan.conflict == .skip {
          // Nothing was staged of it, for something had its name then.
          places[index] = .skipped
        } else {
          meet(index, .missing)
        }
        continue
      }
      if try putBackForeign(receipt, final: final, staged: staged) { continue }
      if let final, receipt.isWhatBecame(final) {
        places[index] = .published
        if receipt.method != .present { isVisible = true }
      } else if let staged, receipt.names(staged) {
        if let final, !receipt.mayTake(final) {
          occupied(index, by: final)
        } else {
          places[index] = final == nil ? .ready : .replacing
        }
      } else {
        meet(index, .missing)
      }
    }
  }

  mutating func occupied(_ index: Int, by other: Status) {
    if plan.conflict == .skip {
      places[index] = .skipped
    } else {
      meet(index, other.kind == .file ? .different : .notAFile(other.kind))
    }
  }

  mutating func meet(_ index: Int, _ reason: Conflict.Reason) {
    conflicts.append(
      Conflict(index: index, destination: plan.files[index].destination, reason: reason))
  }

  /// Whether to go on after an obstacle: while nothing is visible, nothing shall become so.
  private var isHeld: Bool { !conflicts.isEmpty && !isVisible }

  private func isStaged(_ index: Int) -> Bool {
    places[index] == .ready || places[index] == .replacing
  }

  private mutating func publish(directory: RelativePath, _ area: StagingArea, _ tree: Descriptor)
    throws(TransferError)
  {
    for child in directories.children[directory] ?? [] {
      if isHeld { return }
      let files = directories.filesBelow(child)
      if !files.contains(where: isStaged) { continue }
      if files.allSatisfy({ places[$0] == .ready }) {
        if try rename(directory: child, area, tree) {
          isVisible = true
          for index in files { places[index] = .published }
          continue
        }
      }
      try publish(directory: child, area, tree)
    }
    try publishFiles(in: directory, area, tree)
  }

  private mutating func publishFiles(
    in directory: RelativePath, _ area: StagingArea, _ tree: Descriptor
  ) throws(TransferError) {
    let ready = (directories.files[directory] ?? []).filter(isStaged)
    if ready.isEmpty || isHeld { return }
    let target: Descriptor
    do throws(SystemError) {
      target = directory.isRoot ? root : try root.openPlace(directory)
    } catch {
      switch error.errno {
      case .notFound: for index in ready { meet(index, .noDirectory(nil)) }
      case .symlink: for index in ready { meet(index, .noDirectory(.symlink)) }
      case .notADirectory: for index in ready { meet(index, .noDirectory(.file)) }
      default: throw .destination(error, nil)
      }
      return
    }
    let from = try onDestination(nil) { () throws(SystemError) in
      try tree.open(area.staged(directory), placeFlags)
    }
    for index in ready {
      if isHeld { return }
      try publishFile(index, from: from, to: target)
    }
  }

  private mutating func publishFile(_ index: Int, from: Descriptor, to target: Descriptor)
    throws(TransferError)
  {
    let destination = plan.files[index].destination
    let name = RelativePath.root.appending(destination.name!)
    if places[index] == .replacing, try replaceFile(index, name, from: from, at: target) { return }
    do throws(SystemError) {
      try moveFile(name, destination, from: from, to: target)
      places[index] = .published
      isVisible = true
    } catch  where error.errno == .exists {
      let there = try onDestination(index) { () throws(SystemError) in
        try statusIfAny(target, name)
      }
      guard let there else { throw .destination(error, index) }
      occupied(index, by: there)
    } catch {
      restoreTaken(index, name, at: target)
      throw .destination(error, index)
    }
  }
}
