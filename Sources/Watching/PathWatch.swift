import CInotifyTools
import CLinux
import Files
import Foundation
import Glibc
import Synchronization

/// Tells when what some paths mean may have changed: files written, renamed over, removed, and symlinks swapped on the way
/// there, as configuration management does.
///
/// For a handful of configuration paths, not for trees: every directory that holds a component of a path is watched for
/// that one name, a directory that is a path itself for all its names. It has an inotify instance of its own: that of
/// libinotifytools knows trees only, and its events must never wait for anything.
public final class PathWatch: Sendable {
  /// How long nothing may change before it is told: an editor's save is several events.
  public static let settle = Duration.milliseconds(40)
  /// Told after this long although it still changes.
  public static let patience = Duration.milliseconds(150)

  private let notifier: Int32
  private let doorbell: Int32
  private let onChange: @Sendable () -> Void
  private let wanted = Mutex(Wanted())

  private struct Wanted {
    var paths: [String] = []
    var isStale = true
    var isEnding = false
    var whenWatched: [CheckedContinuation<Void, Never>] = []
  }

  /// - Parameter onChange: called on a thread of this watch, once for changes that come close together; it must return
  ///   soon.
  /// - Throws: `.limit` at the limit of inotify instances.
  public init(onChange: @escaping @Sendable () -> Void) throws(WatchError) {
    self.onChange = onChange
    notifier = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
    guard notifier >= 0 else {
      let error = SystemError("inotify_init1", "inotify")
      throw error.errno.rawValue == EMFILE ? .limit(.instances()) : .system(error)
    }
    doorbell = hp_eventfd()
    guard doorbell >= 0 else {
      let error = SystemError("eventfd", "a doorbell")
      close(notifier)
      throw .system(error)
    }
    Thread { [self] in run() }.start()
  }

  /// Watches these instead of what was watched before; returns once the watches stand, so that whoever reads the paths now
  /// is told of every later change.
  ///
  /// - Parameter paths: absolute; files, directories (what lies directly in them counts), or nothing yet.
  public func watch(_ paths: [String]) async {
    await withCheckedContinuation { continuation in
      let isEnding = wanted.withLock {
        $0.paths = paths
        $0.isStale = true
        if !$0.isEnding { $0.whenWatched.append(continuation) }
        return $0.isEnding
      }
      if isEnding { return continuation.resume() }
      ring()
    }
  }

  /// Ends the thread; nothing is told after it has seen this.
  public func stop() {
    wanted.withLock { $0.isEnding = true }
    ring()
  }

  private func ring() {
    var one: UInt64 = 1
    _ = write(doorbell, &one, 8)
  }

  // MARK: the thread

  private func run() {
    Thread.current.name = "hotplate-rules"
    var signals = sigset_t()
    sigfillset(&signals)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    var watches = PathWatches(notifier: notifier)
    var changed: (first: ContinuousClock.Instant, last: ContinuousClock.Instant)?
    while true {
      let (paths, isEnding, waiting) = wanted.withLock { wanted in
        defer {
          wanted.isStale = false
          wanted.whenWatched = []
        }
        return (wanted.isStale ? wanted.paths : nil, wanted.isEnding, wanted.whenWatched)
      }
      if let paths { watches.watch(paths) }
      for continuation in waiting { continuation.resume() }
      if isEnding { break }
      wait(until: changed.map { min($0.last + Self.settle, $0.first + Self.patience) })
      if watches.readEvents() {
        // What the paths mean may be elsewhere now; the watches must stand there before anybody reads it.
        watches.renew()
        changed = (changed?.first ?? .now, .now)
      }
      if let (first, last) = changed,
        .now >= last + Self.settle || .now >= first + Self.patience
      {
        changed = nil
        onChange()
      }
    }
    close(notifier)
    close(doorbell)
  }

  private func wait(until due: ContinuousClock.Instant?) {
    let milliseconds = due.map {
      max(0, Int32(ContinuousClock.now.duration(to: $0) / .milliseconds(1)) + 1)
    }
    var sources = [
      pollfd(fd: notifier, events: Int16(POLLIN), revents: 0),
      pollfd(fd: doorbell, events: Int16(POLLIN), revents: 0),
    ]
    poll(&sources, 2, milliseconds ?? -1)
    var count: UInt64 = 0
    _ = read(doorbell, &count, 8)
  }
}
