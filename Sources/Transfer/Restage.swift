import Files
import Paths

/// What staging lost files again came to.
public struct Restaged: Sendable {
  /// Of those that are staged now.
  public let receipts: [Receipt]
  /// Why the first of the others could not be: its source is not what it was.
  public let failure: TransferError?
}

extension Transfer {
  /// Stages files of a committed delivery again that are neither staged nor published any more. The others stay what
  /// they are, whatever has become of their sources.
  ///
  /// - Parameter lost: what was staged of them before.
  /// - Throws: `.cancelled`, and what may pass. A source that is not what it was stops none of the others, and is returned.
  public func restage(
    _ plan: TransferPlan, _ lost: [Receipt], stop: StopFlag = StopFlag()
  ) async throws(TransferError) -> Restaged {
    let (roots, area, directories, bootID) = try await filing.perform { _ throws(TransferError) in
      let roots = try Roots(plan)
      let area = try StagingArea.findOrCreate(plan, in: roots.destination)
      return try onDestination(nil) { () throws(SystemError) in
        guard let tree = area.tree else { preconditionFailure("made with its tree") }
        let old = try area.old()
        var parents: Set<RelativePath> = []
        for receipt in lost {
          let path = area.staged(plan.files[receipt.index].destination)
          parents.insert(path.parent)
          guard let there = try statusIfAny(tree, path) else { continue }
          if let old {
            // An old file lies under the staged name after the exchange. What else lies there may be somebody's, and is in
            // the way.
            if receipt.knowsAsOld(there), !receipt.names(there) {
              try tree.rename(path, to: old, StagingArea.oldName(receipt.index), .plain)
            }
          } else {
            try tree.unlink(path)
          }
        }
        return (roots, area, try StagedDirectories(parents, in: tree), try currentBootID())
      }
    }
    let copy = FileCopy(
      plan: plan, roots: roots, bootID: bootID, stop: stop, faults: faults,
      progress: { _ in }, granted: FileCopy.Granted())
    let results = try await workers.map(lost.count) {
      (number, workspace) throws(TransferError) -> Result<Receipt, TransferError> in
      if stop.isRaised { throw .cancelled }
      let index = lost[number].index
      let parent = area.staged(plan.files[index].destination.parent)
      let directory = try onDestination(index) { () throws(SystemError) -> Descriptor? in
        if try isHeld(lost[number], of: plan, in: roots.destination) { return nil }
        return try directories.directory(parent)
      }
      guard let directory else {
        let path = plan.files[index].destination
        return .failure(
          .conflict([Conflict(index: index, destination: path, reason: .written)]))
      }
      do throws(TransferError) {
        return .success(
          try copy.stage(index, in: directory, workspace).replacing(lost[number].replaces))
      } catch {
        guard error.isOfTheSource else { throw error }
        return .failure(error)
      }
    }
    if plan.isDurable {
      try await filing.perform { _ throws(TransferError) in try syncDirectories(area) }
    }
    return Restaged(
      receipts: results.compactMap { try? $0.get() },
      failure: results.lazy.compactMap { if case .failure(let error) = $0 { error } else { nil } }
        .first)
  }

  /// Whether the published file holds its name still, not as ours: ``recheck(_:_:)`` unlinks what nobody wrote to.
  private func isHeld(_ receipt: Receipt, of plan: TransferPlan, in root: Descriptor)
    throws(SystemError) -> Bool
  {
    guard receipt.method == .copy || receipt.method == .clone else { return false }
    return try statusIfAny(root, plan.files[receipt.index].destination).map(receipt.isOurs) ?? false
  }
}
