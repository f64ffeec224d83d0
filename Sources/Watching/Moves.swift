import Files
import Paths

/// A name in a directory, whatever the path of the directory is by now.
struct Entry: Hashable {
  let parent: NodeID
  let name: FileName
}

/// A rename of which the first half has been seen.
struct PendingMove {
  let cookie: UInt32
  let from: Entry
  /// Where `from` was when the event was read.
  let place: Place
  let owner: Owner
  /// The directory, where it was known.
  let node: NodeID?
  let isDirectory: Bool
  /// It left a scope that is being told again, which may have been before its turn came.
  let wasBeingTold: Bool
  let deadline: Instant
}

/// Renames that wait for their second half: a read may end between the two, and a rename out of the tree has one only.
struct PendingMoves {
  private var byCookie: [UInt32: PendingMove] = [:]
  private var byNode: [NodeID: UInt32] = [:]
  private var byEntry: [Entry: UInt32] = [:]
  /// Oldest first; those resolved since are still in it.
  private var order = Fifo<PendingMove>()
  private var unannounced: [UInt32] = []

  /// When the oldest gives up.
  private(set) var deadline: Instant?

  mutating func add(_ move: PendingMove) {
    byCookie[move.cookie] = move
    if let node = move.node { byNode[node] = move.cookie }
    byEntry[move.from] = move.cookie
    order.append(move)
    unannounced.append(move.cookie)
    if deadline == nil { deadline = move.deadline }
  }

  mutating func take(_ cookie: UInt32) -> PendingMove? {
    guard let move = byCookie.removeValue(forKey: cookie) else { return nil }
    if let node = move.node { byNode[node] = nil }
    if byEntry[move.from] == cookie { byEntry[move.from] = nil }
    if byCookie.isEmpty {
      order = Fifo()
      deadline = nil
    }
    return move
  }

  mutating func take(from entry: Entry) -> PendingMove? { byEntry[entry].flatMap { take($0) } }

  /// One at a time: where a move began depends on those of the directories above it.
  mutating func takeExpired(_ now: Instant) -> PendingMove? {
    guard let first = deadline, first <= now else { return nil }
    while let next = order.popFirst() {
      if byCookie[next.cookie] == nil { continue }
      deadline = next.deadline
      if next.deadline <= now { return take(next.cookie) }
      order.putBack(next)
      break
    }
    return nil
  }

  mutating func takeUnannounced() -> [PendingMove] {
    let moves = unannounced.compactMap { byCookie[$0] }
    unannounced = []
    return moves
  }

  var all: [PendingMove] {
    byCookie.isEmpty ? [] : byCookie.values.sorted { $0.cookie < $1.cookie }
  }

  func move(of node: NodeID) -> PendingMove? { byNode[node].flatMap { byCookie[$0] } }

  func isPending(_ cookie: UInt32) -> Bool { byCookie[cookie] != nil }

  func cookies(of owner: Owner) -> Set<UInt32> {
    Set(byCookie.values.lazy.filter { $0.owner === owner }.map(\.cookie))
  }
}

extension Loop {
  /// The first half of a rename; `node` is the directory, if it is one.
  func departed(_ entry: Entry, _ place: Place, _ node: NodeID?, _ owner: Owner, _ event: RawEvent)
  {
    var wasBeingTold = false
    if let node {
      wasBeingTold = interruptRescans(around: node)
      tree.detach(node)
    }
    moves.add(
      PendingMove(
        cookie: event.cookie, from: entry, place: place, owner: owner, node: node,
        isDirectory: event.isDirectory, wasBeingTold: wasBeingTold, deadline: .now + Watcher.grace))
  }

  /// Where a pending rename began, under the names that the directories above it have got meanwhile.
  private func place(from move: PendingMove) -> Place {
    let parent = move.from.parent
    guard tree.isAlive(parent) else { return move.place }
    if let (root, path) = location(parent) { return root.place(path.appending(move.from.name)) }
    let detached = tree.top(of: parent)
    guard let top = leaving[detached] ?? moves.move(of: detached).map(place) else {
      return move.place
    }
    return Place(
      root: top.root,
      path: top.path.appending(tree.path(of: parent)).appending(move.from.name))
  }

  /// A directory is about to move. Rescans of it and below it will have to begin again.
  ///
  /// - Returns: whether a rescan from above it is under way or to come: it may not have been told again yet.
  private func interruptRescans(around node: NodeID) -> Bool {
    guard let (root, _) = location(node) else { return false }
    var isBelowRescan = false
    for (scope, walk) in root.scopes where walk.isRescan && tree.isAlive(scope) {
      if tree.isAtOrBelow(scope, node) {
        if walk.hasStarted { walk.wasMoved = true }
      } else if tree.isAtOrBelow(node, scope) {
        isBelowRescan = true
      }
    }
    return isBelowRescan
  }

  func fileArrived(_ entry: Entry, _ place: Place, _ owner: Owner, _ cookie: UInt32) {
    guard let move = takeMove(cookie, isDirectory: false, owner) else {
      emitNew(entry, place, .arrived, owner)
      return
    }
    let from = self.place(from: move)
    emit(.fileMoved(from: from, to: place), owner)
    emitNew(entry, place, .arrived, owner)
    // Two files swapped: a → b, then b → a, and b still stands.
    if let last = lastFileMove, last.from == entry, last.to == move.from {
      tellAgain(last.to, from, owner)
    }
    lastFileMove = (move.from, entry)
  }

  func directoryArrived(_ entry: Entry, _ place: Place, _ root: Root, _ cookie: UInt32) {
    let move = takeMove(cookie, isDirectory: true, root.owner)
    let standing = tree.child(entry.name, of: entry.parent)
    if move?.node != nil, let standing { forget(standing) }
    if let move { emit(.directoryMoved(from: self.place(from: move), to: place), root.owner) }

    let doubtful = [entry] + (move.map { [$0.from] } ?? [])
    guard let moved = move?.node else {
      // From outside the tree, or from where it was not known any more: then nothing told of it is sure.
      let node = standing ?? tree.add(entry.name, under: entry.parent, seen: listed)
      if move != nil {
        rescan(node, .replaced)
      } else if standing == nil {
        emit(.directoryAppeared(place), root.owner)
        begin(.appearance, node, root)
      }
      if standing != nil { begin(.check(doubtful), node, root) }
      return
    }
    let isUnsure = standing != nil || tree[moved].isDirty || move?.wasBeingTold == true
    tree.attach(moved, entry.name, under: entry.parent, seen: listed)
    if isUnsure {
      rescan(moved, .replaced)
    } else if tree[moved].watch == Tree.none {
      begin(.appearance, moved, root)
    }
    verify(moved, root, doubtful)
  }

  /// Asks the kernel whether the directory at this place is the one the events speak of. Two directories swapped look like one
  /// renamed onto the other, and then back.
  private func verify(_ node: NodeID, _ root: Root, _ doubtful: [Entry]) {
    switch register(node) {
    case .ready(_, .same), .refused: break
    case .ready:
      rescan(node, .replaced)
      for entry in doubtful { look(at: entry) }
    // Moved on, or a directory above it was: asked again when we know.
    case .gone: begin(.check(doubtful), node, root)
    }
  }

  /// The first half of a rename by its cookie. Halves in the trees of two watchers are two events.
  private func takeMove(_ cookie: UInt32, isDirectory: Bool, _ owner: Owner) -> PendingMove? {
    guard let move = moves.take(cookie) else { return nil }
    if move.owner === owner, move.isDirectory == isDirectory { return move }
    leftTheTree(move)
    return nil
  }

  /// A rename whose second half did not come within the grace, or cannot come any more.
  func leftTheTree(_ move: PendingMove, nameIsTaken: Bool = false) {
    let from = place(from: move)
    if move.isDirectory {
      if let node = move.node, tree.isAlive(node), tree[node].standing == .detached {
        leaving[node] = from
        defer { leaving[node] = nil }
        forget(node, of: move.owner)
      }
      emit(.directoryMoved(from: from, to: nil), move.owner)
    } else {
      emit(.fileMoved(from: from, to: nil), move.owner)
    }
    if !nameIsTaken { tellAgain(move.from, from, move.owner) }
  }

  /// A name was told as gone. Something may stand there all the same: the other half of a swap, or something new that a walk
  /// has told before.
  private func tellAgain(_ entry: Entry, _ place: Place, _ owner: Owner) {
    guard tree.isAlive(entry.parent), location(entry.parent) != nil else { return }
    if let new = tree.child(entry.name, of: entry.parent) { return rescan(new, .replaced) }
    guard case .open(let directory) = opened(entry.parent) else {
      return rescan(entry.parent, .replaced)
    }
    switch directory.kind(of: entry.name) {
    case nil: break
    case .directory: look(entry.name, in: entry.parent)
    default: emitNew(entry, place, .arrived, owner)
    }
  }

  /// Something new has this name. Both halves of a rename are told before anything else in its directory, so a first half
  /// that still waits will stay alone, and must be told before the new one.
  func tookThePlace(_ entry: Entry) {
    guard let move = moves.take(from: entry) else { return }
    leftTheTree(move, nameIsTaken: true)
    if let standing = tree.child(entry.name, of: entry.parent) { rescan(standing, .replaced) }
  }

  /// What was renamed out of a directory that is gone will not turn up: the second half is told before the directory can go.
  func resolveMoves(outOf node: NodeID) {
    for move in moves.all
    where tree.isAlive(move.from.parent) && tree.isAtOrBelow(move.from.parent, node) {
      if let move = moves.take(move.cookie) { leftTheTree(move) }
    }
  }

  func expireMoves(now: Instant) -> Bool {
    var any = false
    while let move = moves.takeExpired(now) {
      leftTheTree(move)
      any = true
    }
    return any
  }

  /// Whoever works below a name that is gone must know at once, not after the grace.
  func announceDepartures() {
    for move in moves.takeUnannounced() { emit(.leaving(place(from: move)), move.owner) }
  }
}
