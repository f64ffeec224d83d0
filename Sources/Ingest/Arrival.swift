import Files
import Foundation
import Paths
import ReadModel
import Sequences
import Watching

/// Files that may become one sequence, from their first sight until they are a job or have another answer.
///
/// It holds all files of a directory that one rule takes and that differ only in their slot's digits. Whether that is
/// one sequence or several (mixed padding) is judged when they are quiet and all known.
public struct Arrival: Sendable {
  public struct Key: Hashable, Sendable {
    public let directory: Place
    /// The rule's place in the rule set; nil where no rule takes the name.
    public let rule: Int?
    /// The bytes before the slot, or the whole name of a single file.
    public let head: [UInt8]
    /// The bytes after the slot.
    public let tail: [UInt8]
    public let hasSlot: Bool
  }

  public enum Phase: Sendable {
    /// Until `due`, when it is looked at again.
    case settling
    /// A look is under way; `changes` as it was when that began.
    case inspecting(changes: Int)
    /// Ready, but the queue is full.
    case parked
    /// Nothing to do until a file comes, goes or changes, or the rules do.
    case blocked(Reason)
  }

  public let key: Key
  /// The id its job will have.
  public internal(set) var job: JobID
  public let firstSeen: Moment
  public internal(set) var files: [FileName: Snapshot?] = [:]
  public internal(set) var phase = Phase.settling
  var lastChange: Duration
  var quiet: Duration
  var changes = 0
  var isInDeadlines = false

  /// Whether no rule takes it, or something about it needs a person: what still settles is shown as a waiting job.
  var isWithoutJob: Bool {
    if key.rule == nil { return true }
    if case .blocked = phase { return true }
    return false
  }

  var due: Duration { lastChange + quiet }
}
