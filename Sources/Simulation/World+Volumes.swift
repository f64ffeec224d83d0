import Files
import Foundation
import Ingest
import Paths
import ReadModel
import Watching

/// What happens at the destinations, and to the volumes that everything lies on.
extension World {
  /// A place at a destination that some sequence goes to.
  func destination() -> (Volume, RelativePath) {
    let jobs = daemon?.intake.jobs ?? [:]
    let atWork = daemon?.current.flatMap { jobs[$0] }.map { [$0] }
    if habits.isAfterwards, atWork == nil, !random.once(in: 4) {
      let delivered = journal.rows.values.filter { $0.state == .done }.compactMap(\.job)
      let places = delivered.flatMap { job in
        job.plan.files.map { (job.plan.destinationRoot == "/vault", $0.destination) }
      }
      if let (isFar, path) = places.sorted(by: { $0.1 < $1.1 }).randomElement(using: &random) {
        return isFar ? (vault, path) : (volume, Self.shows.appending(path))
      }
    }
    let planned = (atWork ?? Array(jobs.values)).flatMap { job in
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

  func putForeign() {
    let (volume, path) = destination()
    guard let top = volume.node(at: path.parent.parent) else { return }
    var parent = volume.node(at: path.parent)
    if parent == nil {
      parent = try? volume.make(.directory, path.parent.name!, in: top, kernel.clock)
      volume.syncLast()
    }
    guard let parent, parent.kind == .directory,
      let node = try? volume.make(.file, path.name!, in: parent, kernel.clock)
    else { return }
    volume.syncLast()
    generation += 1
    try? volume.write(Array("foreign \(generation)".utf8), at: 0, of: node, kernel.clock)
    volume.sync(node)
    keep(node, on: volume, at: path)
    say("somebody puts a file of his own at \(path)")
  }

  private func keep(_ node: Node, on volume: Volume, at path: RelativePath) {
    let late = (daemon?.intake.jobs.values ?? [:].values).filter { job in
      (job.state == .staged || job.state == .committing)
        && (job.plan.destinationRoot == "/vault") == (volume === vault)
        && job.plan.files.contains {
          (volume === vault ? $0.destination : Self.shows.appending($0.destination)) == path
        }
    }
    foreign[ObjectIdentifier(node)] = Foreign(
      node: node, volume: volume, path: path, lateFor: Set(late.map(\.id)))
  }

  /// Whoever owns the destination may also write to what was delivered: from then on it is his. Not within the
  /// same tick of the volume's clock, in which nobody could tell.
  func rewritePublished() {
    let (volume, path) = destination()
    guard let node = volume.node(at: path), node.kind == .file, node.places.count == 1,
      foreign[ObjectIdentifier(node)] == nil, !volume.isReadOnly,
      madeBy[ObjectIdentifier(node)] != nil, volume.stamp(kernel.clock) > node.changed
    else { return }
    disown(node)
    generation += 1
    var content = Array("rewritten \(generation)".utf8)
    // By its time it cannot be told then from what a power cut damaged, unless it is durable, nor from what is to be
    // replaced.
    let setsBack =
      journal.rows[madeBy[ObjectIdentifier(node)]!]?.record.durable == true && random.once(in: 2)
      && !path.components.contains("r")
    let (size, modified) = (node.bytes.count, node.modified)
    if setsBack { content += [UInt8](repeating: 0, count: max(0, size - content.count)) }
    guard (try? volume.truncate(node, to: 0, kernel.clock)) != nil,
      (try? volume.write(content, at: 0, of: node, kernel.clock)) != nil
    else { return }
    if setsBack { node.modified = modified }
    volume.sync(node)
    volume.syncName(of: node)
    keep(node, on: volume, at: path)
    say("somebody writes to \(path) at the destination")
  }

  /// Whoever owns the destination may remove what was delivered, or put another in its place.
  func disturbPublished() {
    let (volume, path) = destination()
    guard let node = volume.node(at: path), node.kind == .file, !random.once(in: 3),
      !volume.isReadOnly
    else { return }
    takeAway(node, from: volume)
    say("somebody removes \(path) from the destination")
  }

  private func takeAway(_ node: Node, from volume: Volume) {
    guard let parent = node.places.first?.parent else { return }
    disown(node)
    foreign[ObjectIdentifier(node)] = nil
    for place in node.places where place.parent === parent {
      try? volume.unlink(place.name, in: parent, directory: false, kernel.clock)
      volume.syncLast()
    }
  }

  /// Somebody cleans up what he takes for rubbish.
  func disturbStaging() {
    var staged: [(Volume, Node)] = []
    for volume in [volume, vault] where !volume.isReadOnly {
      for node in volume.nodes.values.sorted(by: { $0.id < $1.id }) where node.kind == .file {
        guard let place = node.places.first, place.name != "receipt",
          let path = volume.path(of: place.parent), path.components.contains("tree"),
          // In the middle of a step nobody is quick enough.
          madeBy[ObjectIdentifier(place.parent)] != daemon?.current
        else { continue }
        staged.append((volume, node))
      }
    }
    guard let (volume, node) = staged.randomElement(using: &random) else { return }
    // A link holds what its owner has elsewhere; a copy may be the only one of what he has removed.
    if node.places.count == 1 { disown(node) }
    let place = node.places.first { volume.path(of: $0.parent)!.components.contains("tree") }!
    say("somebody removes the staged \(place.name)")
    try? volume.unlink(place.name, in: place.parent, directory: false, kernel.clock)
    volume.syncLast()
  }

  /// What is not theirs under the final names of deliveries that cannot end.
  func clearTheWay() {
    for job in daemon?.intake.jobs.values ?? [:].values where job.state == .committing {
      let isFar = job.plan.destinationRoot == "/vault"
      for file in job.plan.files {
        let path = isFar ? file.destination : Self.shows.appending(file.destination)
        let volume = isFar ? vault : volume
        guard let node = volume.node(at: path),
          madeBy[ObjectIdentifier(node)] != job.id || foreign[ObjectIdentifier(node)] != nil
        else { continue }
        takeAway(node, from: volume)
        say("somebody clears \(path) away")
      }
    }
  }

  func linkElsewhere() {
    guard let frame = frame() else { return }
    generation += 1
    let outside = volume.node(at: RelativePath("outside")!)!
    try? volume.link(frame.node, FileName("link\(generation)"), in: outside, kernel.clock)
    volume.syncLast()
    say("somebody links \(frame.name) elsewhere")
  }

  func toggleVault() {
    if kernel.isMounted(vault) {
      say("the vault is unmounted")
      kernel.unmount("/vault")
    } else {
      say("the vault is mounted again")
      kernel.mount(vault, at: "/vault")
    }
  }

  /// The hot folder's own file system, with the destination beside it.
  func toggleHot() {
    if kernel.isMounted(volume) {
      say("the hot folder's volume is unmounted")
      kernel.unmount("/volume")
      watcher.unmounted()
    } else {
      mountHot()
    }
  }

  func mountHot() {
    say("the hot folder's volume is mounted again")
    kernel.mount(volume, at: "/volume")
    watcher.mountsChanged()
  }

  func toggleSpace() {
    let volume = random.once(in: 2) ? volume : vault
    volume.reserved = volume.reserved > 0 ? 0 : volume.free - Int.random(in: 0...60, using: &random)
    say("\(volume.name) has \(volume.free) bytes left")
  }

  func toggleReadOnly() {
    vault.isReadOnly.toggle()
    say("the vault is \(vault.isReadOnly ? "read-only" : "writable")")
  }

  func overflow() {
    say("the kernel's queue overflows")
    watcher.overflow()
  }
}
