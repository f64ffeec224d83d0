import Files
import Paths
import Synchronization

/// Directory trees become an ordered stream of what happened in them.
///
/// **One thread.** inotify tells of a directory only after a watch on it stands, and a directory can be filled before that, so
/// watching a tree means reading events and listing directories by turns, with one view of where each directory is. One
/// thread that owns that view needs no locks and keeps the kernel's order. It does nothing else: with 20 µs of other work per
/// event a burst overflows the kernel's queue of 16,384 events, so `deliver` only queues.
///
/// **libinotifytools as it is.** Its state is static: one descriptor in a process, which all watchers here share. It
/// initialises and it reads (64 KiB at a time, event by event, waiting for none: `next_events(0, 1)`); we find its
/// descriptor, add and remove watches on that, and `poll` it. Its own table of watches is not used: it goes stale when
/// directories are renamed, keeps an entry for each directory that ever was, and watches children before their parent, which
/// loses what happens in between. The tree in `Tree` costs a third and makes a rename one relink.
///
/// **Order of things.** `Events` says what an event means, `Moves` joins the halves of renames, `Registering` watches a
/// directory and asks the kernel which one it is, `Walk` and `Listings` look at what lies there.
///
/// **What inotify does not tell.** Lazy and covering mounts are told by `/proc/self/mountinfo`, renames above a root by watches
/// on the directories there; either way each root's path is asked where it leads by now (`RootPlaces`). Other hosts' changes on
/// network file systems are not seen here.
public final class Watcher: Sendable {
  /// How long the first half of a rename waits for its second half.
  public static let grace = Duration.milliseconds(50)

  private let thread: WatchThread
  private let id: Int
  private let count = WatchCount()

  /// Make the first one early in the process: the library cannot serve descriptors from 1024 up.
  ///
  /// - Parameter deliver: called on the watch thread with some thousand events at most. It must return at once, and only
  ///   queue: while it runs nothing is read, for no watcher of this process.
  public init(deliver: @escaping @Sendable ([WatchEvent]) -> Void) throws(WatchError) {
    thread = try WatchThread.shared.get()
    id = nextID.add(1, ordering: .relaxed).newValue
    thread.perform { [id, count] loop in
      loop.owners[id] = Owner(deliver: deliver, watchCount: count)
    }
  }

  deinit {
    thread.perform { [id] loop in loop.stop(id) }
  }

  /// Directories watched now, each one a watch of the kernel.
  public var watchCount: Int { count.current }

  /// How many the kernel allows this user's programs together; nil if it does not say.
  public static var limit: Int? { KernelLimit.watches(used: 0).value }

  /// Watches a directory and all below it, under the number `root`; returns when the directory itself is watched.
  ///
  /// Then come what lies there and `.walked` of the root. Symlinks in `path` are followed, none below it. A root of the same
  /// number is replaced.
  ///
  /// - Parameter expected: what the directory has to be; nil for whatever lies there.
  /// - Throws: `.system` if there is no such directory or it may not be read, with ESTALE if it is not the expected one;
  ///   `.limit` at the limit of watches, `.watchedAlready` if it is (part of) another root.
  public func watch(root: Int, at path: String, expecting expected: MountIdentity? = nil)
    async throws(WatchError)
  {
    try await ask { loop, id in loop.watch(id, root, path, expected) }.get()
  }

  /// Takes a root's watches away; nothing of it is delivered after this returns.
  public func unwatch(root: Int) async {
    await ask { loop, id in
      if let root = loop.owners[id]?.roots[root] { loop.drop(root) }
    }
  }

  /// Tells a directory and all below it again: `.rescanning`, what lies there, `.walked`. If it is gone: `.directoryRemoved`.
  public func rescan(_ place: Place) {
    thread.perform { [id] loop in loop.rescan(id, place) }
  }

  /// Returns when everything that happened before the call has been delivered, with what lies in the directories that appeared
  /// and all walks that were under way.
  public func barrier() async { await wait(forWalks: true) }

  /// Returns when every event from before the call has been delivered. Does not wait for walks, so it is quick (renames out
  /// of the tree: `grace`) even while a large tree is looked at.
  public func drain() async { await wait(forWalks: false) }

  /// Takes all watches away; nothing is delivered after this returns.
  public func stop() async {
    await ask { loop, id in loop.stop(id) }
  }

  private func wait(forWalks: Bool) async {
    await withCheckedContinuation { continuation in
      thread.perform { [id] loop in
        guard let owner = loop.owners[id] else { return continuation.resume() }
        loop.barriers.append(
          Barrier(owner: owner, waitsForWalks: forWalks, pass: { continuation.resume() }))
      }
    }
  }

  private func ask<T: Sendable>(_ question: @escaping @Sendable (Loop, Int) -> T) async -> T {
    await withCheckedContinuation { continuation in
      thread.perform { [id] loop in continuation.resume(returning: question(loop, id)) }
    }
  }
}

private let nextID = Atomic(0)

// MARK: Seams for tests

extension Watcher {
  /// While true, events of this watcher are lost; afterwards it is as after an overflow of the kernel's queue.
  func loseEvents(_ lose: Bool) async {
    await ask { loop, id in
      guard let owner = loop.owners[id] else { return }
      owner.isDeaf = lose
      if !lose { loop.overflowed(owner) }
    }
  }

  /// As if the kernel gave this watcher no more watches than this.
  func limitWatches(_ limit: Int?) async {
    await ask { loop, id in loop.owners[id]?.watchLimit = limit }
  }

  /// Directories the tree holds below this watcher's roots, the roots included.
  var nodeCount: Int {
    get async {
      await ask { loop, id in
        var pending = loop.owners[id]?.roots.values.map(\.node) ?? []
        var count = 0
        while let node = pending.popLast() {
          count += 1
          pending += loop.tree.children(of: node)
        }
        return count
      }
    }
  }

  /// Whether the thread sleeps until something happens.
  var isIdle: Bool { thread.sleepsForGood.load(ordering: .acquiring) }

  var wakeUps: Int { thread.wakeUps.load(ordering: .relaxed) }
}
