import Files
import Paths
import ReadModel
import Watching

/// What the reducer wants done. Effects of one job are carried out one after another, each when the one before has
/// ended, except `stop`, which is done at once, and `abort`, whose row is written while the work winds down.
public enum Effect: Sendable {
  /// Look at these files: → `inspected` with the same number.
  case inspect(Arrival.Key, asOf: Int, [WantedLook])
  /// Hold the files below the arrival's directory against these manifests: → `proven` with the same number.
  case prove(Arrival.Key, asOf: Int, manifests: [RelativePath], files: Set<RelativePath>)
  /// Stop the proof of an arrival that has changed or is gone.
  case stopProof(Arrival.Key)
  /// Choose the number under which these go, once for all of them: → `versionChosen`.
  case chooseVersion(Job, VersionQuestion)
  /// Write the job's row, its plan and its claims: → `enqueued` or `claimed`.
  case enqueue(Job)
  /// Ask what it takes of its destination's file system and what that has left: → `measured`.
  case measure(JobID, Measure)
  /// Hold room on the journal's disk again: → `journalRoom`.
  case regainJournalRoom
  /// Remove what is staged of it, so that others have the room: → `gaveBack`.
  case giveBack(JobID)
  /// Lay something over its state, or take it away, with its reason.
  case overlay(JobID, JobOverlay?, Reason?)
  /// → `staged` or `stagingEnded`.
  case stage(JobID)
  /// Set the stop flag.
  case stop(JobID)
  /// Probe, then decide in one transaction: → `committed` or `commitRefused`. `recheck` are sources that were written since the plan.
  case commit(JobID, recheck: Set<RelativePath>)
  /// → `published` or `publishingFailed`.
  case publish(JobID)
  /// Remove sources (`move`), remove staging, write `done`: → `finished`.
  case finish(JobID)
  /// → `aborted` or `tooLate`. With a commit under way nothing is removed before the journal says who was first.
  case abort(JobID, Reason, commitUnderWay: Bool)
  /// Look whether these sources are as the plan knows them: → `rechecked`.
  case recheck(JobID, Set<RelativePath>)
  /// Why an arrival does not go, for the log: it waits, or it is held.
  case tell(WaitingJob, Reason, isHeld: Bool)
  /// End or pause it as held or failed, with nothing left in staging: → `setAside`.
  case setAside(JobID, JobState, Reason)
  /// Back in the queue; said in the journal.
  case requeue(JobID, JobOverlay?, Reason)
  /// By a person's wish: back in the queue, said in the journal.
  case retry(JobID)
  /// Take back what a done job published: → `undone`.
  case undo(JobID)
  /// A better reason for a job that has ended.
  case amend(JobID, Reason)
  /// Something worth telling about a job that did not change it.
  case note(JobID, String)
  /// A job that was cancelled before it had a plan: only its row is written.
  case recordCancelled(WaitingJob, Reason)
  /// Stop watching a hot folder that is away.
  case leave(Int)
  /// Look whether the hot folders are there: → `away` for those that are not, `back` for those that are again.
  case seek
  /// List a directory again.
  case rescan(Place)
}

/// What is asked of one look at a file.
public struct WantedLook: Sendable {
  /// From the arrival's directory.
  public let path: RelativePath
  public let checksWhole: Bool
  /// The state in which it was found whole before: not read again.
  public let knownWhole: Snapshot?
}

/// Under which number a delivery may go.
public struct VersionQuestion: Hashable, Sendable {
  /// Where the choice counts: the delivery's directory, or its source directory, and the number that its names have.
  public let scope: Place
  public let source: Int
  public let slots: [Slot]
  /// Whether what was chosen before does not count any more.
  public let isNext: Bool

  /// A directory at the destination whose name holds the number.
  public struct Slot: Hashable, Sendable {
    public let parent: RelativePath
    public let head: [UInt8]
    public let tail: [UInt8]
  }
}

/// What is known of a job that has no plan yet.
public struct WaitingJob: Sendable {
  public let id: JobID
  public let hotFolder: Int
  public let rule: String?
  public let source: SequenceView
  public let directory: Place
  /// The bytes before the slot, or the name of a single file.
  public let head: [UInt8]
  /// Its files, from the hot folder's root.
  public let files: [RelativePath]
  public let firstSeen: Moment
}
