import Files
import Foundation
import Journal
import Paths
import ReadModel
import Transfer

/// What the journal keeps of an undo besides its progress.
struct UndoSettings: Codable {
  let by: String
  /// Of the hot folder: nothing is given back to what was mounted in its place.
  let hotFolder: MountIdentity?
}

extension JobRunner {
  /// Notes that a done job is to be undone, after which `undo` comes as an event.
  ///
  /// - Returns: why it cannot be; nil if it is begun.
  package nonisolated(nonsending) func beginUndo(of id: JobID, by: String) async throws -> String? {
    guard let record = try await ledger.job(id), record.state == JobState.done.rawValue else {
      return "only what is done can be undone"
    }
    guard var job = try await job(record) else { return "its hot folder is not configured now" }
    let receipts = try await published(by: id)
    do throws(TransferError) {
      if let obstacle = try await transfer.obstacle(toUndo: job.plan, receipts) {
        return "\(obstacle)"
      }
    } catch {
      return "\(error)"
    }
    let files = receipts.map {
      (InodeKey(inode: $0.inode, birth: $0.birth), job.plan.files[$0.index].destination)
    }
    if let other = try await ledger.otherDelivery(of: files, besides: id) {
      return "job \(other) delivered the same files to the same place"
    }
    let settings = UndoSettings(by: by, hotFolder: presence.expected(.hotFolder(job.hotFolder)))
    var reason = Reason(.undoing, "being undone", at: Date())
    reason.by = by
    job.reason = reason
    // Those that have not begun may lose their names to the undo, and ask for them again.
    for other in intake.jobs.values where other.state == .held || other.state == .queued {
      withoutClaims.insert(other.id)
    }
    do {
      let isFirst = try await ledger.beginUndo(
        of: id, settings: Data(try JSON.encode(settings)), claims: job.claims, reason: reason.data,
        note: "to be undone, by \(by)", at: Date())
      // Behind whatever the job itself has posted.
      if isFirst { host.post(.undo(job)) }
    } catch JournalError.claimed(let path, let other) {
      return "\(path) is the destination of job \(other), which is under way"
    }
    log.notice("is being undone, by \(by)", metadata: metadata(job))
    return nil
  }

  /// What an earlier run began to undo.
  nonisolated(nonsending) func unfinishedUndos() async throws -> [Event] {
    var events: [Event] = []
    for undo in try await ledger.undos() {
      guard let record = try await ledger.job(undo.job), let job = try await job(record) else {
        log.warning("the undo of job \(undo.job) waits: its hot folder is not configured now")
        continue
      }
      log.info("undo taken up again", metadata: metadata(job))
      events.append(.undo(job))
    }
    return events
  }

  private nonisolated(nonsending) func job(_ record: JobRecord) async throws -> Job? {
    try Job(
      record, frames: try await ledger.frames(of: record.id),
      hotFolders: configuration.hotFolders)
  }

  /// The receipts of what a job published and was not undone.
  private nonisolated(nonsending) func published(by id: JobID) async throws -> [Receipt] {
    try await ledger.frames(of: id).compactMap { frame in
      if frame.outcome == Journal.undone { return nil }
      return try frame.receipt.map { try JSON.decode(Receipt.self, from: Array($0)) }
    }
  }

  /// The directories that publishing will make, to be known as the job's own by an undo.
  nonisolated(nonsending) func staged(directoriesOf job: Job) async throws -> [MadeDirectoryRecord]
  {
    do throws(TransferError) {
      return try await transfer.stagedDirectories(job.plan).map {
        MadeDirectoryRecord(path: $0.path, made: InodeKey(inode: $0.inode, birth: $0.birth))
      }
    } catch {
      // An undo would leave them standing, empty; the commit finds out what is wrong.
      log.warning("what was staged cannot be looked at: \(error)", metadata: metadata(job))
      return []
    }
  }

  nonisolated(nonsending) func giveUpUndo(of job: Job, _ undo: UndoRecord) async throws {
    let settings = try JSON.decode(UndoSettings.self, from: Array(undo.settings))
    let story = UndoStory(
      job: job, hotFolder: configuration.hotFolders[job.hotFolder].name, by: settings.by,
      receipts: [], earlier: [])
    try await ledger.endUndo(of: job.id, story.refused(Self.isToBeProven), at: Date())
  }

  // MARK: one undo

  nonisolated(nonsending) func carryOutUndo(of job: Job, _ flag: StopFlag) async throws {
    guard let record = try await ledger.undos().first(where: { $0.job == job.id }) else { return }
    let settings = try JSON.decode(UndoSettings.self, from: Array(record.settings))
    var undo = UndoStory(
      job: job, hotFolder: configuration.hotFolders[job.hotFolder].name, by: settings.by,
      receipts: try await published(by: job.id).filter { $0.method != .present },
      earlier: try await ledger.frames(of: job.id).filter { $0.outcome == Journal.undone }
        .map(\.ordinal))
    // A power cut must not find a delivery that is neither proven nor to be undone.
    if !record.isSecured, let why = try await makeDurable(job, undo.receipts) {
      return try await conclude(undo.refused(why), job, back: [])
    }
    switch await secure(&undo, settings, isSecured: record.isSecured, flag) {
    case .done: break
    case .refused(let why): return try await conclude(undo.refused(why), job, back: [])
    case .later(let why): return undoLater(job, why)
    case .interrupted: return
    }
    try await ledger.setSecured(job.id)
    let made = try await ledger.made(by: job.id).map {
      MadeDirectory(path: $0.path, inode: $0.made.inode, birth: $0.made.birth)
    }
    do throws(TransferError) {
      let report = try await transfer.removePublished(
        job.plan, undo.receipts, undo.secured, made: made, stop: flag)
      try await transfer.closeUndo(job.plan, undo.receipts.map(\.index))
      undo.results.merge(report.results, uniquingKeysWith: { $1 })
      undo.directories = report.directories
    } catch {
      // The next start goes on where it was interrupted.
      return error == .cancelled ? () : undoLater(job, "\(error)")
    }
    undo.snapshots = await threads.run { [undo] in undo.sourcesNow() }
    try await conclude(undo.outcome(), job, back: Set(undo.snapshots.keys))
  }

  /// - Returns: why nothing is undone; nil once it may be.
  private nonisolated(nonsending) func makeDurable(_ job: Job, _ receipts: [Receipt]) async throws
    -> String?
  {
    // A sync that failed once passes later, and proves nothing.
    let hasFailed = try await ledger.value(for: failedSync(of: job)) != nil
    if try await ledger.job(job.id)?.durable != false || hasFailed { return nil }
    let durable: [Receipt]
    do {
      let boot = try currentBootID()
      if receipts.contains(where: { $0.isDoubtful(under: boot) }) { return Self.isToBeProven }
      durable = try await transfer.sync(job.plan, receipts)
    } catch {
      if let error = error as? TransferError, error.isFailedSync {
        try await ledger.setValue(Data("\(error)".utf8), for: failedSync(of: job))
      }
      return "it cannot be made durable: \(error)"
    }
    // What somebody has removed or replaced is not ours to sync.
    if durable.count == receipts.count { try await ledger.setDurable(job.id) }
    return nil
  }

  private static let isToBeProven =
    "the machine stopped before it was durable, and a start proves it again; ask once more then"

  private enum Progress {
    case done, interrupted
    case refused(String)
    /// Something may come back that is not there now.
    case later(String)
  }

  /// Has every source at its place, or none of those that were moved away.
  private nonisolated(nonsending) func secure(
    _ undo: inout UndoStory, _ settings: UndoSettings, isSecured: Bool, _ flag: StopFlag
  ) async -> Progress {
    let job = undo.job
    do throws(SystemError) {
      if let was = settings.hotFolder,
        try MountIdentity(of: Descriptor.directory(at: job.plan.sourceRoot)) != was
      {
        return .later("another file system is mounted at \(job.plan.sourceRoot) than before")
      }
    } catch {
      return .later("\(error)")
    }
    var created: [RelativePath] = []
    do throws(TransferError) {
      var refusal: String?
      do throws(TransferError) {
        let standings = try await transfer.secureSources(job.plan, undo.receipts, stop: flag)
        created = standings.created
        undo.secured = standings.secured
        undo.results = standings.left
        let obstacles = standings.obstacles.sorted { $0.key < $1.key }
        if isSecured {
          // Some published files are gone already: each of the others is for itself.
          for (index, _) in obstacles { undo.results[index] = .kept(.sourceChanged) }
        } else if let first = obstacles.first {
          let more = obstacles.count > 1 ? ", and \(obstacles.count - 1) more" : ""
          refusal = "\(first.value)\(more)"
        }
      } catch {
        if error == .cancelled { return .interrupted }
        if isSecured { return .later("\(error)") }
        refusal = "\(error)"
      }
      guard let refusal else { return .done }
      try await transfer.withdrawSources(job.plan, undo.receipts, created: created, stop: flag)
      return .refused(refusal)
    } catch {
      return error == .cancelled ? .interrupted : .later("\(error)")
    }
  }

  private nonisolated(nonsending) func conclude(
    _ outcome: UndoOutcome, _ job: Job, back: Set<RelativePath>
  ) async throws {
    try await ledger.endUndo(of: job.id, outcome, at: Date())
    undoFlags[job.id] = nil
    for note in outcome.notes { log.notice("\(note)", metadata: metadata(job)) }
    host.post(.undone(job.id, back: back))
  }

  /// What the journal holds of it stands; what is in the way may pass.
  private func undoLater(_ job: Job, _ message: String) {
    log.error("the undo pauses: \(message)", metadata: metadata(job))
    host.post(.undo(job), after: .seconds(5))
  }
}
