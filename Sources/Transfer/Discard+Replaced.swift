import Files
import Paths

/// What a staging directory holds of the files that its job replaced.
struct Replacement: Sendable {
  private let root: Descriptor
  private let area: StagingArea
  private let tree: Descriptor
  private let plan: TransferPlan
  /// By path beneath `tree/`.
  private let receipts: [RelativePath: Receipt]
  private let staged: Set<RelativePath>

  init(
    _ plan: TransferPlan, _ receipts: [Receipt], _ root: Descriptor, _ area: StagingArea,
    _ tree: Descriptor
  ) {
    self.plan = plan
    self.root = root
    self.area = area
    self.tree = tree
    // Found where it is, staging may still not mirror a plan that is not its own.
    let inside = plan.files.indices.filter { plan.files[$0].destination.isAtOrBelow(area.base) }
    staged = Set(inside.map { area.staged(plan.files[$0].destination) })
    var byPath: [RelativePath: Receipt] = [:]
    for receipt in receipts {
      guard plan.files.indices.contains(receipt.index) else { continue }
      let destination = plan.files[receipt.index].destination
      if destination.isAtOrBelow(area.base) { byPath[area.staged(destination)] = receipt }
    }
    self.receipts = byPath
  }

  /// Whether this is what was taken from the final name of the file that was staged there.
  func isOld(_ status: Status, at staged: RelativePath) -> Bool {
    guard let receipt = receipts[staged] else { return false }
    return !receipt.names(status) && receipt.knowsAsOld(status)
  }

  /// What must stay, by where it lies beneath the destination root: whatever is neither our own nor the unchanged old
  /// file that a receipt names and whose name is ours now.
  func kept(_ contents: StagedTree, _ old: Descriptor, _ taken: [FileName]) throws(TransferError)
    -> [RelativePath]
  {
    let place = area.base.appending(area.name)
    var result: [RelativePath] = []
    // An empty directory under a file's name was taken from the final one.
    for path in contents.directories where staged.contains(path) {
      result.append(place.appending(StagingArea.treeName).appending(path))
    }
    for path in contents.files {
      let status = try onDestination(nil) { () throws(SystemError) in
        try statusIfAny(tree, path)
      }
      guard let status else { continue }
      if let receipt = receipts[path] {
        if receipt.names(status) { continue }
        if try isOver(receipt, status) { continue }
      }
      result.append(place.appending(StagingArea.treeName).appending(path))
    }
    let byName = Dictionary(
      receipts.values.map { (StagingArea.oldName($0.index).name!, $0) },
      uniquingKeysWith: { first, _ in first })
    for name in taken {
      let path = RelativePath.root.appending(name)
      let status = try onDestination(nil) { () throws(SystemError) in try statusIfAny(old, path) }
      guard let status else { continue }
      if let receipt = byName[name], try isOver(receipt, status) { continue }
      result.append(place.appending(StagingArea.oldName).appending(path))
    }
    return result
  }

  private func isOver(_ receipt: Receipt, _ old: Status) throws(TransferError) -> Bool {
    guard receipt.mayTake(old) else { return false }
    let path = plan.files[receipt.index].destination
    let final = try onDestination(receipt.index) { () throws(SystemError) in
      try statusIfAny(root, path)
    }
    return final.map(receipt.names) ?? false
  }
}
