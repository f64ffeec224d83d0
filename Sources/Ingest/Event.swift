import Files
import Foundation
import Paths
import ReadModel
import Rules
import Watching

/// Everything that can happen to the engine. The reducer sees nothing else.
public enum Event: Sendable {
  case watch(WatchEvent)
  /// Events were lost between the watcher and here: everything is listed again.
  case eventsLost
  /// Some deadline has come.
  case tick
  case inspected(Arrival.Key, asOf: Int, Inspection)
  /// The manifests were held against the files.
  case proven(Arrival.Key, asOf: Int, Proof)
  case versionChosen(JobID, VersionChoice)
  /// The first source of a held job that is not as its plan knows it; nil if all are.
  case rechecked(JobID, RelativePath?)
  /// Others are in force from here on.
  case rulesChanged(RuleSet)

  /// Its row stands in the journal.
  case enqueued(JobID)
  /// Another unfinished job already goes to one of its destinations.
  case claimed(JobID, by: JobID, path: RelativePath)
  case measured(JobID, RoomAnswer)
  /// Whether the journal has room for more than the last rows of what is under way.
  case journalRoom(Bool)
  /// Nothing is staged of it any more.
  case gaveBack(JobID)
  case staged(JobID)
  case stagingEnded(JobID, StagingEnd)
  case committed(JobID)
  case commitRefused(JobID, CommitRefusal)
  case published(JobID)
  case publishingFailed(JobID, PublishFailure)
  /// With the sources of a move that were not removed.
  case finished(JobID, kept: Set<RelativePath>)
  /// No process of the job is left, its staging is gone, the row says cancelled.
  case aborted(JobID)
  /// Its staging could not be removed: time to try again.
  case abortAgain(JobID)
  /// The commit was first.
  case tooLate(JobID)
  case setAside(JobID)
  /// Its staging could not be removed: time to try again.
  case setAsideAgain(JobID)

  /// A person's wish, by command or API.
  case cancel(JobID, Reason)
  case cancelBelow(Place, Reason)
  /// A held or failed job is to be tried again; with the first of its sources that is not as its plan knows it.
  case retry(JobID, changed: RelativePath?)
  /// What a person had cancelled or undone may be taken again.
  case revived(JobID)
  /// A done job is to be undone, or an earlier run began with it, or it could not go on a moment ago.
  case undo(Job)
  /// With the sources that lie in the hot folder and are published no more.
  case undone(JobID, back: Set<RelativePath>)
  /// A hot folder is not there, and why.
  case away(Int, String)
  /// One that was away is there and about to be watched again.
  case back(Int)
  /// A job that an earlier run of the daemon left unfinished.
  case recovered(Job)
}

/// What one look at an arrival's files found.
public struct Inspection: Sendable {
  public struct Look: Sendable {
    public enum Writer: Sendable { case none, present, unknown }
    public enum Known: Hashable, Sendable {
      case new
      /// The same file in the same state was published before.
      case published(JobID)
      /// What lies here is what a job of ours published.
      case ownOutput(JobID)
      /// A person cancelled the job that took exactly these files in exactly this state.
      case cancelled(JobID)
    }
    public let kind: FileKind
    public let snapshot: Snapshot
    public let writer: Writer
    public internal(set) var known: Known
    /// What is missing of it, by its format; nil if nothing is, or nobody asked.
    public let lack: String?
    /// Whether it was looked for what is missing, now or before in this state.
    public let isChecked: Bool

    public init(
      kind: FileKind, snapshot: Snapshot, writer: Writer, known: Known, lack: String? = nil,
      isChecked: Bool = false
    ) {
      self.kind = kind
      self.snapshot = snapshot
      self.writer = writer
      self.known = known
      self.lack = lack
      self.isChecked = isChecked
    }
  }

  /// By path from the arrival's directory; one that is gone is missing here.
  public var looks: [RelativePath: Look]
  /// What no longer stands there.
  public var gone: Set<RelativePath>
  /// Why some could not be looked at, in words.
  public var failures: [RelativePath: String]

  public init(
    looks: [RelativePath: Look] = [:], gone: Set<RelativePath> = [],
    failures: [RelativePath: String] = [:]
  ) {
    self.looks = looks
    self.gone = gone
    self.failures = failures
  }
}

/// What became of holding manifests against files.
public enum Proof: Hashable, Sendable {
  /// Everything they list is there and right.
  case right
  /// What is missing or wrong, in words.
  case wrong(String)
  /// Something changed meanwhile.
  case stopped
}

public enum VersionChoice: Hashable, Sendable {
  case number(Int)
  /// What was published under the chosen number has changed: all of it goes again, under the next one.
  case nextOfAll
  /// What decides cannot be looked at now, and why: a guess might mix two versions.
  case unknown(String)
}

public enum StagingEnd: Sendable {
  /// The stop flag was seen.
  case stopped
  case sourceChanged(RelativePath)
  case sourceMissing(RelativePath, directoryGone: Bool)
  case conflict(String)
  case destinationFull(String)
  /// A read-only mount or a lack of permission.
  case notWritable(String)
  /// This process has no descriptor or memory left for it now.
  case exhausted(String)
  /// A mount is not there: nobody removed anything.
  case offline(String)
  case failed(ReasonCode, String)
}

public enum CommitRefusal: Sendable {
  case sentinel(Place)
  case sourceChanged(RelativePath)
  /// A cancel's row was first.
  case cancelled
  /// The hot folder or the destination is not there: nobody removed or changed anything.
  case offline(String)
  case exhausted(String)
  case destination(String)
}

public enum PublishFailure: Sendable {
  /// Nothing is visible: a foreign name stood in the way, or frames are lost.
  case held(String)
  /// Some of it is visible, and frames are lost for good.
  case lost(String)
  /// Some of it may be visible; tried again.
  case transient(String)
  /// The same for want of room.
  case full(String)
  /// The same, until a mount that it needs is back.
  case offline(String)

  var message: String {
    switch self {
    case .held(let message), .lost(let message), .transient(let message), .full(let message),
      .offline(let message):
      message
    }
  }
}
