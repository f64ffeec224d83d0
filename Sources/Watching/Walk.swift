import Files
import Paths

/// The look at a scope: each directory is watched, then listed, its parent before it.
final class Walk {
  enum Reason {
    /// Of a directory that is new in a watched one.
    case appearance
    /// The first look at a root.
    case first
    case rescan(RescanCause)
    /// Only whether the directory is the one the tree takes it for. Names of which it is not known what they are by now are
    /// looked at afterwards.
    case check([Entry])
  }

  struct Listing {
    let node: NodeID
    let directory: OpenDirectory
    /// Of this listing; see `Loop.listed`.
    let serial: UInt32
    var isFirstPiece = true
  }

  let root: Root
  let scope: NodeID
  let reason: Reason
  /// See `Owner.epoch`; what a walk leads to belongs to its epoch.
  var epoch: Int

  /// Directories still to be looked at.
  var stack: [NodeID]
  var listing: Listing?
  var parked = 0
  /// When a directory first was not where the tree has it.
  var missingSince: [NodeID: Instant] = [:]

  var hasStarted = false
  var isInLane = false
  /// The scope itself could not be read.
  var isRefused = false
  /// A directory was left without a watch.
  var metLimit = false
  /// The scope was renamed meanwhile: told under two names, so it is told again.
  var wasMoved = false
  /// Asked for again while under way: what was listed already may have changed.
  var again: RescanCause?

  init(_ reason: Reason, _ scope: NodeID, _ root: Root, epoch: Int) {
    self.reason = reason
    self.scope = scope
    self.root = root
    self.epoch = epoch
    stack = [scope]
  }

  var isReady: Bool { listing != nil || !stack.isEmpty }

  /// Whether it ends in `walked`.
  var isOfScope: Bool {
    switch reason {
    case .first, .rescan: true
    case .appearance, .check: false
    }
  }

  /// Whether directories known already are told and looked at again.
  var isRescan: Bool { if case .rescan = reason { true } else { false } }
}

/// A directory that was not found where the tree has it: a rename we have not read of yet.
struct Parked {
  let walk: Walk
  let node: NodeID
  let deadline: Instant
}

extension Loop {
  func begin(_ reason: Walk.Reason, _ scope: NodeID, _ root: Root) {
    begin(Walk(reason, scope, root, epoch: epoch(root.owner)))
  }

  private func begin(_ walk: Walk) {
    if walk.isOfScope { walk.root.scopes[walk.scope] = walk }
    walk.root.walks[walk.epoch, default: 0] += 1
    enqueue(walk)
  }

  /// Of what begins now: whoever waits for a walk waits for what it leads to.
  private func epoch(_ owner: Owner) -> Int {
    if let stepping, stepping.root.owner === owner { return stepping.epoch }
    return owner.epoch
  }

  /// Tells a scope again; one walk of a scope at a time, and once more if it was under way.
  func rescan(_ node: NodeID, _ cause: RescanCause) {
    guard let (root, _) = location(node) else { return }
    guard let walk = root.scopes[node] else { return begin(.rescan(cause), node, root) }
    if walk.hasStarted { walk.again = walk.again ?? cause }
    let now = epoch(root.owner)
    if now < walk.epoch {
      root.walkEnded(walk.epoch)
      walk.epoch = now
      root.walks[now, default: 0] += 1
    }
  }

  func enqueue(_ walk: Walk) {
    guard !walk.isInLane else { return }
    walk.isInLane = true
    walk.root.lane.append(walk)
    if !busyRoots.contains(where: { $0 === walk.root }) { busyRoots.append(walk.root) }
  }

  /// Goes on with the walks, one root after the other, until `deadline`.
  func walk(until deadline: Instant) {
    while let root = busyRoots.first {
      busyRoots.removeFirst()
      guard let walk = root.lane.popFirst() else { continue }
      step(walk)
      // The root may be gone by what the step found.
      if roots[root.node.index] === root {
        if walk.isReady {
          // A long listing makes way for others, as long as few are open.
          let makesWay = walk.listing == nil || root.listings < Loop.listingsAtOnce
          if makesWay { root.lane.append(walk) } else { root.lane.putBack(walk) }
        } else {
          walk.isInLane = false
          if walk.parked == 0 { finish(walk) }
        }
        if !root.lane.isEmpty, !busyRoots.contains(where: { $0 === root }) {
          busyRoots.append(root)
        }
      }
      if Instant.now >= deadline { return }
    }
  }

  private static let listingsAtOnce = 4

  private func step(_ walk: Walk) {
    stepping = walk
    defer { stepping = nil }
    if walk.listing != nil {
      readPiece(of: walk)
    } else if let node = walk.stack.popLast(), tree.isAlive(node) {
      openDirectory(node, walk)
    }
  }

  private func openDirectory(_ node: NodeID, _ walk: Walk) {
    let isLate = walk.missingSince[node].map { $0 + Watcher.grace <= .now } ?? false
    let registration = register(node, isLate: isLate)
    if tree.isAlive(node), tree[node].watch == Tree.none { walk.metLimit = true }
    switch registration {
    case .refused:
      if node == walk.scope { walk.isRefused = true }
    case .gone:
      park(node, walk)
    case .ready(let directory, let state):
      walk.missingSince[node] = nil
      if case .check = walk.reason {
        if state != .same { rescan(node, .replaced) }
      } else if node == walk.scope, walk.isOfScope {
        if !walk.hasStarted || state == .replaced { start(walk) }
        startListing(node, directory, walk)
      } else if state == .replaced {
        // What was told of another directory under this name is void.
        rescan(node, .replaced)
      } else {
        startListing(node, directory, walk)
      }
    }
  }

  /// Not before the scope is open: nothing is told of a place that may be another by now.
  private func start(_ walk: Walk) {
    walk.hasStarted = true
    guard let (root, path) = location(walk.scope) else { return }
    guard case .rescan(let cause) = walk.reason else { return }
    emit(.rescanning(root.place(path), because: cause), root.owner)
    if !path.isRoot { emit(.directoryAppeared(root.place(path)), root.owner) }
  }

  private func finish(_ walk: Walk) {
    // What its end leads to is of its epoch too: who waits for the one waits for the other.
    stepping = walk
    defer { stepping = nil }
    walk.root.walkEnded(walk.epoch)
    // Whatever became of the directory itself: it may have been taken for the one that is still there.
    if case .check(let doubtful) = walk.reason {
      for entry in doubtful { look(at: entry) }
    }
    guard walk.isOfScope else { return }
    walk.root.scopes[walk.scope] = nil
    guard tree.isAlive(walk.scope), let (root, path) = location(walk.scope) else { return }
    if !walk.isRefused, !walk.wasMoved { emit(.walked(root.place(path)), root.owner) }
    if path.isRoot, !walk.metLimit { root.isLimited = false }
    if let cause = walk.again ?? (walk.wasMoved ? .replaced : nil) {
      // Of the old epoch: whoever waits for this walk wants its outcome.
      begin(Walk(.rescan(cause), walk.scope, root, epoch: walk.epoch))
    }
  }

  // MARK: Directories that are not where they were

  /// Sets a directory aside until more events have been read; after a grace without an explanation, its parent is told anew.
  private func park(_ node: NodeID, _ walk: Walk) {
    let isDetached = location(node) == nil
    let now = Instant.now
    let since = isDetached ? now : walk.missingSince[node] ?? now
    walk.missingSince[node] = since
    let deadline = since + Watcher.grace
    if deadline > now || isDetached {
      walk.parked += 1
      parked.append(Parked(walk: walk, node: node, deadline: deadline))
      return
    }
    walk.missingSince[node] = nil
    let parent = tree.parent(of: node)
    if let (root, path) = location(node) {
      emit(.directoryRemoved(root.place(path)), root.owner)
    }
    forget(node)
    if let parent { rescan(parent, .replaced) }
  }

  func unpark(now: Instant, somethingHappened: Bool) {
    guard !parked.isEmpty else { return }
    let all = parked
    parked = []
    for item in all {
      guard somethingHappened || item.deadline <= now else {
        parked.append(item)
        continue
      }
      item.walk.parked -= 1
      item.walk.stack.append(item.node)
      enqueue(item.walk)
    }
  }
}
