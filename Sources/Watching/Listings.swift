import Files
import Paths

/// What lies in a directory, told piece by piece.
extension Loop {
  func startListing(_ node: NodeID, _ directory: OpenDirectory, _ walk: Walk) {
    listed += 1
    walk.listing = Walk.Listing(node: node, directory: directory, serial: listed)
    walk.root.listings += 1
    readPiece(of: walk)
  }

  func readPiece(of walk: Walk) {
    guard let listing = walk.listing else { return }
    let node = listing.node
    guard tree.isAlive(node) else { return endListing(walk) }
    guard let (root, path) = location(node) else {
      // Renamed away: if it turns up, all of it is told.
      tree.setDirty(tree.top(of: node))
      return endListing(walk)
    }
    let entries: [(name: FileName, kind: FileKind)]
    do throws(SystemError) {
      entries = try listing.directory.next(Loop.pieceSize)
    } catch {
      refuseListing(of: node, error, walk)
      return endListing(walk)
    }
    let isLast = entries.count < Loop.pieceSize
    let tell = { (name: FileName, kind: FileKind) in
      self.tell(name, kind, node, root, path, walk)
    }
    if listing.isFirstPiece {
      walk.listing?.isFirstPiece = false
      for (name, kind) in entries where isSentinel(name) { tell(name, kind) }
      // A long listing may hold a sentinel at its end.
      if !isLast {
        for name in sentinels {
          if let kind = listing.directory.kind(of: name) { tell(name, kind) }
        }
      }
      for (name, kind) in entries where !isSentinel(name) { tell(name, kind) }
    } else {
      for (name, kind) in entries { tell(name, kind) }
    }
    if isLast {
      if walk.isRescan { forgetUnseen(below: node, since: listing.serial, root, path) }
      endListing(walk)
    }
  }

  private static let pieceSize = 256

  private func tell(
    _ name: FileName, _ kind: FileKind, _ parent: NodeID, _ root: Root, _ path: RelativePath,
    _ walk: Walk
  ) {
    let place = root.place(path.appending(name))
    switch kind {
    case .file:
      emit(.file(place, .found), root.owner)
      toldAsNoDirectory(Entry(parent: parent, name: name))
    case .directory:
      if let child = tree.child(name, of: parent) {
        // Else it was told when it appeared, and has a walk of its own.
        guard walk.isRescan else { return }
        tree.setSeen(child, listed)
        emit(.directoryAppeared(place), root.owner)
        walk.stack.append(child)
      } else {
        emit(.directoryAppeared(place), root.owner)
        // Its directories will be opened from it.
        if let listing = walk.listing { descriptors.insert(listing.directory, parent) }
        walk.stack.append(tree.add(name, under: parent, seen: listed))
      }
    default:
      emit(.special(place, kind), root.owner)
      toldAsNoDirectory(Entry(parent: parent, name: name))
    }
  }

  /// After lost events the tree may hold directories that are gone.
  private func forgetUnseen(
    below node: NodeID, since serial: UInt32, _ root: Root, _ path: RelativePath
  ) {
    for child in tree.children(of: node) where tree[child].seen < serial {
      emit(.directoryRemoved(root.place(path.appending(tree[child].name))), root.owner)
      forget(child)
    }
  }

  private func refuseListing(of node: NodeID, _ error: SystemError, _ walk: Walk) {
    if node == walk.scope { walk.isRefused = true }
    guard let (root, path) = location(node) else { return }
    emit(.unreadable(root.place(path), error.at(root, path)), root.owner)
  }

  private func endListing(_ walk: Walk) {
    walk.listing = nil
    walk.root.listings -= 1
  }
}

/// The names that cancel a directory; a `STEM.cancel` is told first where the listing is short.
private let sentinels: [FileName] = [".cancel", ".CANCEL", ".Cancel"]
private let endings = sentinels.map(\.bytes)

private func isSentinel(_ name: FileName) -> Bool {
  endings.contains { name.bytes.suffix($0.count).elementsEqual($0) }
}
