import Files
import Foundation
import Paths
import Transfer
import Watching

extension JobRunner {
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
  nonisolated(nonsending) func absence(for job: Job) async -> String? {
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
  nonisolated(nonsending) func offline(_ error: any Error, _ job: Job) async -> String? {
    if let why = await absence(for: job) { return why }
    switch error as? TransferError {
    // There again by now, or another one than the job was staged on.
    case .destinationMissing, .destinationReplaced, .sourceRoot: return "\(error)"
    default: return nil
    }
  }

  /// What lies at the path counts from here on, unless a volume was mounted there in an earlier run and none is now: at a
  /// machine's start Hotplate may be quicker than its volumes.
  nonisolated(nonsending) func acceptIfMounted(_ place: Presence.Place, at path: String)
    async throws
  {
    let key = "mounted at \(path)"
    let wasMounted = try await ledger.value(for: key) != nil
    let isMounted = try presence.acceptIfMounted(
      place, wasMounted: wasMounted && !configuration.acceptsUnmounted)
    if let why = presence.sentence(of: place) {
      log.warning("\(why)")
    } else if wasMounted != isMounted {
      try await ledger.setValue(isMounted ? Data() : nil, for: key)
    }
  }

  /// Opens a hot folder at a start.
  ///
  /// - Returns: why it is away; nil if it is there, and to be watched.
  package nonisolated(nonsending) func open(_ index: Int) async throws -> String? {
    let hotFolder = configuration.hotFolders[index]
    if hotFolder.marker == nil {
      try await acceptIfMounted(.hotFolder(index), at: hotFolder.path)
    }
    // One that is gone, and by nothing known to be a volume, is a mistake of whoever starts.
    if let why = presence.absence(of: .hotFolder(index)),
      hotFolder.marker != nil || presence.isAwaited(.hotFolder(index))
    {
      return why
    }
    try await putBack(index)
    try presence.accept(.hotFolder(index))
    return nil
  }

  /// The same for one that was away.
  package nonisolated(nonsending) func reopen(_ index: Int) async throws {
    try presence.accept(.hotFolder(index))
    try await putBack(index)
  }
}
