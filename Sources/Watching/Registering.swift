import Files
import Paths

/// What came of watching a directory at the place where the tree has it.
enum Registration {
  case ready(OpenDirectory, State)
  /// Nothing is there, or what the tree has at another place: an event to come tells.
  case gone
  /// Told as an event; there is nothing to list.
  case refused

  enum State {
    /// It is watched now, or could not be because of the limit.
    case new
    /// It was watched already.
    case same
    /// Another directory stands here than the tree had; what was known below it is forgotten.
    case replaced
  }
}

extension Loop {
  /// Opens a directory, watches what was opened, and makes the tree agree with the kernel about which directory it is.
  ///
  /// The watch stands before anything is listed, and both go by the one descriptor, so that what comes into the directory
  /// is in the listing, in the events or in both.
  ///
  /// - Parameter isLate: the grace for events to come is over: what the kernel says holds.
  func register(_ node: NodeID, isLate: Bool = false) -> Registration {
    guard let (root, path) = location(node) else { return .gone }
    do throws(SystemError) {
      guard let directory = try openForListing(node, root) else { return .gone }
      do throws(SystemError) {
        if let limit = root.owner.watchLimit, root.owner.watchCount.current >= limit,
          tree[node].watch == Tree.none
        {
          throw SystemError("inotify_add_watch", ".", errno: .noMoreWatches)
        }
        var watch = try notifier.watch(directory, isRoot: path.isRoot)
        if let other = tree.node(watch: watch), other != node {
          switch whereabouts(of: other, directory) {
          case .unsure: return .gone
          // Renamed to here, which an event to come tells; else events were lost.
          case .gone where !isLate: return .gone
          case .there(let elsewhere):
            forget(node)
            return refuse(.duplicate(root.place(path), of: elsewhere), root)
          case .gone: takeAway(other)
          }
          watch = try notifier.watch(directory, isRoot: path.isRoot)
        }
        let state = settle(node, watch, root.owner)
        return .ready(directory, state)
      } catch  where error.errno == .noMoreWatches {
        limitReached(root)
        return .ready(directory, .new)
      }
    } catch {
      return refuse(.unreadable(root.place(path), error.at(root, path)), root)
    }
  }

  /// - Returns: nil if the directory, or one above it, is not (any more) where the tree has it.
  private func openForListing(_ node: NodeID, _ root: Root) throws(SystemError) -> OpenDirectory? {
    guard let parent = tree.parent(of: node) else {
      return try root.directory().reopened()
    }
    switch opened(parent) {
    case .elsewhere: return nil
    case .failed(let error): throw error
    case .open(let directory):
      do throws(SystemError) {
        return try directory.open(tree[node].name, for: .listing)
      } catch  where error.errno.meansElsewhere {
        return nil
      }
    }
  }

  /// Looks whether there is a directory of this name, of which we know nothing sure; if so, tells all of it.
  func look(_ name: FileName, in parent: NodeID) {
    guard case .open(let directory) = opened(parent) else {
      // The walk waits until we know where it is, or tells why it cannot be read.
      return rescan(parent, .replaced)
    }
    guard directory.kind(of: name) == .directory else { return }
    rescan(tree.child(name, of: parent) ?? tree.add(name, under: parent, seen: listed), .replaced)
  }

  /// Looks whether there is a directory of which the tree does not know.
  func look(at entry: Entry) {
    if tree.isAlive(entry.parent), tree.child(entry.name, of: entry.parent) == nil {
      look(entry.name, in: entry.parent)
    }
  }

  private func refuse(_ event: WatchEvent, _ root: Root) -> Registration {
    emit(event, root.owner)
    return .refused
  }

  private func settle(_ node: NodeID, _ watch: Int32, _ owner: Owner) -> Registration.State {
    let known = tree[node].watch
    if known == watch { return .same }
    if known != Tree.none {
      descriptors.removeAll()
      notifier.unwatch(known)
      owner.watchCount.add(-1)
      for child in tree.children(of: node) { forget(child) }
    }
    tree.setWatch(watch, of: node)
    owner.watchCount.add(1)
    return known == Tree.none ? .new : .replaced
  }

  enum Whereabouts {
    /// Where the tree has it: one directory at two places.
    case there(Place)
    case gone
    /// A rename is under way, or a directory above it is not where the tree has it.
    case unsure
  }

  /// Whether a known directory, open as `directory` from another place, is still where the tree has it.
  func whereabouts(of node: NodeID, _ directory: OpenDirectory) -> Whereabouts {
    guard let (root, path) = location(node) else { return .unsure }
    do throws(SystemError) {
      guard let there = try openForListing(node, root) else {
        guard let parent = tree.parent(of: node), case .open = opened(parent) else {
          return .unsure
        }
        return .gone
      }
      return try there.identity() == directory.identity() ? .there(root.place(path)) : .gone
    } catch { return .unsure }
  }

  /// A directory turned up at another place than the tree has it, and no event told. Forgets it there: the new place is
  /// listed afresh.
  func takeAway(_ node: NodeID) {
    if let root = roots[node.index], root.node == node {
      emit(.directoryMoved(from: root.place(.root), to: nil), root.owner)
      drop(root)
      return
    }
    let (parent, name) = (tree.parent(of: node), tree[node].name)
    forget(node)
    if let parent { look(name, in: parent) }
  }

  private func limitReached(_ root: Root) {
    guard !root.isLimited else { return }
    root.isLimited = true
    rescan(root.node, .watchLimit(.watches(used: tree.watchCount)))
  }
}
