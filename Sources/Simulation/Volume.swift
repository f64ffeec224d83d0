import Files
import Paths

/// One file system of the model, with what it holds now and what a power cut would leave of it.
///
/// Now: a graph of nodes. After a power cut: every synced change of a name, and of the others any subset in which no
/// change stands without those that it builds on; of each file its synced bytes, or of what was written since all, a
/// part, or as many zeros, and its time of before or of now. This is less than ext4 or XFS promise, so what survives it here survives there.
final class Volume {
  struct Traits {
    /// RENAME_NOREPLACE and RENAME_EXCHANGE.
    var hasRenameFlags = true
    /// Read leases tell of writers.
    var hasLeases = true
    /// FICLONE.
    var sharesBlocks = false
    var hasBirthTimes = true
    /// Nanoseconds between two time stamps.
    var tick: Int64 = 1
    /// Bytes.
    var capacity = 1 << 20
  }

  let name: String
  let device: UInt64
  let traits: Traits
  private(set) var root: Node
  private(set) var nodes: [Int: Node] = [:]
  /// Changes of names that are not durable yet, oldest first.
  private var log: [NameChange] = []
  private var lastNode = 0
  private var usedNumbers: Set<UInt64> = []
  /// Bytes.
  private(set) var used = 0
  var isReadOnly = false
  /// Bytes that others take.
  var reserved = 0
  /// Each change of names, as it happens.
  var onChange: (NameChange) -> Void = { _ in }

  init(_ name: String, device: UInt64, _ traits: Traits = Traits()) {
    self.name = name
    self.device = device
    self.traits = traits
    root = Node(id: 0, kind: .directory, number: 1, birth: traits.hasBirthTimes ? 1 : 0)
    root.durableLinks = 1
    nodes[0] = root
  }

  var free: Int { max(0, traits.capacity - used - reserved) }

  // MARK: Nodes

  func node(at path: RelativePath) -> Node? {
    var node: Node? = root
    for name in path.components { node = node?.entries[name] }
    return node
  }

  /// Where a node lies, by its first name; nil for one that has none any more.
  func path(of node: Node) -> RelativePath? {
    var names: [FileName] = []
    var node = node
    while node !== root {
      guard let place = node.places.first else { return nil }
      names.append(place.name)
      node = place.parent
    }
    return names.reversed().reduce(RelativePath.root) { $0.appending($1) }
  }

  private func makeNode(_ kind: FileKind, _ now: Int64) -> Node {
    lastNode += 1
    // The lowest free number: what was removed lends its number to the next file, as on ext4.
    var number: UInt64 = 2
    while usedNumbers.contains(number) { number += 1 }
    usedNumbers.insert(number)
    let node = Node(
      id: lastNode, kind: kind, number: number,
      birth: traits.hasBirthTimes ? stamp(now) : 0)
    node.modified = stamp(now)
    node.changed = stamp(now)
    node.durableModified = node.modified
    nodes[lastNode] = node
    return node
  }

  func stamp(_ now: Int64) -> Int64 { now / traits.tick * traits.tick }

  /// Lets go of a node without a name that nobody has open.
  func settle(_ node: Node) {
    guard node !== root, node.places.isEmpty, node.openings == 0, node.durableLinks == 0 else {
      return
    }
    guard nodes.removeValue(forKey: node.id) != nil else { return }
    usedNumbers.remove(node.number)
    used -= node.bytes.count
  }

  // MARK: Names

  func make(_ kind: FileKind, _ name: FileName, in parent: Node, _ now: Int64, target: [UInt8] = [])
    throws(Errno) -> Node
  {
    try mayChange(parent)
    guard parent.entries[name] == nil else { throw .exists }
    guard free > 0 else { throw .noSpace }
    let node = makeNode(kind, now)
    node.bytes = target
    // A symlink comes into being whole.
    if kind == .symlink { node.durableBytes = target }
    used += target.count
    apply(.make(node, Name(parent, name)), now)
    return node
  }

  func link(_ node: Node, _ name: FileName, in parent: Node, _ now: Int64) throws(Errno) {
    try mayChange(parent)
    guard parent.entries[name] == nil else { throw .exists }
    guard node.kind != .directory else { throw .notPermitted }
    node.changed = stamp(now)
    apply(.link(node, Name(parent, name)), now)
  }

  func unlink(_ name: FileName, in parent: Node, directory: Bool, _ now: Int64) throws(Errno) {
    try mayChange(parent)
    guard let node = parent.entries[name] else { throw .notFound }
    if directory {
      guard node.kind == .directory else { throw .notADirectory }
      guard node.entries.isEmpty else { throw .notEmpty }
    } else if node.kind == .directory {
      throw .isADirectory
    }
    node.changed = stamp(now)
    apply(.unlink(node, Name(parent, name)), now)
    settle(node)
  }

  func rename(
    _ name: FileName, in parent: Node, to newName: FileName, in newParent: Node,
    _ rule: Descriptor.RenameRule, _ now: Int64
  ) throws(Errno) {
    try mayChange(parent)
    try mayChange(newParent)
    if rule != .plain, !traits.hasRenameFlags { throw .invalid }
    guard let node = parent.entries[name] else { throw .notFound }
    let there = newParent.entries[newName]
    if node.kind == .directory, isAtOrBelow(newParent, node) { throw .invalid }
    let (from, to) = (Name(parent, name), Name(newParent, newName))
    switch rule {
    case .exchange:
      guard let there else { throw .notFound }
      if there.kind == .directory, isAtOrBelow(parent, there) { throw .invalid }
      node.changed = stamp(now)
      there.changed = stamp(now)
      apply(.exchange(node, from, there, to), now)
    case .noReplace where there != nil: throw .exists
    case .noReplace, .plain:
      if let there {
        // Two names of one file: rename(2) does nothing.
        if there === node { return }
        guard (there.kind == .directory) == (node.kind == .directory) else {
          throw there.kind == .directory ? .isADirectory : .notADirectory
        }
        guard there.entries.isEmpty else { throw .notEmpty }
      }
      node.changed = stamp(now)
      apply(.rename(node, from, to, replacing: there), now)
      if let there { settle(there) }
    }
  }

  private func mayChange(_ directory: Node) throws(Errno) {
    guard directory.kind == .directory else { throw .notADirectory }
    if isReadOnly { throw .readOnly }
    if directory !== root, directory.places.isEmpty { throw .notFound }
  }

  private func isAtOrBelow(_ node: Node, _ ancestor: Node) -> Bool {
    var node = node
    while true {
      if node === ancestor { return true }
      guard node !== root, let parent = node.places.first?.parent else { return false }
      node = parent
    }
  }

  private func apply(_ change: NameChange, _ now: Int64) {
    // Told with the places as they were.
    onChange(change)
    for (name, node) in change.gone {
      name.parent.entries[name.name] = nil
      node.leave(name)
    }
    for (name, node) in change.come {
      name.parent.entries[name.name] = node
      node.places.append(name)
    }
    for name in change.names {
      name.parent.modified = stamp(now)
      name.parent.changed = stamp(now)
    }
    log.append(change)
  }

  // MARK: Bytes

  func write(_ bytes: [UInt8], at offset: Int, of node: Node, _ now: Int64) throws(Errno) {
    if isReadOnly { throw .readOnly }
    try resize(node, to: max(node.bytes.count, offset + bytes.count))
    node.bytes.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    touch(node, now)
  }

  func truncate(_ node: Node, to size: Int, _ now: Int64) throws(Errno) {
    if isReadOnly { throw .readOnly }
    try resize(node, to: size)
    touch(node, now)
  }

  private func resize(_ node: Node, to size: Int) throws(Errno) {
    let more = size - node.bytes.count
    guard more <= free else { throw .noSpace }
    if more > 0 {
      node.bytes += [UInt8](repeating: 0, count: more)
    } else {
      node.bytes.removeLast(-more)
    }
    used += more
  }

  private func touch(_ node: Node, _ now: Int64) {
    node.modified = stamp(now)
    node.changed = stamp(now)
  }

  // MARK: Durability

  /// `fsync(2)`.
  func sync(_ node: Node) {
    if node.kind == .directory {
      settleLog { change, _ in change.names.contains { $0.parent === node } }
    } else {
      node.durableBytes = node.bytes
      node.durableModified = node.modified
    }
  }

  /// Some of what was written becomes durable by itself.
  func writeBack(_ random: inout some RandomNumberGenerator) {
    let chosen = log.map { _ in Bool.random(using: &random) }
    settleLog { _, index in chosen[index] }
    for node in nodes.values.sorted(by: { $0.id < $1.id })
    where node.kind == .file && Bool.random(using: &random) {
      sync(node)
    }
  }

  /// The name that a node has is durable, as after some time.
  func syncName(of node: Node) {
    settleLog { change, _ in change.come.contains { $0.1 === node } }
  }

  /// What another program did just now is durable.
  func syncLast() { settleLog { _, index in index == log.count - 1 } }

  /// All that was written is durable, as after some time.
  func syncAll() {
    settleLog { _, _ in true }
    for node in nodes.values where node.kind == .file { sync(node) }
  }

  /// Makes those changes durable that `isWanted`, and what they build on.
  private func settleLog(_ isWanted: (NameChange, Int) -> Bool) {
    var settled = [Bool](repeating: false, count: log.count)
    for index in log.indices where isWanted(log[index], index) { settled[index] = true }
    for index in log.indices.reversed() where settled[index] {
      for earlier in 0..<index where log[index].buildsOn(log[earlier]) { settled[earlier] = true }
    }
    var rest: [NameChange] = []
    for index in log.indices {
      if settled[index] { makeDurable(log[index]) } else { rest.append(log[index]) }
    }
    log = rest
    for node in Array(nodes.values) { settle(node) }
  }

  private func makeDurable(_ change: NameChange) {
    for (name, node) in change.gone where name.parent.durableEntries[name.name] === node {
      name.parent.durableEntries[name.name] = nil
      node.durableLinks -= 1
    }
    for (name, node) in change.come {
      if let other = name.parent.durableEntries[name.name] { other.durableLinks -= 1 }
      name.parent.durableEntries[name.name] = node
      node.durableLinks += 1
    }
  }

  /// The power is cut: of what is not durable something stays, or nothing.
  func cutPower(_ random: inout some RandomNumberGenerator) {
    var kept: [NameChange] = []
    var lost: [NameChange] = []
    // Often a disk has all the names, in the log of its file system, and not the bytes.
    let hasNames = Int.random(in: 0..<3, using: &random) == 0
    for change in log {
      if hasNames || Bool.random(using: &random), !lost.contains(where: { change.buildsOn($0) }) {
        kept.append(change)
      } else {
        lost.append(change)
      }
    }
    for change in kept { makeDurable(change) }
    log = []
    for node in nodes.values {
      node.openings = 0
      node.writers = 0
      node.places = []
      if node.kind == .file {
        node.bytes = afterPowerCut(node, &random)
        node.durableBytes = node.bytes
        if Bool.random(using: &random) { node.modified = node.durableModified }
        node.durableModified = node.modified
      }
      node.entries = node.durableEntries
    }
    for node in nodes.values {
      for (name, child) in node.entries { child.places.append(Name(node, name)) }
    }
    for node in Array(nodes.values) { settle(node) }
    used = nodes.values.reduce(0) { $0 + $1.bytes.count }
  }

  private func afterPowerCut(_ node: Node, _ random: inout some RandomNumberGenerator) -> [UInt8] {
    if node.bytes == node.durableBytes { return node.bytes }
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return node.durableBytes
    case 1: return Array(node.bytes.prefix(Int.random(in: 0...node.bytes.count, using: &random)))
    case 2: return [UInt8](repeating: 0, count: node.bytes.count)
    default: return node.bytes
    }
  }
}
