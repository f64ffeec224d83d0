import Files
import Foundation
import Paths
import Synchronization

@testable import Watching

/// What someone who believes the events thinks lies in the trees. Follows the words of `WatchEvent` and nothing else.
final class Mirror: Sendable {
  struct Content: Hashable {
    var files: Set<Place> = []
    var directories: Set<Place> = []
    var specials: Set<Place> = []
  }

  fileprivate struct State {
    var content = Content()
    /// What a running rescan has not told yet, by its scope.
    var untold: [Place: Set<Place>] = [:]
    var events: [WatchEvent] = []
    var largestBatch = 0
    var mountChanges = 0
  }

  private let state = Mutex(State())

  var content: Content { state.withLock { $0.content } }
  var events: [WatchEvent] { state.withLock { $0.events } }
  var largestBatch: Int { state.withLock { $0.largestBatch } }
  var mountChanges: Int { state.withLock { $0.mountChanges } }

  /// While closed, the watch thread is held at its next delivery: the tree changes, and it falls behind.
  let gate = Gate()

  func forgetEvents() { state.withLock { $0.events = [] } }

  func deliver(_ events: [WatchEvent]) {
    gate.pass()
    state.withLock { state in
      state.largestBatch = max(state.largestBatch, events.count)
      // Whoever mounts something on this machine causes it; it says nothing of the tree.
      state.events += events.filter { $0 != .mountsChanged }
      state.mountChanges += events.count { $0 == .mountsChanged }
      for event in events { state.apply(event) }
    }
  }
}

final class Gate: Sendable {
  private let condition = NSCondition()
  private let isClosed = Mutex(false)
  private let waiting = Mutex(0)

  /// Whether the watch thread stands before it.
  var isHolding: Bool { waiting.withLock { $0 } > 0 }

  func close() { isClosed.withLock { $0 = true } }

  func open() {
    condition.withLock {
      isClosed.withLock { $0 = false }
      condition.broadcast()
    }
  }

  func pass() {
    condition.withLock {
      waiting.withLock { $0 += 1 }
      while isClosed.withLock({ $0 }) { condition.wait() }
      waiting.withLock { $0 -= 1 }
    }
  }
}

extension Mirror.State {
  mutating func apply(_ event: WatchEvent) {
    switch event {
    case .file(let place, _):
      content.removeEverything(place)
      content.files.insert(place)
      told(place)
    case .special(let place, _):
      content.removeEverything(place)
      content.specials.insert(place)
      told(place)
    case .fileRemoved(let place), .fileMoved(let place, _):
      content.files.remove(place)
      content.specials.remove(place)
    case .directoryAppeared(let place):
      content.files.remove(place)
      content.specials.remove(place)
      content.directories.insert(place)
      told(place)
    case .directoryRemoved(let place), .directoryMoved(let place, nil), .unmounted(let place):
      content.removeDirectory(place)
      untold = untold.filter { !$0.key.isAtOrBelow(place) }
    case .directoryMoved(let from, let to?):
      untold = untold.filter { !$0.key.isAtOrBelow(from) && !$0.key.isAtOrBelow(to) }
      content.removeEverything(to)
      content.move(from, to)
      content.directories.insert(to)
      toldWhole(to)
    case .rescanning(let scope, _):
      let known = content.files.union(content.directories).union(content.specials)
      untold[scope] = known.filter { $0.isAtOrBelow(scope) && $0 != scope }
    case .walked(let scope):
      guard let gone = untold.removeValue(forKey: scope) else { return }
      content.removeAll(gone.contains)
    case .unreadable(let place, _):
      toldWhole(place)
    case .leaving, .duplicate, .mountsChanged: break
    }
  }

  private mutating func told(_ place: Place) {
    for scope in untold.keys { untold[scope]?.remove(place) }
  }

  /// A running rescan will not tell what lies below it, and means nothing by that.
  private mutating func toldWhole(_ place: Place) {
    for scope in untold.keys {
      untold[scope] = untold[scope]?.filter { !$0.isAtOrBelow(place) }
    }
  }
}

extension Mirror.Content {
  mutating func removeAll(_ isGone: (Place) -> Bool) {
    files = files.filter { !isGone($0) }
    directories = directories.filter { !isGone($0) }
    specials = specials.filter { !isGone($0) }
  }

  /// Whatever is known at a place, or below it.
  mutating func removeEverything(_ place: Place) {
    if directories.contains(place) { removeDirectory(place) }
    files.remove(place)
    specials.remove(place)
  }

  /// A file that took the name meanwhile stays.
  mutating func removeDirectory(_ place: Place) {
    removeAll { $0 != place && $0.isAtOrBelow(place) }
    directories.remove(place)
  }

  /// The directory at `from` and all below it get another name.
  mutating func move(_ from: Place, _ to: Place) {
    files = Set(files.map { $0 == from ? $0 : $0.moved(from, to) })
    specials = Set(specials.map { $0 == from ? $0 : $0.moved(from, to) })
    directories = Set(directories.map { $0.moved(from, to) })
  }

  /// What really lies in a tree.
  init(listing root: Descriptor, number: Int) throws {
    var pending = [RelativePath.root]
    while let path = pending.popLast() {
      for (name, kind) in try root.openDirectory(path).entries() {
        let place = Place(root: number, path: path.appending(name))
        switch kind {
        case .file: files.insert(place)
        case .directory:
          directories.insert(place)
          pending.append(place.path)
        default: specials.insert(place)
        }
      }
    }
  }
}

extension Place {
  func isAtOrBelow(_ other: Place) -> Bool {
    root == other.root && path.isAtOrBelow(other.path)
  }

  func moved(_ from: Place, _ to: Place) -> Place {
    guard root == from.root, let rest = path.relative(to: from.path) else { return self }
    return Place(root: to.root, path: to.path.appending(rest))
  }
}
