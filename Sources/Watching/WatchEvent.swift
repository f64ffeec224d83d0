import Files
import Paths

/// Somewhere in a watched tree: which root, and the path below it. The root itself has the empty path.
public struct Place: Hashable, Sendable, CustomStringConvertible {
  /// The number its watcher was given for the root.
  public let root: Int
  public let path: RelativePath

  public init(root: Int, path: RelativePath) {
    self.root = root
    self.path = path
  }

  /// For showing only.
  public var description: String { "\(path) (root \(root))" }
}

/// What was seen of a file.
public enum Change: Hashable, Sendable {
  /// A listing holds it: it lay there before its directory was watched, or it is seen again in a rescan.
  case found
  /// It was made or linked here; a writer may be at work (IN_CREATE).
  case created
  /// A writer closed it, which does not mean that it is finished (IN_CLOSE_WRITE).
  case closed
  /// It was renamed to this name (IN_MOVED_TO).
  case arrived
}

/// Something that happened in a watched tree.
///
/// Events come in the order of the kernel's queue, listings between them, so a name may be told twice (`found` and
/// `created`); what is told last about a name is what holds, and a directory that is told as something else is gone with all
/// below it. A sentinel is an ordinary name here, and may be of any kind
/// (`file`, `special`, `directoryAppeared`); in a directory seen for the first time, sentinels come before all else.
public enum WatchEvent: Hashable, Sendable {
  case file(Place, Change)
  case fileRemoved(Place)
  /// A file got another name; `to` is nil where it left the watched trees. With a new name, `.file(to, .arrived)` follows.
  case fileMoved(from: Place, to: Place?)

  /// A new directory, or one found by a listing. What it holds follows.
  case directoryAppeared(Place)
  /// A directory is gone with all below it. Of the root: it is no longer watched.
  case directoryRemoved(Place)
  /// A directory with all below it got another name; what it holds is not told again, and what was known at or below `to`
  /// is gone. `to` is nil where it left the watched trees (and is no longer watched); for the root it always is.
  case directoryMoved(from: Place, to: Place?)

  /// The name is gone by a rename, and the new one is not known yet. `fileMoved` or `directoryMoved` with this `from`
  /// follows within `Watcher.grace`; only renames whose two halves come apart tell this first.
  case leaving(Place)

  /// A symlink, FIFO, socket or device: never opened, never followed.
  case special(Place, FileKind)
  /// A file system is gone from here (IN_UNMOUNT): nothing was removed. Directories of it may be told one by one, the topmost
  /// last. The place is no longer watched; ask for `rescan`, or for the root `watch` again, when it is back. A root is told so
  /// too when its mount was detached lazily, or another one covers it.
  case unmounted(Place)
  /// Something was mounted, unmounted or moved somewhere: what was not there may be back. Roots that are not where they were
  /// are told before.
  case mountsChanged
  /// A directory that could not be read: nothing is known about what lies below it, least of all that it is gone.
  case unreadable(Place, SystemError)
  /// A directory that is watched already at another place (a bind mount, overlapping roots). It is not looked into.
  case duplicate(Place, of: Place)

  /// All of a scope is told again from here to its `walked`: `found`, `special` and `directoryAppeared` for what lies there
  /// now, the scope itself included if it is not the root.
  ///
  /// What was known below it and was not told in between, by whatever event, is gone at `walked`, but for what lies at or
  /// below an `unreadable` or `unmounted` place. A directory that is moved into the scope meanwhile brings what it holds, which
  /// is not told again: its new place counts as told with all below it. A rescan ends without `walked` if its scope, or a directory above, is told as
  /// removed or moved, or its scope as unreadable; then nothing follows from what was not told. Told again for the same
  /// scope, it begins anew.
  case rescanning(Place, because: RescanCause)
  /// The first look at a root, or a rescan, is complete.
  case walked(Place)
}

/// Why a scope is told again.
public enum RescanCause: Hashable, Sendable {
  /// The kernel's queue overflowed and events were lost.
  case overflow
  /// The limit of watches is reached. **Parts of this root are not watched**: changes there are told by rescans only, so
  /// whoever wants them must call `rescan` from time to time. Told once, until a rescan could watch everything again.
  case watchLimit(KernelLimit)
  /// Renames met in a way that leaves open which directory is where (two directories swapped, one renamed onto another).
  case replaced
  /// `rescan` was called.
  case asked
}

/// Why something cannot be watched.
public enum WatchError: Error, Hashable, Sendable, CustomStringConvertible {
  case system(SystemError)
  case limit(KernelLimit)
  /// The directory at this path is watched already.
  case watchedAlready(String, Place)

  public var description: String {
    switch self {
    case .system(let error): "\(error)"
    case .limit(let limit): "\(limit)"
    case .watchedAlready(let path, let place): "\(path) is watched already, as \(place)"
    }
  }
}
