import Files
import Paths

/// Everything that lies in one staging tree, whoever put it there.
struct StagedTree {
  /// Beneath `tree/`; no directories.
  var files: [RelativePath] = []
  /// Beneath `tree/`, each before what it holds; without the tree itself.
  var directories: [RelativePath] = []

  init() {}

  init(_ tree: Descriptor) throws(SystemError) {
    var pending = [RelativePath.root]
    while let directory = pending.popLast() {
      let opened = directory.isRoot ? tree : try tree.openDirectory(directory)
      try opened.forEachEntry { (name, kind) throws(SystemError) in
        let path = directory.appending(name)
        let known = kind == .unknown ? try tree.status(path).kind : kind
        if known == .directory {
          directories.append(path)
          pending.append(path)
        } else {
          files.append(path)
        }
      }
    }
  }
}

/// The directories of one staging tree, opened once each as far as a bound allows.
struct StagedDirectories: Sendable {
  /// Kept open; the others are opened for each file, so that a wide delivery does not exhaust the descriptors.
  private static let kept = affordableDescriptors(most: 16)

  private let tree: Descriptor
  private let opened: [RelativePath: Descriptor]

  /// Makes what is missing of `directories`, which are paths beneath `tree/`.
  init(_ directories: Set<RelativePath>, in tree: Descriptor) throws(SystemError) {
    self.tree = tree
    var made: Set<RelativePath> = [.root]
    var opened: [RelativePath: Descriptor] = [.root: tree]
    for directory in directories {
      var path = RelativePath.root
      for name in directory.components {
        path = path.appending(name)
        guard made.insert(path).inserted else { continue }
        do throws(SystemError) {
          try tree.makeDirectory(path)
        } catch  where error.errno == .exists {
          // From an earlier staging of this job.
        }
      }
      if opened.count < Self.kept { opened[directory] = try tree.openDirectory(directory) }
    }
    self.opened = opened
  }

  func directory(_ path: RelativePath) throws(SystemError) -> Descriptor {
    if let directory = opened[path] { return directory }
    return try tree.openDirectory(path)
  }
}
