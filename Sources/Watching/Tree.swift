import Paths

/// One stay of a directory in the tree. An id kept past that stay is known to be void, even if its slot is used again.
struct NodeID: Hashable {
  let index: Int32
  let generation: UInt32
}

/// The watched directories: which watch belongs to which directory, and where each is by now.
///
/// A node knows its name and its parent, never its path, so the rename of a directory is one relink whatever lies below.
/// About 120 bytes a directory, names included. Pure: no system call is made here.
struct Tree {
  struct Node {
    var name: FileName
    var generation: UInt32 = 0
    var parent = none
    var firstChild = none
    var next = none
    var previous = none
    var watch = none
    /// The serial of the last listing that held it; see `Loop.listed`.
    var seen: UInt32 = 0
    var standing = Standing.free
    /// Detached, and something happened below it meanwhile.
    var isDirty = false
  }

  enum Standing: UInt8 {
    case free
    case root
    case attached
    /// Renamed away, the new name not known yet.
    case detached
  }

  static let none: Int32 = -1

  private(set) var nodes: ContiguousArray<Node> = []
  private var free: [Int32] = []
  private var watches = NodeIndex()
  private var names = NodeIndex()
  /// Odd, and another in each process: whoever makes directories must not choose the collisions.
  private let seed = UInt64.random(in: 0...UInt64.max) | 1
  /// Changes whenever a known path may have changed.
  private(set) var version: UInt64 = 0

  var count: Int { nodes.count - free.count }
  var watchCount: Int { watches.count }

  // MARK: Looking

  func isAlive(_ id: NodeID) -> Bool {
    nodes[Int(id.index)].generation == id.generation
      && nodes[Int(id.index)].standing != .free
  }

  subscript(_ id: NodeID) -> Node { nodes[Int(id.index)] }

  func child(_ name: FileName, of parent: NodeID) -> NodeID? {
    names.find(nameHash(name, parent.index)) {
      nodes[$0].parent == parent.index && nodes[$0].name == name
    }.map(id)
  }

  func children(of parent: NodeID) -> [NodeID] {
    var found: [NodeID] = []
    var child = nodes[Int(parent.index)].firstChild
    while child != Tree.none {
      found.append(id(child))
      child = nodes[Int(child)].next
    }
    return found
  }

  func node(watch: Int32) -> NodeID? {
    watches.find(watchHash(watch)) { nodes[$0].watch == watch }.map(id)
  }

  func parent(of node: NodeID) -> NodeID? {
    let parent = nodes[Int(node.index)].parent
    return parent == Tree.none ? nil : id(parent)
  }

  /// The root above a node, or the detached directory above it.
  func top(of node: NodeID) -> NodeID {
    var index = node.index
    while nodes[Int(index)].parent != Tree.none { index = nodes[Int(index)].parent }
    return id(index)
  }

  func isAtOrBelow(_ node: NodeID, _ ancestor: NodeID) -> Bool {
    var index = node.index
    while index != Tree.none {
      if index == ancestor.index { return true }
      index = nodes[Int(index)].parent
    }
    return false
  }

  /// The path of a node below its `top`.
  func path(of node: NodeID) -> RelativePath {
    var names: [FileName] = []
    var index = node.index
    while nodes[Int(index)].parent != Tree.none {
      names.append(nodes[Int(index)].name)
      index = nodes[Int(index)].parent
    }
    var bytes: [UInt8] = []
    for name in names.reversed() {
      if !bytes.isEmpty { bytes.append(UInt8(ascii: "/")) }
      bytes += name.bytes
    }
    guard let path = RelativePath(bytes) else { preconditionFailure("names come from the kernel") }
    return path
  }

  /// Where a path below `top` leads, as far as its directories are known.
  func find(_ path: RelativePath, below top: NodeID) -> NodeID? {
    var node = top
    for name in path.components {
      guard let next = child(name, of: node) else { return nil }
      node = next
    }
    return node
  }

  // MARK: Changing

  mutating func addRoot() -> NodeID {
    let root = allocate(Node(name: FileName([])))
    nodes[Int(root.index)].standing = .root
    return root
  }

  /// - Precondition: there is no child of this name.
  mutating func add(_ name: FileName, under parent: NodeID, seen: UInt32) -> NodeID {
    let node = allocate(Node(name: name))
    nodes[Int(node.index)].seen = seen
    link(node.index, parent.index)
    return node
  }

  /// Takes a directory out of its parent, with all below it, until its new place is known.
  mutating func detach(_ node: NodeID) {
    unlink(node.index)
    nodes[Int(node.index)].standing = .detached
    version += 1
  }

  /// - Precondition: `node` is detached, and there is no child of this name.
  mutating func attach(_ node: NodeID, _ name: FileName, under parent: NodeID, seen: UInt32) {
    nodes[Int(node.index)].name = name
    nodes[Int(node.index)].seen = seen
    nodes[Int(node.index)].isDirty = false
    link(node.index, parent.index)
    version += 1
  }

  /// Forgets a directory with all below it; `each` is told the watches that stood.
  mutating func remove(_ node: NodeID, each: (Int32) -> Void) {
    if nodes[Int(node.index)].standing == .attached { unlink(node.index) }
    var pending = [node.index]
    while let index = pending.popLast() {
      var child = nodes[Int(index)].firstChild
      while child != Tree.none {
        pending.append(child)
        names.remove(child, nameHash(of: child))
        child = nodes[Int(child)].next
      }
      let watch = nodes[Int(index)].watch
      if watch != Tree.none {
        watches.remove(index, watchHash(watch))
        each(watch)
      }
      nodes[Int(index)] = Node(
        name: FileName([]), generation: nodes[Int(index)].generation &+ 1)
      free.append(index)
    }
    version += 1
  }

  mutating func setWatch(_ watch: Int32, of node: NodeID) {
    clearWatch(of: node)
    nodes[Int(node.index)].watch = watch
    watches.insert(node.index, watchHash(watch))
  }

  mutating func clearWatch(of node: NodeID) {
    let watch = nodes[Int(node.index)].watch
    guard watch != Tree.none else { return }
    watches.remove(node.index, watchHash(watch))
    nodes[Int(node.index)].watch = Tree.none
  }

  mutating func setSeen(_ node: NodeID, _ serial: UInt32) { nodes[Int(node.index)].seen = serial }

  mutating func setDirty(_ node: NodeID) { nodes[Int(node.index)].isDirty = true }

  private func id(_ index: Int32) -> NodeID {
    NodeID(index: index, generation: nodes[Int(index)].generation)
  }

  private func nameHash(of node: Int32) -> UInt32 {
    nameHash(nodes[Int(node)].name, nodes[Int(node)].parent)
  }

  private func nameHash(_ name: FileName, _ parent: Int32) -> UInt32 {
    var hasher = Hasher()
    hasher.combine(parent)
    hasher.combine(name)
    return UInt32(truncatingIfNeeded: hasher.finalize())
  }

  private func watchHash(_ watch: Int32) -> UInt32 {
    UInt32(truncatingIfNeeded: (UInt64(UInt32(bitPattern: watch)) &* seed) >> 32)
  }

  private mutating func allocate(_ node: Node) -> NodeID {
    guard let index = free.popLast() else {
      nodes.append(node)
      return NodeID(index: Int32(nodes.count - 1), generation: node.generation)
    }
    let generation = nodes[Int(index)].generation
    nodes[Int(index)] = node
    nodes[Int(index)].generation = generation
    return NodeID(index: index, generation: generation)
  }

  private mutating func link(_ node: Int32, _ parent: Int32) {
    let first = nodes[Int(parent)].firstChild
    nodes[Int(node)].parent = parent
    nodes[Int(node)].next = first
    nodes[Int(node)].previous = Tree.none
    nodes[Int(node)].standing = .attached
    if first != Tree.none { nodes[Int(first)].previous = node }
    nodes[Int(parent)].firstChild = node
    names.insert(node, nameHash(of: node))
  }

  private mutating func unlink(_ node: Int32) {
    names.remove(node, nameHash(of: node))
    let this = nodes[Int(node)]
    if this.previous == Tree.none {
      nodes[Int(this.parent)].firstChild = this.next
    } else {
      nodes[Int(this.previous)].next = this.next
    }
    if this.next != Tree.none { nodes[Int(this.next)].previous = this.previous }
    nodes[Int(node)].parent = Tree.none
    nodes[Int(node)].next = Tree.none
    nodes[Int(node)].previous = Tree.none
  }
}
