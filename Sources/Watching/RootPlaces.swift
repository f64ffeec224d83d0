import CInotifyTools
import Files
import Glibc

/// Tells when the path of a root may lead elsewhere than before.
///
/// `/proc/self/mountinfo` is ready for POLLPRI after every change of the mounts that this process sees: lazy, bind and
/// covering ones too, of which inotify tells nothing. The directories above the roots are watched for their own renames
/// and removals only, so that nothing that happens in them wakes the thread. See `proc_pid_mountinfo(5)`.
struct RootPlaces: Sendable {
  /// Whether a change has been heard of and nobody has looked since.
  var isChanged = false
  /// nil where they cannot be had: then only the roots' own watches tell.
  private let mounts: Int32?
  private let notifier: Int32?
  /// The directories above the roots, each with its watch.
  private var watches: [String: Int32] = [:]

  /// Its descriptors live as long as the process, like the thread that owns them.
  init() {
    let mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)
    self.mounts = mounts >= 0 ? mounts : nil
    let notifier = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
    self.notifier = notifier >= 0 ? notifier : nil
  }

  /// What to wait for besides other things.
  var sources: [pollfd] {
    [
      mounts.map { pollfd(fd: $0, events: Int16(POLLPRI), revents: 0) },
      notifier.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) },
    ].compactMap(\.self)
  }

  /// Takes what a poll of `sources` has found.
  mutating func read(_ polled: ArraySlice<pollfd>) {
    for source in polled where source.revents != 0 {
      if source.fd != notifier || readEvents(source.fd) { isChanged = true }
    }
  }

  /// Looks without waiting.
  mutating func look() {
    var sources = sources
    if poll(&sources, nfds_t(sources.count), 0) > 0 { read(sources[...]) }
  }

  /// Watches the directories above these roots, and no others.
  mutating func watch(_ roots: [String]) {
    guard let notifier else { return }
    var stand: [String: Int32] = [:]
    for directory in Set(roots.flatMap { ancestors(of: $0) }) {
      let events = UInt32(IN_MOVE_SELF | IN_DELETE_SELF) | UInt32(IN_ONLYDIR)
      let watch = inotify_add_watch(notifier, directory, events)
      // One that cannot be watched tells nothing; the others still do.
      if watch >= 0 { stand[directory] = watch }
    }
    for old in Set(watches.values).subtracting(stand.values) { inotify_rm_watch(notifier, old) }
    watches = stand
  }

  /// - Returns: whether a directory above a root is not where it was.
  private func readEvents(_ notifier: Int32) -> Bool {
    var isConcerned = false
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
      while true {
        let count = Glibc.read(notifier, buffer.baseAddress, buffer.count)
        guard count > 0 else { return }
        var at = 0
        while at < count {
          let event = (buffer.baseAddress! + at).load(as: inotify_event.self)
          // A watch that was taken away tells so too, and means nothing.
          isConcerned = isConcerned || event.mask & UInt32(IN_IGNORED) == 0
          at += MemoryLayout<inotify_event>.size + Int(event.len)
        }
      }
    }
    return isConcerned
  }
}

extension Loop {
  /// Asks each root's path where it leads, and tells of those that are not there any more.
  func checkRoots() {
    places.isChanged = false
    for root in Array(roots.values) {
      guard let event = departure(of: root) else { continue }
      emit(event, root.owner)
      drop(root)
    }
    // A directory above one may have been replaced.
    places.watch(roots.values.map(\.path))
    for owner in owners.values { emit(.mountsChanged, owner) }
  }

  /// What became of a root; nil if it is where it was, or cannot be asked.
  private func departure(of root: Root) -> WatchEvent? {
    let place = root.place(.root)
    do throws(SystemError) {
      if try root.isSame(as: OpenDirectory.root(at: root.path)) { return nil }
    } catch {
      switch error.errno {
      case .notFound, .notADirectory, .symlink: break
      // Its server went away, or its disk fails: nobody removed anything.
      case .stale, .notConnected, .inputOutput: return .unmounted(place)
      default: return nil
      }
    }
    // Renamed or removed only if the mount that held it is still the one above it.
    return mount(holding: root.path) == root.mount
      ? .directoryMoved(from: place, to: nil) : .unmounted(place)
  }

  /// The mount of the path, or of the deepest directory above it that exists.
  private func mount(holding path: String) -> UInt64? {
    for directory in [path] + ancestors(of: path) {
      do throws(SystemError) { return try OpenDirectory.root(at: directory).mount() } catch {
        continue
      }
    }
    return nil
  }
}

/// The directories above an absolute path, the nearest first.
private func ancestors(of path: String) -> [String] {
  var directories: [String] = []
  var rest = path[...]
  while let slash = rest.lastIndex(of: "/"), rest != "/" {
    rest = slash == rest.startIndex ? "/" : rest[..<slash]
    directories.append(String(rest))
  }
  return directories
}
