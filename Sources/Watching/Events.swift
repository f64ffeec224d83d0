import CInotifyTools
import Files
import Paths

/// What the kernel's events mean for the tree.
///
/// They tell of the past: by the time one is read, a walk may have seen a later state. So an event that fits the tree as it
/// is changes nothing, one that does not makes us ask the kernel (`register`), and later events put right what is left.
extension Loop {
  func handle(_ event: RawEvent) {
    if event.has(IN_Q_OVERFLOW) {
      for owner in owners.values { overflowed(owner) }
      return
    }
    // Of a watch that was taken away meanwhile.
    guard let node = tree.node(watch: event.watch) else { return }
    if let owner = owner(of: node), owner.isDeaf { return }
    if event.has(IN_IGNORED) {
      owner(of: node)?.watchCount.add(-1)
      tree.clearWatch(of: node)
      return
    }
    if event.has(IN_UNMOUNT) {
      unmounted.append(node)
      return
    }
    guard let (root, path) = location(node) else {
      // Renamed away, nobody knows where to: if it turns up, we look again.
      tree.setDirty(tree.top(of: node))
      return
    }
    guard !event.name.isEmpty else {
      if node == root.node { handleRoot(root, event) }
      return
    }
    let entry = Entry(parent: node, name: FileName(event.name))
    let place = root.place(path.appending(entry.name))
    if event.has(IN_CREATE) || event.has(IN_MOVED_TO) { tookThePlace(entry) }
    if event.isDirectory {
      handleDirectory(entry, place, root, event)
    } else {
      handleFile(entry, place, root, event)
    }
  }

  private func handleRoot(_ root: Root, _ event: RawEvent) {
    if event.has(IN_DELETE_SELF) {
      emit(.directoryRemoved(root.place(.root)), root.owner)
      drop(root)
    } else if event.has(IN_MOVE_SELF) {
      emit(.directoryMoved(from: root.place(.root), to: nil), root.owner)
      drop(root)
    }
  }

  private func handleFile(_ entry: Entry, _ place: Place, _ root: Root, _ event: RawEvent) {
    if event.has(IN_DELETE) { emit(.fileRemoved(place), root.owner) }
    if event.has(IN_MOVED_FROM) { departed(entry, place, nil, root.owner, event) }
    if event.has(IN_CREATE) { emitNew(entry, place, .created, root.owner) }
    if event.has(IN_CLOSE_WRITE) { emit(.file(place, .closed), root.owner) }
    if event.has(IN_MOVED_TO) { fileArrived(entry, place, root.owner, event.cookie) }
    if !event.has(IN_DELETE | IN_MOVED_FROM) { toldAsNoDirectory(entry) }
  }

  /// A name was told as a file's where the tree has a directory: swapped with it, or seen by a walk before the event. Who is
  /// told believes the last word, so the directory must be told again when it is clear where it is.
  func toldAsNoDirectory(_ entry: Entry) {
    guard let directory = tree.child(entry.name, of: entry.parent) else { return }
    tree.setDirty(directory)
    rescan(directory, .replaced)
  }

  private func handleDirectory(_ entry: Entry, _ place: Place, _ root: Root, _ event: RawEvent) {
    let child = tree.child(entry.name, of: entry.parent)
    if event.has(IN_CREATE), child == nil {
      emit(.directoryAppeared(place), root.owner)
      begin(.appearance, tree.add(entry.name, under: entry.parent, seen: listed), root)
    }
    if event.has(IN_DELETE) {
      if let child { forget(child) }
      emit(.directoryRemoved(place), root.owner)
    }
    if event.has(IN_MOVED_FROM) { departed(entry, place, child, root.owner, event) }
    if event.has(IN_MOVED_TO) { directoryArrived(entry, place, root, event.cookie) }
  }

  /// Events of this owner were lost: everything is told again.
  func overflowed(_ owner: Owner) {
    for cookie in moves.cookies(of: owner).sorted() {
      if let move = moves.take(cookie) { leftTheTree(move) }
    }
    for root in owner.roots.values { rescan(root.node, .overflow) }
  }

  /// One event comes for each directory of a file system that goes; of those read so far, the topmost are told.
  func tellUnmounts() {
    guard !unmounted.isEmpty else { return }
    let gone = Set(unmounted.filter { tree.isAlive($0) })
    unmounted = []
    let topmost = gone.filter { node in
      var above = tree.parent(of: node)
      while let next = above {
        if gone.contains(next) { return false }
        above = tree.parent(of: next)
      }
      return true
    }
    for node in topmost {
      guard let (root, path) = location(node) else {
        forget(node)
        continue
      }
      emit(.unmounted(root.place(path)), root.owner)
      if node == root.node { drop(root) } else { forget(node) }
    }
  }
}
