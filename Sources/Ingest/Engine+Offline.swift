import Files
import Foundation
import Paths
import Transfer
import Watching

extension Engine {
  /// The job, bound to the directories that its roots have to be.
  func pinned(_ id: JobID) -> Job? {
    intake.jobs[id].map(pinned)
  }

  func pinned(_ job: Job) -> Job {
    job.pinned(
      source: presence.expected(.hotFolder(job.hotFolder)),
      destination: stagedOn[job.id] ?? presence.expected(.destination(job.plan.destinationRoot)))
  }

  /// Why the hot folder or the destination of a job is not there; nil if both are.
  func absence(for job: Job) async -> String? {
    let earlier = stagedOn[job.id]
    let destination = Presence.Place.destination(job.plan.destinationRoot)
    return await threads.run { [presence] in
      if let earlier {
        presence.accept(destination, ifIt: earlier)
        if presence.expected(destination) != earlier {
          return "\(job.plan.destinationRoot) is not the volume that this job was staged on"
        }
      }
      return presence.sentence(of: .hotFolder(job.hotFolder))
        ?? presence.sentence(of: destination)
    }
  }

  /// Whether an error means that a mount is not there, and why: whatever failed on the way, nothing was removed.
  func offline(_ error: any Error, _ job: Job) async -> String? {
    if let why = await absence(for: job) { return why }
    switch error as? TransferError {
    // There again by now, or another one than the job was staged on.
    case .destinationMissing, .destinationReplaced, .sourceRoot: return "\(error)"
    default: return nil
    }
  }

  /// What lies at the path counts from here on, unless a volume was mounted there in an earlier run and none is now: at a
  /// machine's start Hotplate may be quicker than its volumes.
  func acceptIfMounted(_ place: Presence.Place, at path: String) async throws {
    let key = "mounted at \(path)"
    let wasMounted = try await journal.value(for: key) != nil
    let isMounted = try presence.acceptIfMounted(
      place, wasMounted: wasMounted && !configuration.acceptsUnmounted)
    if let why = presence.sentence(of: place) {
      log.warning("\(why)")
    } else if wasMounted != isMounted {
      try await journal.setValue(isMounted ? Data() : nil, for: key)
    }
  }

  /// Nothing of the hot folder is told any more until it is back.
  func leave(_ root: Int) {
    let watcher = watcher
    let place = Place(root: root, path: .root)
    log.warning("\(shown(intake.absolute(place))) \(intake.offline[root] ?? "is away")")
    // Before a new watch may stand, or this would take that one away.
    departures[root] = Task { await watcher.unwatch(root: root) }
  }

  /// Looks whether the hot folders are there, one look at a time; a server that does not answer holds up only this.
  func seek() {
    guard !isSeeking else { return }
    isSeeking = true
    Task {
      defer { isSeeking = false }
      for index in configuration.hotFolders.indices {
        let why = await threads.run { [presence] in presence.absence(of: .hotFolder(index)) }
        if let why {
          // What is said already of one that was removed says more.
          if intake.offline[index] == nil { inbox.post(.away(index, why)) }
        } else if intake.offline[index] != nil {
          await bringBack(index)
        }
      }
    }
  }

  private func bringBack(_ index: Int) async {
    let hotFolder = configuration.hotFolders[index]
    // Nothing that an earlier watch tells may come after `back`.
    await departures.removeValue(forKey: index)?.value
    do {
      try configuration.lock(hotFolder)
      try presence.accept(.hotFolder(index))
      try await putBack(index)
    } catch {
      return inbox.post(.away(index, "is kept out: \(error)"))
    }
    log.notice("\(hotFolder.path) is back")
    inbox.post(.back(index))
    do {
      try await watcher.watch(
        root: index, at: hotFolder.path, expecting: presence.expected(.hotFolder(index)))
    } catch {
      inbox.post(.away(index, "cannot be watched: \(error)"))
    }
  }
}
