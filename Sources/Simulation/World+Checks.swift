import Files
import Ingest
import Journal
import Paths
import ReadModel

/// The invariants.
extension World {
  // MARK: After each step

  /// Nothing is lost: what was made and not removed by its owner would survive a power cut now.
  func checkOwed(_ when: String) {
    var durable: Set<[UInt8]> = []
    for volume in [volume, vault] {
      for node in volume.nodes.values where node.kind == .file && node.durableLinks > 0 {
        durable.insert(node.durableBytes)
      }
    }
    for (content, name) in owed where !durable.contains(content) {
      owed[content] = nil
      broken("\(when): \(name) is lost: \(text(content))")
    }
    for (id, found) in foreign {
      let there = found.volume.node(at: found.path)
      let mayBeReplaced =
        found.path.components.contains("r")
        && daemon?.current.map { found.lateFor.contains($0) } != true
      if there !== found.node, !mayBeReplaced, !isOnItsWay(found) {
        broken("\(when): somebody's own file at \(found.path) was taken away")
        foreign[id] = nil
      }
    }
    for directory in base.nodes.values
    where directory !== base.root && !directory.entries.isEmpty
      && ["vault", "volume"].contains(directory.places.first?.name)
    {
      broken("\(when): something was written below the vault's mount point")
    }
  }

  /// What is visible under a final name is whole.
  func checkVisible() {
    for (volume, root) in destinations {
      forEachVisible(volume, root) { path, node in
        if foreign[ObjectIdentifier(node)] != nil || node.places.count > 1 { return }
        guard let name = complete[node.bytes] else {
          return broken("\(path) holds what was never whole: \(text(node.bytes))")
        }
        if finalName(of: name) != path.name {
          broken("\(path) holds what was \(name)")
        }
      }
    }
  }

  /// Whether an undo that waits for a disk has taken it aside to look at it.
  private func isOnItsWay(_ found: Foreign) -> Bool {
    journal.undos().contains { undo in
      let aside = found.path.parent.appending(FileName(".hotplate-\(undo.job).undo"))
      return found.volume.node(at: aside.appending(found.path.name!)) === found.node
    }
  }

  private var destinations: [(Volume, RelativePath)] { [(volume, Self.shows), (vault, .root)] }

  private func forEachVisible(
    _ volume: Volume, _ root: RelativePath, _ body: (RelativePath, Node) -> Void
  ) {
    guard let top = volume.node(at: root) else { return }
    var pending = [(root, top)]
    while let (path, directory) = pending.popLast() {
      for (name, node) in directory.entries.sorted(by: { $0.key < $1.key }) {
        if name.bytes.starts(with: ".hotplate-".utf8) { continue }
        if node.kind == .directory { pending.append((path.appending(name), node)) }
        if node.kind == .file { body(path.appending(name), node) }
      }
    }
  }

  private func finalName(of source: FileName) -> FileName? {
    let parts = source.bytes.split(separator: UInt8(ascii: "."))
    guard parts.count == 3, let number = Int(String(decoding: parts[1], as: UTF8.self)) else {
      return nil
    }
    let digits = String(10_000 + number).dropFirst()
    return FileName("\(String(decoding: parts[0], as: UTF8.self)).\(digits).dat")
  }

  /// A directory that we made appears whole.
  func checkWhole(_ call: ModelKernel.Call) {
    guard let volume = call.volume, let daemon else { return }
    for job in daemon.intake.jobs.values
    where job.state == .committing && job.plan.conflict != .skip {
      for directory in Set(job.plan.files.map(\.destination.parent)) {
        let path = (volume === vault ? RelativePath.root : Self.shows).appending(directory)
        guard let node = volume.node(at: path), isStagedBy(node, job.id) else { continue }
        let planned = job.plan.files.filter { $0.destination.parent == directory }
        let here = planned.filter { node.entries[$0.destination.name!] != nil }
        if here.count != planned.count, !wholeOnce.contains(ObjectIdentifier(node)) {
          broken("\(path) was seen with \(here.count) of \(planned.count) frames")
        }
        // From here on others may take away what they like.
        wholeOnce.insert(ObjectIdentifier(node))
      }
    }
  }

  // MARK: At a row

  func check(row id: JobID, _ old: JobState?, _ new: JobState) {
    guard let row = journal.rows[id], let job = row.job else { return }
    let isReopened = old == .done && new == .committing && !row.record.durable && isPowerCut
    let isRetried = old == .failed && new == .queued
    if let old, old.isFinal, !isReopened, !isRetried { broken("\(id) went from \(old) to \(new)") }
    // Held after its commit nothing of it is visible, and it may be cancelled like any other.
    if let commit = row.states.lastIndex(of: .committing), row.states.last == .cancelled,
      !row.states[commit...].contains(.held)
    {
      broken("\(id) is committed and cancelled")
    }
    if new == .queued, old == nil {
      checkIsNew(row)
      checkIsAllowed(row)
    }
    if new == .cancelling { checkAbsence(row, job) }
    // It looks at the destination again.
    if new == .staging { for key in foreign.keys { foreign[key]?.lateFor.remove(id) } }
    if new == .cancelled, row.reason?.code == .user {
      barred[id] = Dictionary(uniqueKeysWithValues: job.plan.files.map { ($0.source, $0.snapshot) })
    }
    if new == .committing || new == .done { noteContents(row) }
    switch new {
    case .committing where old == .cancelling:
      broken("\(id) is committed after its cancel stood in the journal")
    case .committing where old == .staged:
      let standing = sentinels(over: job)
      if sentinelsAtCommit.contains(where: { node in standing.contains { $0 === node } }) {
        broken("\(id) was committed below a sentinel")
      }
    case .cancelled: checkNoTrace(job)
    default: break
    }
  }

  /// Nothing is taken again that was published as it is.
  private func checkIsNew(_ row: ModelJournal.Row) {
    for other in journal.rows.values
    where other.record.number < row.record.number && other.state == .done {
      for frame in row.frames {
        let same = other.frames.first {
          $0.source == frame.source && $0.inode == frame.inode && $0.birth == frame.birth
            && $0.size == frame.size && $0.modified == frame.modified
            && $0.changed == frame.changed && $0.outcome == nil
        }
        if same != nil {
          broken("\(frame.source), published by \(other.record.id), is taken by \(row.record.id)")
        }
      }
    }
  }

  /// What a person has cancelled does not come again as it was.
  private func checkIsAllowed(_ row: ModelJournal.Row) {
    let files = Dictionary(
      uniqueKeysWithValues: row.job!.plan.files.map { ($0.source, $0.snapshot) })
    for (id, stone) in barred where stone == files {
      broken("what was cancelled by hand as \(id) is taken again by \(row.record.id)")
    }
  }

  /// Nothing counts as removed while it lies where it lay.
  private func checkAbsence(_ row: ModelJournal.Row, _ job: Job) {
    guard row.reason?.code == .sourceRemoved else { return }
    let isThere = job.plan.files.allSatisfy { file in
      volume.node(at: Self.hot.appending(file.source))?.snapshot == file.snapshot
    }
    if isThere { broken("\(job.id) is cancelled as removed, and all of it is there") }
  }

  private func noteContents(_ row: ModelJournal.Row) {
    let volume = row.job?.plan.destinationRoot == "/vault" ? vault : volume
    let nodes = Dictionary(
      volume.nodes.values.map { (InodeKey(inode: $0.number, birth: $0.birth), $0) },
      uniquingKeysWith: { first, _ in first })
    for (ordinal, key) in row.staged {
      // Afterwards it may be rewritten; what was staged again is noted once it is done.
      guard let node = nodes[key], committed[row.record.id]?[ordinal] == nil else { continue }
      committed[row.record.id, default: [:]][ordinal] = node.bytes
    }
  }

  private func checkNoTrace(_ job: Job) {
    for volume in [volume, vault] {
      for node in volume.nodes.values {
        if node.places.contains(where: { $0.name == FileName(".hotplate-\(job.id)") }) {
          broken("\(job.id) is cancelled and \(volume.path(of: node)!) is still there")
        }
      }
    }
    let root = job.plan.destinationRoot == "/vault" ? RelativePath.root : Self.shows
    let volume = job.plan.destinationRoot == "/vault" ? vault : volume
    for file in job.plan.files {
      if let node = volume.node(at: root.appending(file.destination)), isStagedBy(node, job.id),
        foreign[ObjectIdentifier(node)] == nil
      {
        broken("\(job.id) is cancelled and \(file.destination) is visible")
      }
    }
  }

  private func isStagedBy(_ node: Node, _ id: JobID) -> Bool {
    madeBy[ObjectIdentifier(node)] == id
  }

  /// Remembers who made what.
  func note(_ change: NameChange, on volume: Volume) {
    guard case .make(let node, let name) = change, let path = volume.path(of: name.parent) else {
      return
    }
    for component in path.components where component.bytes.starts(with: ".hotplate-".utf8) {
      madeBy[ObjectIdentifier(node)] = String(
        decoding: component.bytes.dropFirst(10), as: UTF8.self)
      keepAlive.append(node)
    }
  }

  // MARK: At rest

  func checkAtRest() {
    checkOwed("at rest")
    checkVisible()
    guard let daemon else { return broken("no daemon at rest") }
    for job in daemon.intake.jobs.values where job.state != .held && job.state != .failed {
      broken("\(job.id) is stuck in \(job.state)")
    }
    for row in journal.rows.values where !row.state.isFinal && row.state != .held {
      broken("\(row.record.id) is stuck in \(row.state) by its row")
    }
    for arrival in daemon.intake.arrivals.values {
      switch arrival.phase {
      case .blocked, .held: break
      default:
        broken(
          "\(arrival.key.directory.path) \(arrival.files.keys.map(\.description).sorted()) still \(arrival.phase)"
        )
      }
    }
    for (volume, node) in [volume, vault].flatMap({ volume in
      volume.nodes.values.map { (volume, $0) }
    }) {
      for place in node.places where place.name.bytes.starts(with: ".hotplate-".utf8) {
        let parts = place.name.bytes.dropFirst(10).split(separator: UInt8(ascii: "."))
        let id = String(decoding: parts[0], as: UTF8.self)
        let row = journal.rows[id]
        let isUnfinished = row.map { !$0.state.isFinal } ?? false
        let isReported =
          row?.notes.contains { $0.contains("staging") || $0.contains(".hotplate-") } ?? false
        // Made in the instant in which somebody moved the directory around it away.
        let isOutside = volume.path(of: node)!.components.first == "outside"
        // Second names go along with a directory that is moved during an undo, and are removed at the next start.
        let isOfUndo = place.name.bytes.suffix(5).elementsEqual(".undo".utf8)
        let isLeftBehind =
          isOutside && (node.entries.isEmpty || isOfUndo)
          || isOfUndo && !isRestarted && hasMovedDirectories
        if !isUnfinished, !isReported, !isLeftBehind {
          broken("\(volume.path(of: node)!) is left over")
        }
      }
    }
    checkAnswers(daemon)
  }

  private func checkAnswers(_ daemon: ModelDaemon) {
    var pending = [(RelativePath.root, volume.node(at: Self.hot)!)]
    while let (path, directory) = pending.popLast() {
      for (name, node) in directory.entries {
        if name.bytes.starts(with: ".hotplate-".utf8) { continue }
        let place = path.appending(name)
        if name.bytes.suffix(7).elementsEqual(".cancel".utf8) { continue }
        if node.kind == .directory { pending.append((place, node)) }
        if node.kind == .file { checkAnswer(place, node, daemon) }
      }
    }
  }

  private func checkAnswer(_ path: RelativePath, _ node: Node, _ daemon: ModelDaemon) {
    guard daemon.intake.knows(path) else { return broken("\(path) has no answer") }
    guard let id = daemon.intake.publisher(of: path), let row = journal.rows[id],
      complete[node.bytes] != nil
    else { return }
    let isDelivered = row.frames.contains {
      $0.source.name == path.name
        && ($0.outcome == "skipped" || committed[id]?[$0.ordinal] == node.bytes
          // Whoever writes to a linked source writes to what was delivered.
          || volume.node(at: Self.shows.appending($0.destination)) === node)
    }
    if !isDelivered {
      broken("\(path) is called published by \(id), and \(text(node.bytes)) never was")
    }
  }

  private func text(_ content: [UInt8]) -> String {
    "'\(String(decoding: content, as: UTF8.self))'"
  }
}
