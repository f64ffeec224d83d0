import Files
import Paths

extension Transfer {
  /// The last look before a commit: the destination, opened afresh from its path, is the mount that was staged on, and
  /// everything staged is still there.
  ///
  /// - Throws: `.destinationMissing`, `.destinationReplaced`, `.stagingLost`; nothing was changed.
  public func confirm(_ plan: TransferPlan, _ receipts: [Receipt]) async throws(TransferError) {
    try await filing.perform { _ throws(TransferError) in
      let root = try openDestination(plan)
      let mount = try onDestination(nil) { () throws(SystemError) in try MountIdentity(of: root) }
      guard receipts.allSatisfy({ $0.mount == mount }) else {
        throw .destinationReplaced(plan.destinationRoot)
      }
      guard let area = try StagingArea.find(plan, in: root), let tree = area.tree else {
        throw .stagingLost(nil)
      }
      var places = Places(tree)
      for receipt in receipts {
        let destination = plan.files[receipt.index].destination
        let there = try onDestination(receipt.index) { () throws(SystemError) in
          receipt.method == .present
            ? try statusIfAny(root, destination) : try places.look(area.staged(destination))
        }
        guard let there, receipt.names(there) else { throw .stagingLost(receipt.index) }
      }
    }
  }
}

/// Looks at many names of few directories, opening the last directory once.
struct Places {
  private let root: Descriptor
  private var last: (path: RelativePath, directory: Descriptor?)?

  init(_ root: Descriptor) { self.root = root }

  /// - Returns: nil if nothing lies there, its directory does not exist or a symlink stands in the way.
  mutating func look(_ path: RelativePath) throws(SystemError) -> Status? {
    let parent = path.parent
    if last?.path != parent {
      do throws(SystemError) {
        last = (parent, parent.isRoot ? root : try root.openPlace(parent))
      } catch  where [.notFound, .notADirectory, .symlink].contains(error.errno) {
        last = (parent, nil)
      }
    }
    guard let directory = last?.directory, let name = path.name else { return nil }
    return try statusIfAny(directory, .root.appending(name))
  }
}
