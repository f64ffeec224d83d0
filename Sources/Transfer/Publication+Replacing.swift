import Files
import Paths

/// `conflict: replace`: what comes out of a final name is looked at only behind the exchange, where nobody can change it
/// for something else any more; what the receipt does not name goes back.
extension Publication {
  /// Puts the staged file in the place of the one that its receipt names.
  ///
  /// - Returns: false if the final name is free now, so that the staged file has only to take it.
  mutating func replaceFile(
    _ index: Int, _ name: RelativePath, from: Descriptor, at target: Descriptor
  ) throws(TransferError) -> Bool {
    guard let receipt = receipts[index], let area else { return false }
    let destination = plan.files[index].destination
    let old = try onDestination(index) { () throws(SystemError) in try area.makeOld() }
    self.old = old
    do throws(SystemError) {
      try faults.check(.rename, destination)
      try from.rename(name, to: target, name, .exchange)
    } catch  where error.errno == .notFound {
      return false
    } catch  where error.isFlagRefused {
      return try takeAway(receipt, name, to: old, at: target)
    } catch {
      throw .destination(error, index)
    }
    let out = try onDestination(index) { () throws(SystemError) in
      try faults.check(.exchanged, destination)
      return try from.status(name)
    }
    if receipt.mayTake(out) {
      places[index] = .published
      isVisible = true
      return true
    }
    try exchangeBack(receipt, name, from: from, to: target, name)
    occupied(index, by: out)
    return true
  }

  /// Gives what came out of a final name its place again.
  private mutating func exchangeBack(
    _ receipt: Receipt, _ staged: RelativePath, from tree: Descriptor, to target: Descriptor,
    _ final: RelativePath
  ) throws(TransferError) {
    let destination = plan.files[receipt.index].destination
    try onDestination(receipt.index) { () throws(SystemError) in
      try faults.check(.rename, destination)
      try tree.rename(staged, to: target, final, .exchange)
      if try receipt.names(tree.status(staged)) { return }
      // Somebody saved over ours meanwhile: theirs is the newest, and what they would have saved over stays in staging.
      // A kill between these two calls leaves theirs in staging too, where it is kept and the conflict tells of it.
      holdsForeign = true
      try tree.rename(staged, to: target, final, .exchange)
    }
  }

  /// Without EXCHANGE: renames the old file into `old/`, which takes whatever has the name and loses nothing, unlike a
  /// rename onto it. Until the staged file has been linked, a moment later, the name is missing.
  ///
  /// - Returns: false if the final name is free now.
  private mutating func takeAway(
    _ receipt: Receipt, _ name: RelativePath, to old: Descriptor, at target: Descriptor
  ) throws(TransferError) -> Bool {
    let index = receipt.index
    let destination = plan.files[index].destination
    let away = StagingArea.oldName(index)
    let out = try onDestination(index) { () throws(SystemError) -> Status? in
      // Only we have a way in there, so nothing is replaced after this look.
      guard try statusIfAny(old, away) == nil else {
        throw SystemError("renameat2", old.shownPath(away), errno: .exists)
      }
      do throws(SystemError) {
        try target.rename(name, to: old, away, .plain)
      } catch  where error.errno == .notFound {
        return nil
      }
      try faults.check(.exchanged, destination)
      return try old.status(away)
    }
    guard let out else { return false }
    if receipt.mayTake(out) {
      isVisible = true
      return false
    }
    try putBack(away, from: old, to: target, name, index)
    occupied(index, by: out)
    return true
  }

  /// Gives what was taken its name again, unless something newer has it: then it stays in `old/`.
  private mutating func putBack(
    _ away: RelativePath, from old: Descriptor, to target: Descriptor, _ path: RelativePath,
    _ index: Int
  ) throws(TransferError) {
    do throws(SystemError) {
      try giveBack(away, from: old, to: target, path, plan.files[index].destination)
    } catch  where error.errno == .exists {
      isVisible = true
    } catch {
      throw .destination(error, index)
    }
  }

  /// - Throws: EEXIST if something has the name.
  private func giveBack(
    _ away: RelativePath, from old: Descriptor, to target: Descriptor, _ path: RelativePath,
    _ destination: RelativePath
  ) throws(SystemError) {
    do throws(SystemError) {
      try faults.check(.rename, destination)
      return try old.rename(away, to: target, path, .noReplace)
    } catch  where error.isFlagRefused {
      // Below.
    }
    do throws(SystemError) {
      try faults.check(.link, destination)
      try old.link(away, to: target, path)
      return try old.unlink(away)
    } catch  where [.notPermitted, .unsupported, .noSystemCall].contains(error.errno) {
      // A directory, or a file system that has no hard links either.
    }
    guard try statusIfAny(target, path) == nil else {
      throw SystemError("renameat2", target.shownPath(path), errno: .exists)
    }
    try old.rename(away, to: target, path, .plain)
  }

  /// While publishing pauses because of an error, the old file shall have its name.
  func restoreTaken(_ index: Int, _ name: RelativePath, at target: Descriptor) {
    guard let old else { return }
    let away = StagingArea.oldName(index)
    // What does not go back now is found in `old/` by the next run.
    guard (try? statusIfAny(old, away)) != nil else { return }
    try? giveBack(away, from: old, to: target, name, plan.files[index].destination)
  }

  /// Ends what a crash cut off between taking something from a final name and looking at it.
  ///
  /// - Returns: whether something foreign was found, and so a conflict noted.
  mutating func putBackForeign(_ receipt: Receipt, final: Status?, staged: Status?)
    throws(TransferError) -> Bool
  {
    guard receipt.replaces != nil, let old, let area, let tree = area.tree else { return false }
    let index = receipt.index
    let destination = plan.files[index].destination
    if let final, receipt.names(final), let staged, !receipt.names(staged),
      !receipt.knowsAsOld(staged)
    {
      try exchangeBack(
        receipt, area.staged(destination), from: tree, to: root, destination)
      occupied(index, by: staged)
      return true
    }
    if let staged, !receipt.names(staged), receipt.knowsAsOld(staged) { taken.insert(index) }
    let away = StagingArea.oldName(index)
    let out = try onDestination(index) { () throws(SystemError) in try statusIfAny(old, away) }
    guard let out else { return false }
    if receipt.knowsAsOld(out) {
      taken.insert(index)
      return false
    }
    if let final {
      if final.kind == out.kind, final.snapshot.inode == out.snapshot.inode {
        // Linked back, and cut off there.
        try onDestination(index) { () throws(SystemError) in try old.unlink(away) }
      } else {
        holdsForeign = true
      }
      return false
    }
    try putBack(away, from: old, to: root, destination, index)
    occupied(index, by: out)
    return true
  }

  /// Gives everything that was taken its name again, where nothing of ours is visible and nothing is to be published.
  ///
  /// - Returns: false where something newer has such a name.
  mutating func restoreTaken() throws(TransferError) -> Bool {
    guard let old, let area, let tree = area.tree else { return taken.isEmpty }
    for index in taken.sorted() {
      let destination = plan.files[index].destination
      let away = StagingArea.oldName(index)
      let isBack = try onDestination(index) { () throws(SystemError) in
        do throws(SystemError) {
          if try statusIfAny(old, away) != nil {
            try giveBack(away, from: old, to: root, destination, destination)
          } else {
            try giveBack(
              area.staged(destination), from: tree, to: root, destination, destination)
          }
          return true
        } catch  where error.errno == .exists {
          return false
        }
      }
      if !isBack { return false }
    }
    taken = []
    return true
  }

  /// Once everything that was taken is back, staging holds ours alone again and may be discarded as before the commit.
  func closeOld() {
    if holdsForeign || old == nil { return }
    // Not while something lies in it.
    try? area?.directory.removeDirectory(StagingArea.oldName)
  }

  /// Makes durable that the old files lie in staging, before it is made durable that their names are ours.
  func syncTaken() throws(TransferError) {
    guard let old, let area, let tree = area.tree else { return }
    let taken = receipts.values.filter { $0.replaces != nil && places[$0.index] == .published }
    let parents = Set(taken.map { area.staged(plan.files[$0.index].destination.parent) })
    try onDestination(nil) { () throws(SystemError) in
      try old.sync()
      for path in parents.sorted() {
        try faults.check(.syncDirectory, path)
        do throws(SystemError) {
          try (path.isRoot ? tree : try tree.openDirectory(path)).sync()
        } catch  where error.errno == .notFound {
          // Discarded already, at least in part.
        }
      }
    }
  }
}
