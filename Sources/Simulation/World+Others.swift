import Files
import Foundation
import Ingest
import Paths
import ReadModel
import Watching

/// What people and programs do beside the daemon. What they make is durable, and their own to remove.
extension World {
  func act() {
    // What stops everything is soon over.
    if random.once(in: 3) {
      if !kernel.isMounted(volume) { return mountHot() }
      if !kernel.isMounted(vault) { return toggleVault() }
      if vault.isReadOnly { return toggleReadOnly() }
      for volume in [volume, vault] where volume.reserved > 0 {
        volume.reserved = 0
        return say("\(volume.name) has \(volume.free) bytes left")
      }
    }
    let deeds: [(Int, () -> Void)] = [
      (5, bringFrames), (2, beginWriting), (3, goOnWriting), (2, rewriteFrame), (2, saveByRename),
      (2, removeFrame), (1, removeDirectory), (1, moveDirectory), (2, dropSentinel),
      (2, removeSentinel), (1, cancelByHand), (1, retryByHand), (1, putForeign),
      (1, disturbPublished),
      (1, linkElsewhere), (1, toggleVault), (1, toggleHot), (1, toggleSpace), (1, toggleReadOnly),
      (1, overflow),
    ]
    var number = Int.random(in: 0..<deeds.reduce(0) { $0 + $1.0 }, using: &random)
    for (weight, deed) in deeds {
      number -= weight
      if number < 0 { return deed() }
    }
  }

  /// The same between two calls of the daemon: what would meet a job where it hurts comes more often.
  func interfere() {
    let deeds: [() -> Void] = [
      rewriteFrame, rewriteFrame, saveByRename, saveByRename, removeFrame, dropSentinel,
      dropSentinel, putForeign, putForeign, linkElsewhere, moveDirectory, cancelByHand,
      disturbPublished, act,
    ]
    deeds.randomElement(using: &random)!()
  }

  /// Ends what would keep anything from coming to rest.
  func calmDown() {
    say("all faults end")
    while !writers.isEmpty { finish(writers.removeFirst()) }
    for volume in [volume, vault] {
      volume.isReadOnly = false
      volume.reserved = 0
    }
    if !kernel.isMounted(volume) { mountHot() }
    if !kernel.isMounted(vault) { kernel.mount(vault, at: "/vault") }
  }

  // MARK: Frames

  private var directoryNames: [RelativePath] { ["d1", "d2", "d1/x"].map { RelativePath($0)! } }

  /// A directory of the hot folder, made if need be.
  private func directory() -> Node {
    let path = directoryNames.randomElement(using: &random)!
    var node = volume.node(at: Self.hot)!
    for name in path.components {
      if let next = node.entries[name], next.kind == .directory {
        node = next
      } else if node.entries[name] == nil,
        let made = try? volume.make(.directory, name, in: node, kernel.now)
      {
        volume.syncLast()
        node = made
      } else {
        return volume.node(at: Self.hot)!
      }
    }
    return node
  }

  private func content(for name: FileName) -> [UInt8] {
    generation += 1
    let text =
      "\(name) \(generation) "
      + String(repeating: "x", count: Int.random(in: 0...20, using: &random))
    return Array(text.utf8)
  }

  /// A file's content is whole from now on.
  private func own(_ node: Node, _ content: [UInt8], _ name: FileName) {
    owed[content] = "\(name)"
    complete[content] = name
    volume.sync(node)
    watcher.closed(node)
  }

  private func disown(_ node: Node) { owed[node.bytes] = nil }

  private func bringFrames() {
    let head = "cmfrls".randomElement(using: &random)!
    let letter = "abc".randomElement(using: &random)!
    let parent = directory()
    let first = Int.random(in: 1...3, using: &random)
    for frame in first...first + Int.random(in: 0...3, using: &random) {
      let name = FileName("\(head)_\(letter).\(frame).dat")
      guard parent.entries[name] == nil,
        let node = try? volume.make(.file, name, in: parent, kernel.now)
      else { continue }
      volume.syncLast()
      let content = content(for: name)
      guard (try? volume.write(content, at: 0, of: node, kernel.now)) != nil else {
        discard(name, in: parent)
        continue
      }
      own(node, content, name)
      say("somebody brings \(name), \(content.count) bytes, inode \(node.number)")
    }
  }

  private func discard(_ name: FileName, in parent: Node) {
    try? volume.unlink(name, in: parent, directory: false, kernel.now)
    volume.syncLast()
  }

  private func beginWriting() {
    // Where leases do not tell, nobody can know that a program that rests is not done.
    guard volume.traits.hasLeases else { return }
    let parent = directory()
    let name = FileName(
      "\("cmf".randomElement(using: &random)!)_b.\(Int.random(in: 1...4, using: &random)).dat")
    guard parent.entries[name] == nil,
      let node = try? volume.make(.file, name, in: parent, kernel.now)
    else { return }
    volume.syncLast()
    node.writers += 1
    node.openings += 1
    writers.append(Writer(node: node, content: content(for: name)))
    say("a program begins to write \(name)")
  }

  private func goOnWriting() {
    guard let index = writers.indices.randomElement(using: &random) else { return }
    let writer = writers[index]
    let next = writer.node.bytes.count + Int.random(in: 1...12, using: &random)
    if next >= writer.content.count {
      writers.remove(at: index)
      return finish(writer)
    }
    try? volume.write(Array(writer.content[..<next]), at: 0, of: writer.node, kernel.now)
  }

  func finish(_ writer: Writer) {
    writer.node.writers -= 1
    writer.node.openings -= 1
    let isThere = (try? volume.write(writer.content, at: 0, of: writer.node, kernel.now)) != nil
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
  private func frame() -> (parent: Node, name: FileName, node: Node)? {
    let all = frames
    let underWay = Set(
      (daemon?.intake.jobs.values ?? [:].values).filter { $0.state != .held }
        .flatMap { $0.plan.files.map(\.source) })
    let busy = all.filter { frame in
      guard let path = volume.path(of: frame.parent)?.relative(to: Self.hot) else { return false }
      return underWay.contains(path.appending(frame.name))
    }
    return (busy.isEmpty || random.once(in: 4) ? all : busy).randomElement(using: &random)
  }

  /// The files of the hot folder that are whole and not ours, each with its directory.
  private var frames: [(parent: Node, name: FileName, node: Node)] {
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

  private func rewriteFrame() {
    guard let frame = frame() else { return }
    let content = content(for: frame.name)
    disown(frame.node)
    guard (try? volume.truncate(frame.node, to: 0, kernel.now)) != nil,
      (try? volume.write(content, at: 0, of: frame.node, kernel.now)) != nil
    else { return giveUp(frame.node) }
    own(frame.node, content, frame.name)
    say("somebody rewrites \(frame.name) in place")
  }

  private func saveByRename() {
    guard let frame = frame(),
      let node = try? volume.make(.file, ".save.tmp", in: frame.parent, kernel.now)
    else { return }
    volume.syncLast()
    let content = content(for: frame.name)
    guard (try? volume.write(content, at: 0, of: node, kernel.now)) != nil else {
      return discard(".save.tmp", in: frame.parent)
    }
    disown(frame.node)
    own(node, content, frame.name)
    try? volume.rename(
      ".save.tmp", in: frame.parent, to: frame.name, in: frame.parent, .plain, kernel.now)
    volume.syncLast()
    say("somebody saves \(frame.name) by a rename, inode \(node.number)")
  }

  private func removeFrame() {
    guard let frame = frame() else { return }
    disown(frame.node)
    discard(frame.name, in: frame.parent)
    say("somebody removes \(frame.name)")
  }

  // MARK: Directories

  private func existingDirectory() -> (parent: Node, name: FileName, node: Node)? {
    let path = directoryNames.randomElement(using: &random)!
    guard let parent = volume.node(at: Self.hot.appending(path.parent)), let name = path.name,
      let node = parent.entries[name], node.kind == .directory
    else { return nil }
    return (parent, name, node)
  }

  private func removeDirectory() {
    guard let found = existingDirectory() else { return }
    say("somebody removes \(found.name) with all in it")
    remove(found.node)
    try? volume.unlink(found.name, in: found.parent, directory: true, kernel.now)
    volume.syncLast()
  }

  private func remove(_ directory: Node) {
    for (name, node) in directory.entries.sorted(by: { $0.key < $1.key }) {
      if node.kind == .directory {
        remove(node)
        try? volume.unlink(name, in: directory, directory: true, kernel.now)
        volume.syncLast()
      } else {
        disown(node)
        discard(name, in: directory)
      }
    }
  }

  /// Renamed in the hot folder, out of it, or back in.
  private func moveDirectory() {
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

  private func move(_ name: FileName, in parent: Node, to newName: FileName, in newParent: Node) {
    guard
      (try? volume.rename(name, in: parent, to: newName, in: newParent, .noReplace, kernel.now))
        != nil
        || (try? volume.rename(name, in: parent, to: newName, in: newParent, .plain, kernel.now))
          != nil
    else { return }
    volume.syncLast()
    say("somebody moves \(name) to \(newName)")
  }

  // MARK: Cancels

  private func dropSentinel() {
    let parent = random.once(in: 6) ? volume.node(at: Self.hot)! : frame()?.parent ?? directory()
    let stems = ["", "", "c_a", "m_a", "f_b", "r_a"]
    let name = FileName("\(stems.randomElement(using: &random)!).cancel")
    let kind: FileKind = [.file, .directory, .symlink].randomElement(using: &random)!
    guard parent.entries[name] == nil,
      (try? volume.make(kind, name, in: parent, kernel.now)) != nil
    else { return }
    volume.syncLast()
    say("somebody drops \(name) into \(volume.path(of: parent)!)")
  }

  private func removeSentinel() {
    var pending = [volume.node(at: Self.hot)!]
    while let directory = pending.popLast() {
      for (name, node) in directory.entries.sorted(by: { $0.key < $1.key }) {
        if name.bytes.suffix(7).elementsEqual(".cancel".utf8), random.once(in: 2) {
          try? volume.unlink(
            name, in: directory, directory: node.kind == .directory, kernel.now)
          volume.syncLast()
          say("somebody removes \(name)")
          return
        }
        if node.kind == .directory { pending.append(node) }
      }
    }
  }

  private func cancelByHand() {
    guard let daemon, let id = daemon.intake.jobs.keys.sorted().randomElement(using: &random) else {
      return
    }
    say("somebody cancels \(id) by hand")
    daemon.post(
      .cancel(id, Reason(code: .user, message: "by hand", at: Timestamp(milliseconds: 0))))
  }

  private func retryByHand() {
    guard let daemon else { return }
    let resting = daemon.intake.jobs.values.filter { $0.state == .held || $0.state == .failed }
    guard let id = resting.map(\.id).sorted().randomElement(using: &random) else { return }
    say("somebody tries \(id) again")
    daemon.post(.retry(id, changed: nil))
  }

  func sentinels(over job: Job) -> [Node] {
    var found: [Node] = []
    for directory in job.sourceDirectories {
      var path = Self.hot.appending(directory)
      while true {
        if let node = volume.node(at: path.appending(".cancel")) { found.append(node) }
        if path == Self.hot { break }
        path = path.parent
      }
    }
    for member in job.members {
      let file = job.plan.files[member.files.lowerBound].source
      let stem = member.head.filter { $0 != UInt8(ascii: ".") }
      let name = FileName(stem + Array(".cancel".utf8))
      if let node = volume.node(at: Self.hot.appending(file.parent).appending(name)) {
        found.append(node)
      }
    }
    return found
  }

  // MARK: The destination, and what is below it

  /// A place at a destination that some sequence goes to.
  private func destination() -> (Volume, RelativePath) {
    let planned = (daemon?.intake.jobs.values ?? [:].values).flatMap { job in
      job.plan.files.map { (job.plan.destinationRoot == "/vault", $0.destination) }
    }.sorted { $0.1 < $1.1 }
    if !random.once(in: 3), let (isFar, path) = planned.randomElement(using: &random) {
      return isFar ? (vault, path) : (volume, Self.shows.appending(path))
    }
    let head = "cmfrls".randomElement(using: &random)!
    let letter = "abc".randomElement(using: &random)!
    let directory = head == "r" ? "r" : "\(head)_\(letter)"
    let path = "\(directory)/\(head)_\(letter).000\(Int.random(in: 1...4, using: &random)).dat"
    return head == "f" || head == "s"
      ? (vault, RelativePath(path)!) : (volume, Self.shows.appending(RelativePath(path)!))
  }

  private func putForeign() {
    let (volume, path) = destination()
    guard let top = volume.node(at: path.parent.parent) else { return }
    var parent = volume.node(at: path.parent)
    if parent == nil {
      parent = try? volume.make(.directory, path.parent.name!, in: top, kernel.now)
      volume.syncLast()
    }
    guard let parent, parent.kind == .directory,
      let node = try? volume.make(.file, path.name!, in: parent, kernel.now)
    else { return }
    volume.syncLast()
    generation += 1
    try? volume.write(Array("foreign \(generation)".utf8), at: 0, of: node, kernel.now)
    volume.sync(node)
    foreign[ObjectIdentifier(node)] = Foreign(node: node, volume: volume, path: path)
    say("somebody puts a file of his own at \(path)")
  }

  /// Whoever owns the destination may remove what was delivered, or put another in its place.
  private func disturbPublished() {
    let (volume, path) = destination()
    guard let node = volume.node(at: path), node.kind == .file,
      let parent = node.places.first?.parent,
      !random.once(in: 3)
    else { return }
    if volume.isReadOnly { return }
    disown(node)
    foreign[ObjectIdentifier(node)] = nil
    for place in node.places where place.parent === parent {
      try? volume.unlink(place.name, in: parent, directory: false, kernel.now)
      volume.syncLast()
    }
    say("somebody removes \(path) from the destination")
  }

  /// All that lies under the final names of deliveries that cannot end.
  func clearTheWay() {
    for job in daemon?.intake.jobs.values ?? [:].values where job.state == .committing {
      let isFar = job.plan.destinationRoot == "/vault"
      for file in job.plan.files {
        let path = isFar ? file.destination : Self.shows.appending(file.destination)
        let volume = isFar ? vault : volume
        guard let node = volume.node(at: path), let parent = node.places.first?.parent else {
          continue
        }
        disown(node)
        foreign[ObjectIdentifier(node)] = nil
        for place in node.places where place.parent === parent {
          try? volume.unlink(place.name, in: parent, directory: false, kernel.now)
          volume.syncLast()
        }
        say("somebody clears \(path) away")
      }
    }
  }

  private func linkElsewhere() {
    guard let frame = frame() else { return }
    generation += 1
    let outside = volume.node(at: RelativePath("outside")!)!
    try? volume.link(frame.node, FileName("link\(generation)"), in: outside, kernel.now)
    volume.syncLast()
    say("somebody links \(frame.name) elsewhere")
  }

  private func toggleVault() {
    if kernel.isMounted(vault) {
      say("the vault is unmounted")
      kernel.unmount("/vault")
    } else {
      say("the vault is mounted again")
      kernel.mount(vault, at: "/vault")
    }
  }

  /// The hot folder's own file system, with the destination beside it.
  private func toggleHot() {
    if kernel.isMounted(volume) {
      say("the hot folder's volume is unmounted")
      kernel.unmount("/volume")
      watcher.unmounted()
    } else {
      mountHot()
    }
  }

  private func mountHot() {
    say("the hot folder's volume is mounted again")
    kernel.mount(volume, at: "/volume")
    watcher.mountsChanged()
  }

  private func toggleSpace() {
    let volume = random.once(in: 2) ? volume : vault
    volume.reserved = volume.reserved > 0 ? 0 : volume.free - Int.random(in: 0...60, using: &random)
    say("\(volume.name) has \(volume.free) bytes left")
  }

  private func toggleReadOnly() {
    vault.isReadOnly.toggle()
    say("the vault is \(vault.isReadOnly ? "read-only" : "writable")")
  }

  private func overflow() {
    say("the kernel's queue overflows")
    watcher.overflow()
  }
}
