import Files
import Foundation
import Ingest
import Paths
import ReadModel
import Watching

/// What people and programs do in the hot folder. What they make is durable, and their own to remove.
extension World {
  var directoryNames: [RelativePath] { ["d1", "d2", "d1/x"].map { RelativePath($0)! } }

  /// A directory of the hot folder, made if need be.
  func directory() -> Node {
    let path = directoryNames.randomElement(using: &random)!
    var node = volume.node(at: Self.hot)!
    for name in path.components {
      if let next = node.entries[name], next.kind == .directory {
        node = next
      } else if node.entries[name] == nil,
        let made = try? volume.make(.directory, name, in: node, kernel.clock)
      {
        volume.syncLast()
        node = made
      } else {
        return volume.node(at: Self.hot)!
      }
    }
    return node
  }

  /// - Parameter size: at least, in bytes; any if nil.
  func content(for name: FileName, size: Int? = nil) -> [UInt8] {
    generation += 1
    let text = Array("\(name) \(generation) ".utf8)
    let more = size.map { $0 - text.count } ?? Int.random(in: 0...20, using: &random)
    return text + [UInt8](repeating: UInt8(ascii: "x"), count: max(0, more))
  }

  /// A file's content is whole from now on.
  func own(_ node: Node, _ content: [UInt8], _ name: FileName) {
    owed[content] = "\(name)"
    complete[content] = name
    volume.sync(node)
    volume.syncName(of: node)
    watcher.closed(node)
  }

  func disown(_ node: Node) { owed[node.bytes] = nil }

  func bringFrames() {
    let head = habits.heads.randomElement(using: &random)!
    let letter = "abc".randomElement(using: &random)!
    let parent = directory()
    let first = Int.random(in: 1...3, using: &random)
    for frame in first...first + Int.random(in: 0...2, using: &random) {
      let name = FileName("\(head)_\(letter).\(frame).dat")
      guard parent.entries[name] == nil,
        let node = try? volume.make(.file, name, in: parent, kernel.clock)
      else { continue }
      volume.syncLast()
      let content = content(for: name)
      guard (try? volume.write(content, at: 0, of: node, kernel.clock)) != nil else {
        discard(name, in: parent)
        continue
      }
      own(node, content, name)
      say("somebody brings \(name), \(content.count) bytes, inode \(node.number)")
    }
  }

  func discard(_ name: FileName, in parent: Node) {
    try? volume.unlink(name, in: parent, directory: false, kernel.clock)
    volume.syncLast()
  }

  func beginWriting() {
    // Where leases do not tell, nobody can know that a program that rests is not done.
    guard volume.traits.hasLeases else { return }
    let parent = directory()
    let name = FileName(
      "\("cmf".randomElement(using: &random)!)_b.\(Int.random(in: 1...4, using: &random)).dat")
    guard parent.entries[name] == nil,
      let node = try? volume.make(.file, name, in: parent, kernel.clock)
    else { return }
    volume.syncLast()
    node.writers += 1
    node.openings += 1
    writers.append(Writer(node: node, content: content(for: name)))
    say("a program begins to write \(name)")
  }

  func goOnWriting() {
    guard let index = writers.indices.randomElement(using: &random) else { return }
    let writer = writers[index]
    let next = writer.node.bytes.count + Int.random(in: 1...12, using: &random)
    if next >= writer.content.count {
      writers.remove(at: index)
      return finish(writer)
    }
    try? volume.write(Array(writer.content[..<next]), at: 0, of: writer.node, kernel.clock)
  }

  func finish(_ writer: Writer) {
    writer.node.writers -= 1
    writer.node.openings -= 1
    let isThere = (try? volume.write(writer.content, at: 0, of: writer.node, kernel.clock)) != nil
    guard let place = writer.node.places.first else { return volume.settle(writer.node) }
    if isThere {
      own(writer.node, writer.content, place.name)
      say("a program has written \(place.name)")
    } else {
      giveUp(writer.node)
    }
  }

  /// Nobody can tell by its name that a frame is not whole: who cannot finish one takes it away.
  func giveUp(_ node: Node) {
    for place in node.places {
      say("a program takes the unfinished \(place.name) away")
      discard(place.name, in: place.parent)
    }
  }

  /// One of the frames, more often than not of a job under way.
  func frame() -> (parent: Node, name: FileName, node: Node)? {
    let all = frames
    let jobs = (daemon?.intake.jobs.values ?? [:].values).filter { $0.state != .held }
    let atWork = jobs.filter { $0.id == daemon?.current }
    let underWay = Set((atWork.isEmpty ? jobs : atWork).flatMap { $0.plan.files.map(\.source) })
    let busy = all.filter { frame in
      guard let path = volume.path(of: frame.parent)?.relative(to: Self.hot) else { return false }
      return underWay.contains(path.appending(frame.name))
    }
    return (busy.isEmpty || random.once(in: 4) ? all : busy).randomElement(using: &random)
  }

  /// The files of the hot folder that are whole and not ours, each with its directory.
  var frames: [(parent: Node, name: FileName, node: Node)] {
    var found: [(Node, FileName, Node)] = []
    var pending = [volume.node(at: Self.hot)!]
    while let directory = pending.popLast() {
      for (name, node) in directory.entries.sorted(by: { $0.key < $1.key }) {
        if name.bytes.starts(with: ".hotplate-".utf8) { continue }
        if node.kind == .directory { pending.append(node) }
        if node.kind == .file, complete[node.bytes] != nil, node.writers == 0 {
          found.append((directory, name, node))
        }
      }
    }
    return found
  }

  func rewriteFrame() {
    guard let frame = frame() else { return }
    let content = content(for: frame.name)
    disown(frame.node)
    guard (try? volume.truncate(frame.node, to: 0, kernel.clock)) != nil,
      (try? volume.write(content, at: 0, of: frame.node, kernel.clock)) != nil
    else { return giveUp(frame.node) }
    own(frame.node, content, frame.name)
    say("somebody rewrites \(frame.name) in place")
  }

  func saveByRename() {
    guard let frame = frame(),
      let node = try? volume.make(.file, ".save.tmp", in: frame.parent, kernel.clock)
    else { return }
    volume.syncLast()
    let content = content(for: frame.name)
    guard (try? volume.write(content, at: 0, of: node, kernel.clock)) != nil else {
      return discard(".save.tmp", in: frame.parent)
    }
    disown(frame.node)
    own(node, content, frame.name)
    try? volume.rename(
      ".save.tmp", in: frame.parent, to: frame.name, in: frame.parent, .plain, kernel.clock)
    volume.syncLast()
    say("somebody saves \(frame.name) by a rename, inode \(node.number)")
  }

  /// The same size, and the time set back: as tools do that keep times.
  func touchUpFrame() {
    guard let frame = frame(), volume.stamp(kernel.clock) > frame.node.changed else { return }
    let modified = frame.node.modified
    let content = content(for: frame.name, size: frame.node.bytes.count)
    disown(frame.node)
    guard (try? volume.write(content, at: 0, of: frame.node, kernel.clock)) != nil else {
      return giveUp(frame.node)
    }
    frame.node.modified = modified
    own(frame.node, content, frame.name)
    say("somebody touches \(frame.name) up and sets its time back")
  }

  /// Another file of the same size and time takes its name, maybe with the number of one that is gone.
  func replaceByTwin() {
    guard let frame = frame(), volume.stamp(kernel.clock) > frame.node.changed else { return }
    let (size, modified) = (frame.node.bytes.count, frame.node.modified)
    disown(frame.node)
    discard(frame.name, in: frame.parent)
    let content = content(for: frame.name, size: size)
    guard let node = try? volume.make(.file, frame.name, in: frame.parent, kernel.clock) else {
      return
    }
    volume.syncLast()
    guard (try? volume.write(content, at: 0, of: node, kernel.clock)) != nil else {
      return discard(frame.name, in: frame.parent)
    }
    node.modified = modified
    own(node, content, frame.name)
    say("somebody puts a twin in the place of \(frame.name), inode \(node.number)")
  }

  func removeFrame() {
    guard let frame = frame() else { return }
    disown(frame.node)
    discard(frame.name, in: frame.parent)
    say("somebody removes \(frame.name)")
  }

  // MARK: Directories

  func existingDirectory() -> (parent: Node, name: FileName, node: Node)? {
    let path = directoryNames.randomElement(using: &random)!
    guard let parent = volume.node(at: Self.hot.appending(path.parent)), let name = path.name,
      let node = parent.entries[name], node.kind == .directory
    else { return nil }
    return (parent, name, node)
  }

  func removeDirectory() {
    guard let found = existingDirectory() else { return }
    say("somebody removes \(found.name) with all in it")
    remove(found.node)
    try? volume.unlink(found.name, in: found.parent, directory: true, kernel.clock)
    volume.syncLast()
  }

  func remove(_ directory: Node) {
    for (name, node) in directory.entries.sorted(by: { $0.key < $1.key }) {
      if node.kind == .directory {
        remove(node)
        try? volume.unlink(name, in: directory, directory: true, kernel.clock)
        volume.syncLast()
      } else {
        disown(node)
        discard(name, in: directory)
      }
    }
  }

  /// Renamed in the hot folder, out of it, or back in.
  func moveDirectory() {
    let outside = volume.node(at: RelativePath("outside")!)!
    if let (name, node) = outside.entries.sorted(by: { $0.key < $1.key }).first, random.once(in: 2)
    {
      let hot = volume.node(at: Self.hot)!
      guard hot.entries["d2"] == nil, node.kind == .directory else { return }
      move(name, in: outside, to: "d2", in: hot)
      watcher.listArrivals()
      return
    }
    guard let found = existingDirectory() else { return }
    if random.once(in: 2) {
      generation += 1
      move(found.name, in: found.parent, to: FileName("away\(generation)"), in: outside)
    } else {
      let name = directoryNames.randomElement(using: &random)!.name!
      let hot = volume.node(at: Self.hot)!
      if hot.entries[name] == nil { move(found.name, in: found.parent, to: name, in: hot) }
    }
  }

  func move(_ name: FileName, in parent: Node, to newName: FileName, in newParent: Node) {
    guard
      (try? volume.rename(name, in: parent, to: newName, in: newParent, .noReplace, kernel.clock))
        != nil
        || (try? volume.rename(name, in: parent, to: newName, in: newParent, .plain, kernel.clock))
          != nil
    else { return }
    hasMovedDirectories = true
    volume.syncLast()
    say("somebody moves \(name) to \(newName)")
  }
}
