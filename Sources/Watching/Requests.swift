import Files
import Paths

/// What a `Watcher` asks of the thread.
extension Loop {
  func watch(_ id: Int, _ number: Int, _ path: String, _ expected: MountIdentity?)
    -> Result<Void, WatchError>
  {
    guard let owner = owners[id] else { return .success(()) }
    if let old = owner.roots[number] { drop(old) }
    do throws(SystemError) {
      let opened = try OpenDirectory.root(at: path)
      if let expected, try opened.mountIdentity() != expected {
        throw SystemError("open", path, errno: .stale)
      }
      var watch = try notifier.watch(opened, isRoot: true)
      if let other = tree.node(watch: watch) {
        if case .there(let place) = whereabouts(of: other, opened) {
          return .failure(.watchedAlready(path, place))
        }
        // Renamed to here, and no event of it read yet.
        if let move = moves.move(of: tree.top(of: other)), let move = moves.take(move.cookie) {
          leftTheTree(move)
        } else {
          takeAway(other)
        }
        watch = try notifier.watch(opened, isRoot: true)
      }
      let node = tree.addRoot()
      let root = try Root(owner: owner, number: number, path: path, node: node, opened: opened)
      tree.setWatch(watch, of: node)
      owner.watchCount.add(1)
      owner.roots[number] = root
      roots[node.index] = root
      begin(.first, node, root)
      places.watch(roots.values.map(\.path))
      return .success(())
    } catch {
      return .failure(
        error.call == "inotify_add_watch" && error.errno == .noMoreWatches
          ? .limit(.watches(used: tree.watchCount))
          : .system(SystemError(error.call, shown(Array(path.utf8)), errno: error.errno)))
    }
  }

  func rescan(_ id: Int, _ place: Place) {
    guard let root = owners[id]?.roots[place.root] else { return }
    var node = root.node
    for name in place.path.components {
      guard let child = tree.child(name, of: node) else {
        // Not known (any more): an unmounted place, perhaps back by now.
        emit(.directoryRemoved(place), root.owner)
        return look(name, in: node)
      }
      node = child
    }
    rescan(node, .asked)
  }

  func stop(_ id: Int) {
    guard let owner = owners.removeValue(forKey: id) else { return }
    for root in owner.roots.values { drop(root) }
    for cookie in moves.cookies(of: owner) {
      guard let move = moves.take(cookie) else { continue }
      if let node = move.node, tree.isAlive(node) { tree.remove(node, each: notifier.unwatch) }
    }
    for barrier in barriers where barrier.owner === owner { barrier.pass() }
    barriers.removeAll { $0.owner === owner }
  }
}
