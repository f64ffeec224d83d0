import CLinux
import Files
import Glibc
import Paths

let placeFlags = hp_o_path | O_DIRECTORY

extension Publication {
  /// Moves a whole staged directory under its final name.
  ///
  /// - Returns: false if something has the name already: go on below it.
  func rename(directory: RelativePath, _ area: StagingArea, _ tree: Descriptor)
    throws(TransferError) -> Bool
  {
    let staged = area.staged(directory)
    return try onDestination(nil) { () throws(SystemError) in
      do throws(SystemError) {
        try faults.check(.rename, directory)
        try tree.rename(staged, to: root, directory, .noReplace)
        return true
      } catch
        where [.exists, .notEmpty, .symlink, .notADirectory].contains(error.errno)
      {
        // Taken, or no directory on the way there any more: the files say which.
        return false
      } catch  where error.isFlagRefused {
        return try renamePlainly(directory, staged, tree)
      }
    }
  }

  /// Without NOREPLACE: a plain rename of a directory replaces at most an empty directory.
  private func renamePlainly(_ directory: RelativePath, _ staged: RelativePath, _ tree: Descriptor)
    throws(SystemError) -> Bool
  {
    guard try statusIfAny(root, directory) == nil else { return false }
    do throws(SystemError) {
      try tree.rename(staged, to: root, directory, .plain)
      return true
    } catch
      where error.errno == .exists || error.errno == .notEmpty || error.errno == .notADirectory
    {
      return false
    }
  }

  /// Moves one staged file under its final name, or throws EEXIST.
  func moveFile(
    _ name: RelativePath, _ destination: RelativePath, from: Descriptor, to target: Descriptor
  ) throws(SystemError) {
    do throws(SystemError) {
      try faults.check(.rename, destination)
      try from.rename(name, to: target, name, .noReplace)
    } catch  where error.isFlagRefused {
      // A link never replaces either. A crash between the two leaves both names, which is "published".
      try faults.check(.link, destination)
      try from.link(name, to: target, name)
      try from.unlink(name)
    }
  }

  /// Every directory between staging's parent and the files: which of them an earlier, cut off run had renamed, and
  /// whether it had synced them, nobody knows any more.
  func syncDirectories() throws(TransferError) {
    var paths: Set<RelativePath> = []
    for (index, place) in places where place == .published {
      if receipts[index]?.method == .present { continue }
      var path = plan.files[index].destination.parent
      while paths.insert(path).inserted, path != area?.base, !path.isRoot { path = path.parent }
    }
    try syncTaken()
    for path in paths.sorted() {
      try onDestination(nil) { () throws(SystemError) in
        try faults.check(.syncDirectory, path)
        try (path.isRoot ? root : try root.openDirectory(path)).sync()
      }
    }
  }
}

extension SystemError {
  /// A file system without the flags of renameat2(2): NFS, some FUSE.
  var isFlagRefused: Bool { errno == .invalid || errno == .noSystemCall || errno == .unsupported }
}

/// The directories of a plan's destinations, and what lies in each.
struct DirectoryPlan {
  private(set) var children: [RelativePath: [RelativePath]] = [:]
  private(set) var files: [RelativePath: [Int]] = [:]

  init(_ plan: TransferPlan) {
    var known: Set<RelativePath> = [.root]
    for index in plan.files.indices {
      var path = plan.files[index].destination.parent
      files[path, default: []].append(index)
      while known.insert(path).inserted {
        children[path.parent, default: []].append(path)
        path = path.parent
      }
    }
    for path in children.keys { children[path]!.sort() }
  }

  /// The files of a directory and of all below it.
  func filesBelow(_ directory: RelativePath) -> [Int] {
    (children[directory] ?? []).reduce(into: files[directory] ?? []) {
      $0 += filesBelow($1)
    }
  }
}
