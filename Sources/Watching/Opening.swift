import Files
import Paths

/// What came of opening a directory where the tree has it.
enum Opened {
  case open(OpenDirectory)
  /// Another directory is there, or none: the tree is behind, and events to come tell.
  case elsewhere
  case failed(SystemError)
}

/// Directories opened lately, each proven to be its node's.
struct OpenDirectories {
  private var byNode: [NodeID: OpenDirectory] = [:]
  private var order = Fifo<NodeID>()
  /// Enough for the directories above those being walked, and few against 64 descriptors.
  private static let limit = 16

  subscript(_ node: NodeID) -> OpenDirectory? { byNode[node] }

  mutating func insert(_ directory: OpenDirectory, _ node: NodeID) {
    if byNode.updateValue(directory, forKey: node) != nil { return }
    order.append(node)
    if byNode.count > Self.limit, let oldest = order.popFirst() { byNode[oldest] = nil }
  }

  mutating func removeAll() {
    if byNode.isEmpty { return }
    byNode = [:]
    order = Fifo()
  }
}

extension Loop {
  /// Opens a watched directory and proves that it is the one that is watched.
  ///
  /// Opening by path alone would not do: while events are unread, another directory may stand at the path, and what is found
  /// in that one would be told and watched under a wrong name.
  func opened(_ node: NodeID) -> Opened {
    if let cached = descriptors[node] { return .open(cached) }
    var missing = [node]
    var above: OpenDirectory?
    while above == nil, let parent = tree.parent(of: missing[missing.count - 1]) {
      above = descriptors[parent]
      if above == nil { missing.append(parent) }
    }
    do throws(SystemError) {
      if above == nil {
        guard let root = roots[missing.removeLast().index] else { return .elsewhere }
        above = try root.directory()
      }
      guard var directory = above else { return .elsewhere }
      while let next = missing.popLast() {
        directory = try directory.open(tree[next].name, for: .passing)
        guard try isWatched(directory, as: next) else { return .elsewhere }
        descriptors.insert(directory, next)
      }
      return .open(directory)
    } catch {
      return error.errno.meansElsewhere ? .elsewhere : .failed(error)
    }
  }

  private func isWatched(_ directory: OpenDirectory, as node: NodeID) throws(SystemError) -> Bool {
    let known = tree[node].watch
    if known == Tree.none {
      // Beyond the limit there is nothing to compare.
      return location(node)?.root.isLimited == true
    }
    let watch = try notifier.watch(directory, isRoot: false)
    if watch != known, tree.node(watch: watch) == nil { notifier.unwatch(watch) }
    return watch == known
  }
}

extension Errno {
  /// What opening a directory gives when a rename or a removal was quicker.
  var meansElsewhere: Bool {
    [.notFound, .notADirectory, .symlink, .tryAgain].contains(self)
  }
}

extension SystemError {
  /// The same, naming the place by its whole path.
  func at(_ root: Root, _ path: RelativePath) -> SystemError {
    let top = shown(Array(root.path.utf8))
    return SystemError(call, path.isRoot ? top : "\(top)/\(path)", errno: errno)
  }
}
