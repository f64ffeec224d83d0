import Files
import Paths
import Watching

/// What `Watching` tells of the hot folder's changes, by its contract: in order, listings between, a rename in one piece
/// or in two, and after lost events all of it again.
final class ModelWatcher {
  private let volume: Volume
  /// The hot folder's directory, below the volume's root.
  private let root: RelativePath
  private(set) var events: [WatchEvent] = []
  var isOn = false

  init(_ volume: Volume, at root: RelativePath) {
    self.volume = volume
    self.root = root
  }

  func start() {
    events = []
    isOn = true
    events += listing(of: .root)
    events.append(.walked(Place(root: 0, path: .root)))
  }

  func stop() {
    isOn = false
    events = []
  }

  func take(_ count: Int) -> [WatchEvent] {
    let taken = Array(events.prefix(count))
    events.removeFirst(taken.count)
    return taken
  }

  /// The kernel's queue overflows: what waits is lost, and all is told again.
  func overflow() {
    guard isOn else { return }
    events = rescanned(Place(root: 0, path: .root), .overflow)
  }

  /// Nothing is told any more of a volume that is gone, but that it is.
  func unmounted() {
    if isOn { events.append(.unmounted(Place(root: 0, path: .root))) }
  }

  func mountsChanged() {
    if isOn { events.append(.mountsChanged) }
  }

  /// - Parameter first: whether the listing overtakes the events that wait, as one that is made at once does.
  func rescan(_ place: Place, first: Bool) {
    guard isOn else { return }
    let told = rescanned(place, .asked)
    events = first ? told + events : events + told
  }

  private func rescanned(_ place: Place, _ cause: RescanCause) -> [WatchEvent] {
    guard let node = volume.node(at: root.appending(place.path)), node.kind == .directory else {
      return []
    }
    var told: [WatchEvent] = [.rescanning(place, because: cause)]
    if !place.path.isRoot { told.append(.directoryAppeared(place)) }
    return told + listing(of: place.path) + [.walked(place)]
  }

  private func listing(of path: RelativePath) -> [WatchEvent] {
    guard let node = volume.node(at: root.appending(path)) else { return [] }
    var told: [WatchEvent] = []
    let entries = node.entries.sorted {
      (isSentinel($0.key) ? 0 : 1, $0.key) < (isSentinel($1.key) ? 0 : 1, $1.key)
    }
    for (name, child) in entries {
      let place = Place(root: 0, path: path.appending(name))
      switch child.kind {
      case .directory:
        told.append(.directoryAppeared(place))
        told += listing(of: place.path)
      case .file: told.append(.file(place, .found))
      default: told.append(.special(place, child.kind))
      }
    }
    return told
  }

  private func isSentinel(_ name: FileName) -> Bool {
    name.bytes.suffix(7).elementsEqual(".cancel".utf8)
  }

  // MARK: Changes

  /// - Parameter splits: whether the two halves of a rename come apart.
  func tell(_ change: NameChange, splits: Bool) {
    guard isOn else { return }
    switch change {
    case .make(let node, let name):
      guard let place = place(name) else { return }
      switch node.kind {
      case .directory: events.append(.directoryAppeared(place))
      case .file: events.append(.file(place, .created))
      default: events.append(.special(place, node.kind))
      }
    case .link(_, let name):
      if let place = place(name) { events.append(.file(place, .created)) }
    case .unlink(let node, let name):
      guard let place = place(name) else { return }
      events.append(node.kind == .directory ? .directoryRemoved(place) : .fileRemoved(place))
    case .rename(let node, let from, let to, _):
      renamed(node, from: place(from), to: place(to), splits)
    case .exchange(let a, let from, let b, let to):
      renamed(a, from: place(from), to: place(to), false)
      renamed(b, from: place(to), to: place(from), false)
      if let place = place(to), a.kind == .file { events.append(.file(place, .arrived)) }
    }
  }

  private func renamed(_ node: Node, from: Place?, to: Place?, _ splits: Bool) {
    if splits, let from { events.append(.leaving(from)) }
    if node.kind == .directory {
      if let from {
        events.append(.directoryMoved(from: from, to: to))
      } else if let to {
        // From outside: it has not left its old place yet.
        events.append(.directoryAppeared(to))
        arrivals.append((node, to.path))
      }
    } else {
      if let from { events.append(.fileMoved(from: from, to: to)) }
      if let to { events.append(.file(to, .arrived)) }
    }
  }

  /// Directories that came from outside, to be listed once they are there.
  private var arrivals: [(Node, RelativePath)] = []

  func listArrivals() {
    for (_, path) in arrivals where isOn { events += listing(of: path) }
    arrivals = []
  }

  func closed(_ node: Node) {
    guard isOn else { return }
    for name in node.places {
      if let place = place(name) { events.append(.file(place, .closed)) }
    }
  }

  /// Where a name lies in the hot folder; nil if it does not.
  private func place(_ name: Name) -> Place? {
    volume.path(of: name.parent)?.appending(name.name).relative(to: root).map {
      Place(root: 0, path: $0)
    }
  }
}
