import Files
import Glibc
import Paths
import Synchronization

/// Whether the hot folders and destinations at their paths are those that this run began with.
///
/// A path alone says little: below a volume that was unmounted lies an empty directory under the same path. Absence
/// counts only where the directory above it was itself seen in the same look, so looks at a hot folder go through
/// `open`, and nothing is written at a destination that `expected` does not name.
package final class Presence: Sendable {
  package enum Place: Hashable, Sendable {
    case hotFolder(Int)
    /// By its path.
    case destination(String)
  }

  /// One directory, as it was when it counted.
  private struct Ground {
    let identity: MountIdentity
    let device: UInt64
    let mount: UInt64

    init(of directory: Descriptor) throws(SystemError) {
      identity = try MountIdentity(of: directory)
      let status = try directory.status()
      device = status.device
      mount = status.mountID
    }

    /// A directory that was made anew in the mount that was there all the time is nobody else's.
    func hasBecome(_ other: Ground) -> Bool {
      identity == other.identity || device == other.device && mount == other.mount
    }
  }

  private let hotFolders: [HotFolder]
  private let grounds = Mutex<[Place: Ground]>([:])
  /// Places where volumes were mounted in an earlier run, and nothing is in this one: what lies there bare is not they.
  private let bare = Mutex<Set<Place>>([])

  init(hotFolders: [HotFolder]) { self.hotFolders = hotFolders }

  /// From here on, what lies at the path counts.
  func accept(_ place: Place) throws(SystemError) {
    let ground = try Ground(of: Descriptor.directory(at: path(of: place)))
    grounds.withLock { $0[place] = ground }
  }

  /// From here on, the place is not there until a volume is mounted at it, whichever that is.
  func expectMount(_ place: Place) {
    bare.withLock { _ = $0.insert(place) }
    grounds.withLock { $0[place] = nil }
  }

  /// From here on, what lies at the path counts, unless a volume `wasMounted` there in an earlier run and none is now.
  ///
  /// - Returns: whether one is mounted.
  func acceptIfMounted(_ place: Place, wasMounted: Bool) throws(SystemError) -> Bool {
    // It may come or go between two looks: what counts is what was there before and after.
    var isMounted = try isMountPoint(place)
    try accept(place)
    if isMounted { isMounted = try isMountPoint(place) }
    if wasMounted, !isMounted { expectMount(place) }
    return isMounted
  }

  /// Whether the directory is the root of a mount.
  func isMountPoint(_ place: Place) throws(SystemError) -> Bool {
    let path = path(of: place)
    guard let slash = path.lastIndex(of: "/"), path != "/" else { return true }
    let above = slash == path.startIndex ? "/" : String(path[..<slash])
    return try Descriptor.directory(at: path).status().mountID
      != Descriptor.directory(at: above).status().mountID
  }

  /// What the directory there has to be; nil before it was accepted.
  package func expected(_ place: Place) -> MountIdentity? {
    if isAwaited(place) { return MountIdentity.none }
    return grounds.withLock { $0[place]?.identity }
  }

  /// Whether a volume has to be mounted there first.
  func isAwaited(_ place: Place) -> Bool { bare.withLock { $0.contains(place) } }

  /// Opens the directory if it is there.
  ///
  /// - Throws: ESTALE if nothing, or something else, lies at its path: never ENOENT, which would look like a removal.
  func open(_ place: Place) throws(SystemError) -> Descriptor {
    switch look(at: place) {
    case .there(let directory): return directory
    case .failed(let error)
    where error.errno != .notFound && error.errno != .notADirectory: throw error
    default: throw SystemError("open", shown(Array(path(of: place).utf8)), errno: .stale)
    }
  }

  /// Why the directory is not there, in words that follow its path; nil if it is.
  package func absence(of place: Place) -> String? {
    switch look(at: place) {
    case .there: nil
    case .failed(let error): "is not there: \(error.errno.message)"
    case .unmarked(let marker): "is not there: its volume's marker \(marker) is missing"
    case .another: "is not there: another volume, or none, is mounted than before"
    case .bare:
      "is not there: a volume was mounted at it before, and none is; mount it, or start once with --accept-unmounted"
    }
  }

  /// The same as a sentence.
  func sentence(of place: Place) -> String? {
    absence(of: place).map { "\(shown(Array(path(of: place).utf8))) \($0)" }
  }

  /// What is known from an earlier run to be there counts for this one too, whatever lay at the path when it began.
  func accept(_ place: Place, ifIt identity: MountIdentity) {
    guard case .another = look(at: place) else { return }
    do throws(SystemError) {
      let ground = try Ground(of: Descriptor.directory(at: path(of: place)))
      if ground.identity == identity { grounds.withLock { $0[place] = ground } }
    } catch {
      // Looked at again before it is used.
    }
  }

  private enum Look {
    case there(Descriptor)
    case failed(SystemError)
    case unmarked(String)
    case another
    case bare
  }

  private func look(at place: Place) -> Look {
    do throws(SystemError) {
      let directory = try Descriptor.directory(at: path(of: place))
      if case .hotFolder(let index) = place, let marker = hotFolders[index].marker {
        // A volume that bears its marker is the right one, whatever else it is.
        var status = stat()
        return lstat(marker, &status) == 0
          ? .there(directory) : .unmarked(shown(Array(marker.utf8)))
      }
      if bare.withLock({ $0.contains(place) }) {
        guard try isMountPoint(place) else { return .bare }
        try accept(place)
        bare.withLock { _ = $0.remove(place) }
      }
      let now = try Ground(of: directory)
      return grounds.withLock { grounds in
        guard let before = grounds[place] else { return .there(directory) }
        guard before.hasBecome(now) else { return .another }
        grounds[place] = now
        return .there(directory)
      }
    } catch {
      return .failed(error)
    }
  }

  private func path(of place: Place) -> String {
    switch place {
    case .hotFolder(let index): hotFolders[index].path
    case .destination(let path): path
    }
  }
}
