import Files
import Foundation
import Journal
import Logging
import Paths
import ReadModel
import Transfer
import Watching

/// Carries out what the reducer decides about jobs: stages, commits, publishes, ends and recovers them.
///
/// It has neither threads nor a clock of its own. Its host, the engine or a simulation, hands events to `intake`, asks
/// for the `order` of each effect that follows and runs the steps: those of one job one after another, those of
/// several beside each other. What they come to is posted as events. All of it happens in the host's isolation.
package final class JobRunner {
  package struct Configuration: Sendable {
    package var hotFolders: [HotFolder]
    /// Whether what lies at a path counts although a volume was mounted there in an earlier run.
    package var acceptsUnmounted = false
    /// Whether receipts are written while a job stages, from the threads that copy, or all behind it.
    package var writesBeside = true

    package init(hotFolders: [HotFolder]) { self.hotFolders = hotFolders }
  }

  let configuration: Configuration
  let ledger: any Ledger
  let transfer: Transfer
  package let inspector: Inspector
  let threads: FileThreads
  /// Whether the hot folders and destinations are there.
  package let presence: Presence
  package let board: StopBoard
  /// Rung when what people see of a job may have changed.
  let bell = ChangeBell()
  let progress: ProgressBoard
  let counters = Counters()
  let log: Logger
  let host: any JobHost

  package var intake: Intake
  var receipts: [JobID: [Receipt]] = [:]
  /// Committed jobs of which frames may be lost, or are: each is proven before anything more is published.
  var unproven: Set<JobID> = []
  /// Frames of theirs that are to be staged again.
  var lostFrames: [JobID: LostFrames] = [:]
  /// How often the sources of a move could not be removed.
  var removalTries: [JobID: Int] = [:]
  /// Places of the source directories of jobs under way: they tell where a directory went.
  var sourcePlaces: [JobID: [Descriptor]] = [:]
  /// Jobs that were held for another's claims: they take theirs when they begin.
  var withoutClaims: Set<JobID> = []
  /// Where jobs of an earlier run staged: nothing of them is looked for, or put, anywhere else.
  var stagedOn: [JobID: MountIdentity] = [:]
  /// Arrivals of which the log has told.
  var arrived: Set<JobID> = []
  /// Undos under way, and the way to interrupt them until the next start.
  var undoFlags: [JobID: StopFlag] = [:]
  /// Raised when the host ends: what takes long and cannot be cancelled stops there until the next start.
  let ending = StopFlag()
  /// Published files to be synced, when there is time for it; the host takes them from here.
  package var syncsDue: [(job: Job, receipts: [Receipt])] = []

  package init(
    _ configuration: Configuration, intake: Intake, ledger: any Ledger, transfer: Transfer,
    threads: FileThreads, board: StopBoard, host: any JobHost, log: Logger
  ) {
    self.configuration = configuration
    self.intake = intake
    self.ledger = ledger
    self.transfer = transfer
    self.threads = threads
    self.board = board
    self.host = host
    self.log = log
    progress = ProgressBoard(bell: bell)
    presence = Presence(hotFolders: configuration.hotFolders)
    inspector = Inspector(
      hotFolders: configuration.hotFolders, ledger: ledger, threads: threads, presence: presence)
  }

  /// Moves a job's row if it is still in one of `from`.
  ///
  /// - Parameter reason: nil keeps the one there is; `.some(nil)` clears it.
  /// - Returns: whether this call moved it.
  nonisolated(nonsending) func move(
    _ id: JobID, from: Set<JobState>, to: JobState, reason: Reason?? = nil, note: String? = nil,
    claiming claims: [DestinationClaim] = [], receipt: Data? = nil
  ) async throws(JournalError) -> Bool {
    try await ledger.transition(
      id, from: Set(from.map(\.rawValue)), to: to.rawValue,
      reason: reason.map { $0?.data ?? Data() },
      note: note, at: Date(), claiming: claims, tombstones: [], cancelReceipt: receipt)
  }

  /// Stops whatever copies or is being undone; its staging and its rows stay for the next start.
  func interrupt() {
    ending.raise()
    for id in intake.jobs.keys { board.raise(id) }
    for flag in undoFlags.values { flag.raise() }
  }

  func release(_ id: JobID) {
    board.leave(id)
    progress.clear(id)
    receipts[id] = nil
    stagedOn[id] = nil
    sourcePlaces[id] = nil
    removalTries[id] = nil
    unproven.remove(id)
    lostFrames[id] = nil
  }

  func metadata(_ job: Job) -> Logger.Metadata { job.metadata }
}

/// Frames that were staged, or published already, and are no more.
struct LostFrames {
  /// What was staged of them.
  var receipts: [Receipt]
  let cause: Cause

  enum Cause: String {
    case powerCut = "did not survive the machine's stop"
    case others = "could be found neither in staging nor at the destination any more"
  }
}

extension LostFrames: CustomStringConvertible {
  var description: String {
    "\(receipts.count) frame\(receipts.count == 1 ? "" : "s") \(cause.rawValue)"
  }
}

/// What the steps of jobs need of whoever runs them.
package protocol JobHost: AnyObject, Sendable {
  /// Called on any thread.
  func post(_ event: Event)
  /// The same after a time, if the process lives so long.
  func post(_ event: Event, after: Duration)
  /// Returns once everything is posted that had happened in the hot folders before the call.
  func barrier() async
  /// A job has come to a place where a test may keep it waiting.
  func pass(_ point: HoldPoint, _ id: JobID) async
}

/// Between which steps a test may keep a job waiting; every program passes there without a stop.
package enum HoldPoint: Hashable, Sendable {
  case beforeStaging, beforeProbe
  /// Behind the last look, before the row that decides.
  case beforeCommit
  case beforePublishing, beforeFinishing
}

/// One step of a job.
package struct Step: Sendable {
  package let job: JobID
  /// For the story of what happened.
  package let name: String
  /// - Throws: what makes it impossible to go on: a journal that cannot be written.
  package let run: nonisolated(nonsending) @Sendable (JobRunner) async throws -> Void

  package init(
    _ name: String, _ job: JobID,
    run: nonisolated(nonsending) @escaping @Sendable (JobRunner) async throws -> Void
  ) {
    self.job = job
    self.name = name
    self.run = run
  }
}

/// What a host is to do about an effect.
package enum Order {
  /// Behind the job's earlier steps.
  case step(Step)
  /// The same; a cancel's row waits until it is over.
  case row(Step)
  /// `writeCancel` at once, beside what the job does, and `end` behind that.
  case abort(Job, Reason, commitUnderWay: Bool)
}

extension Job {
  package var metadata: Logger.Metadata {
    let source = members.first?.source
    return [
      "job": "\(id)", "rule": "\(rule)",
      "source":
        "\(shown((source?.directory.bytes ?? []) + [UInt8(ascii: "/")] + (source?.pattern?.bytes ?? [])))",
    ]
  }
}
