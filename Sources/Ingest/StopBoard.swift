import Paths
import Synchronization
import Transfer
import Watching

/// The stop flags of jobs that copy, reachable from the watch thread.
///
/// A sentinel, a removal or a move stops the writers before the reducer has even seen it: the queue before it may be
/// long. Raised by mistake it costs little: the reducer finds no cancel and stages on.
package final class StopBoard: Sendable {
  struct Entry {
    let flag: StopFlag
    let hotFolder: Int
    let directories: Set<RelativePath>
    let sources: Set<RelativePath>
    let members: [Member]
  }

  private let entries = Mutex<[JobID: Entry]>([:])
  /// A raised flag starts the clock of the cancel that it may become.
  let clock = CancelClock()

  package init() {}

  package func enter(_ job: Job) -> StopFlag {
    let entry = Entry(
      flag: StopFlag(), hotFolder: job.hotFolder, directories: job.sourceDirectories,
      sources: Set(job.plan.files.map(\.source)), members: job.members)
    entries.withLock { $0[job.id] = entry }
    clock.forget(job.id)
    return entry.flag
  }

  package func leave(_ id: JobID) {
    entries.withLock { _ = $0.removeValue(forKey: id) }
    clock.forget(id)
  }

  package func isRaised(_ id: JobID) -> Bool { entries.withLock { $0[id]?.flag.isRaised ?? false } }

  package func raise(_ id: JobID) {
    clock.mark(.seen, of: id)
    entries.withLock { $0[id] }?.flag.raise()
  }

  /// Raises the flags an event concerns. Called on the watch thread.
  ///
  /// - Returns: whether the event shall be handled before all that waits.
  package func stopFor(_ event: WatchEvent) -> Bool {
    switch event {
    case .file(let place, _), .directoryAppeared(let place), .special(let place, _):
      guard let sentinel = place.sentinel else { return false }
      raise { entry in
        entry.hotFolder == place.root
          && entry.directories.contains {
            Self.covers(sentinel, scope: place.path.parent, $0, entry.members)
          }
      }
      return true
    case .fileRemoved(let place), .fileMoved(let place, _):
      raise { $0.hotFolder == place.root && $0.sources.contains(place.path) }
      return false
    case .directoryRemoved(let place), .directoryMoved(let place, _), .leaving(let place),
      .unmounted(let place):
      raise { $0.hotFolder == place.root && $0.directories.contains { $0.isAtOrBelow(place.path) } }
      return false
    default: return false
    }
  }

  private static func covers(
    _ sentinel: Sentinel, scope: RelativePath, _ directory: RelativePath, _ members: [Member]
  ) -> Bool {
    switch sentinel {
    case .tree: directory.isAtOrBelow(scope)
    case .stem:
      directory == scope
        && members.contains { sentinel.covers(head: $0.head, isSingleFile: $0.isSingleFile) }
    }
  }

  private func raise(where concerns: (Entry) -> Bool) {
    entries.withLock { entries in
      for (id, entry) in entries where concerns(entry) {
        clock.mark(.seen, of: id)
        entry.flag.raise()
      }
    }
  }
}
