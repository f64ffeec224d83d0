import Files
import Paths

/// What the watch thread does and owns; nothing of it is touched by another thread.
///
/// Each turn serves what was asked, reads events, then walks for a moment, so that neither a burst of events nor the walk of
/// 100,000 directories holds up the other.
final class Loop {
  let notifier: Notifier
  /// Tells when a root's path may lead elsewhere.
  var places: RootPlaces
  var tree = Tree()
  var descriptors = OpenDirectories()
  /// By the index of the root's node.
  var roots: [Int32: Root] = [:]
  var owners: [Int: Owner] = [:]

  var moves = PendingMoves()
  /// Directories that are being forgotten because they left, and where they were.
  var leaving: [NodeID: Place] = [:]
  var parked: [Parked] = []
  /// Roots with walks to go on with; the first is next.
  var busyRoots: [Root] = []
  /// The walk that is being gone on with.
  var stepping: Walk?
  var unmounted: [NodeID] = []
  var barriers: [Barrier] = []
  /// Numbers the listings of directories. A child not seen since the beginning of a listing is gone.
  var listed: UInt32 = 0
  /// The latest rename of a file, to know a swap by its second half.
  var lastFileMove: (from: Entry, to: Entry)?
  private var lastPath: (node: NodeID, version: UInt64, root: Root, path: RelativePath)?

  static let eventsPerTurn = 4096
  static let walkPerTurn = Duration.milliseconds(1)

  init(notifier: Notifier, places: RootPlaces) {
    self.notifier = notifier
    self.places = places
  }

  /// How long the thread may sleep until something must be done without being told; nil: for ever.
  func wait(now: Instant) -> Duration? {
    if hasUnreadEvents || places.isChanged || !busyRoots.isEmpty { return .zero }
    let next = [moves.deadline, parked.lazy.map(\.deadline).min()].compactMap(\.self).min()
    return next.map { max(.zero, now.duration(to: $0)) }
  }

  /// Whether the library may hold events in its buffer, of which `poll` knows nothing.
  private(set) var hasUnreadEvents = false

  func turn() {
    let read = readEvents()
    // What was told of a root before says better why it is not there.
    if places.isChanged, !hasUnreadEvents { checkRoots() }
    let resolved = expireMoves(now: .now)
    unpark(now: .now, somethingHappened: read > 0 || resolved)
    walk(until: .now + Loop.walkPerTurn)
    announceDepartures()
    for owner in owners.values { flush(owner) }
    passBarriers()
  }

  /// Before a sleep: nothing is held open that is not needed.
  func rest() {
    descriptors.removeAll()
    for root in roots.values { root.closeDirectory() }
  }

  private func readEvents() -> Int {
    for count in 0..<Loop.eventsPerTurn {
      guard let event = notifier.next() else {
        hasUnreadEvents = false
        tellUnmounts()
        return count
      }
      handle(event)
    }
    hasUnreadEvents = true
    return Loop.eventsPerTurn
  }

  // MARK: Where things are

  /// The root and path of a directory; nil while it is detached.
  func location(_ node: NodeID) -> (root: Root, path: RelativePath)? {
    if let last = lastPath, last.node == node, last.version == tree.version {
      return (last.root, last.path)
    }
    guard let root = roots[tree.top(of: node).index] else { return nil }
    let path = tree.path(of: node)
    lastPath = (node, tree.version, root, path)
    return (root, path)
  }

  func owner(of node: NodeID) -> Owner? {
    let top = tree.top(of: node)
    return roots[top.index]?.owner ?? moves.move(of: top)?.owner
  }

  // MARK: Telling

  func emit(_ event: WatchEvent, _ owner: Owner) {
    owner.batch.append(event)
    if owner.batch.count >= Owner.batchLimit { flush(owner) }
  }

  /// Tells of a new name, of which the kernel does not say whether it is a file's.
  func emitNew(_ entry: Entry, _ place: Place, _ change: Change, _ owner: Owner) {
    owner.unknown.append((owner.batch.count, entry))
    emit(.file(place, change), owner)
  }

  func flush(_ owner: Owner) {
    guard !owner.batch.isEmpty else { return }
    nameKinds(owner)
    owner.deliver(owner.batch)
    owner.batch.removeAll(keepingCapacity: true)
  }

  /// A name that was closed after writing is a file; at the other new ones we look, at the end of a batch, where a burst has
  /// brought most of the closings.
  private func nameKinds(_ owner: Owner) {
    guard !owner.unknown.isEmpty else { return }
    var closed: Set<Place> = []
    for case .file(let place, .closed) in owner.batch { closed.insert(place) }
    for (index, entry) in owner.unknown {
      guard case .file(let place, _) = owner.batch[index], !closed.contains(place),
        tree.isAlive(entry.parent),
        // What is gone by now is told by an event to come.
        case .open(let directory) = opened(entry.parent),
        let kind = directory.kind(of: entry.name), kind != .file, kind != .directory
      else { continue }
      owner.batch[index] = .special(place, kind)
    }
    owner.unknown.removeAll(keepingCapacity: true)
  }

  // MARK: Forgetting

  /// Takes the watches of a directory and all below it away.
  func forget(_ node: NodeID) {
    if let owner = owner(of: node) { forget(node, of: owner) }
  }

  func forget(_ node: NodeID, of owner: Owner) {
    resolveMoves(outOf: node)
    // By watch and not by path: the same directory may have come back, and then it has a node and a watch of its own.
    tree.remove(node) { watch in
      notifier.unwatch(watch)
      owner.watchCount.add(-1)
    }
  }

  func drop(_ root: Root) {
    forget(root.node)
    roots[root.node.index] = nil
    root.owner.roots[root.number] = nil
    places.watch(roots.values.map(\.path))
    busyRoots.removeAll { $0 === root }
    parked.removeAll { $0.walk.root === root }
    lastPath = nil
  }
}

/// Monotonic: a clock that jumps must not end a grace.
typealias Instant = SuspendingClock.Instant
