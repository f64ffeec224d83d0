import Files
import Foundation
import Paths
import ReadModel
import Sequences
import Transfer
import Watching

public typealias JobID = String

extension JobState {
  /// Before the commit point; afterwards there is only forward.
  var takesCancel: Bool {
    switch self {
    case .waiting, .queued, .staging, .staged, .held: true
    case .committing, .done, .cancelling, .cancelled, .failed: false
    }
  }
}

/// One sequence or file of a delivery.
public struct Member: Codable, Hashable, Sendable {
  public let rule: String
  public let source: SequenceView
  public let destination: SequenceView
  /// Its frames in the job's plan.
  public let files: Range<Int>
  /// What a `STEM.cancel` is held against: the bytes before the slot, or the file's name.
  public let head: [UInt8]
  public let isSingleFile: Bool
  /// What surrounds the frame at the destination; nil for a single file.
  public let target: Affixes?

  public struct Affixes: Codable, Hashable, Sendable {
    public let head: [UInt8]
    public let tail: [UInt8]

    /// Whether `name` is a frame of this sequence, whatever its number.
    func holds(_ name: FileName) -> Bool {
      let digits = name.bytes.count - head.count - tail.count
      guard digits > 0, name.bytes.starts(with: head), name.bytes.ends(with: tail) else {
        return false
      }
      return name.bytes[head.count..<(head.count + digits)].allSatisfy {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
      }
    }
  }
}

/// A rule as a job keeps it: edits of its file do not reach jobs that have begun.
public struct JobRule: Codable, Hashable, Sendable {
  public let name: String
  public let text: String
  /// Higher ones are taken from the queue first.
  let priority: Int
  /// Jobs of this rule that may run at once; nil for any number.
  let atMost: Int?
  let joinsItsVersion: Bool
}

/// One delivery on its way, from a complete arrival to its publication.
public struct Job: Sendable {
  public let id: JobID
  public let hotFolder: Int
  /// The rules that took its members, as they were then.
  public let rules: [JobRule]
  public let members: [Member]
  public internal(set) var plan: TransferPlan
  public let created: Date

  public internal(set) var state: JobState
  public internal(set) var over: JobOverlay?
  public internal(set) var reason: Reason?
  public internal(set) var started: Date?
  /// A commit was asked for and its outcome is not known yet.
  var commitUnderWay = false
  /// Sources that something wrote since the plan was made; the commit looks at these again.
  var touched: Set<RelativePath> = []
  /// Held or failed was decided and is not in the journal yet; a cancel waits for that.
  var isBeingSetAside = false
  var pendingCancel: Reason?
  /// What is known of the room that it takes.
  var room = RoomState()
  /// What it was held behind is out of its way: it goes on once its row says held.
  var goesOn = false

  public init(
    id: JobID, hotFolder: Int, rules: [JobRule], members: [Member], plan: TransferPlan,
    created: Date, state: JobState
  ) {
    self.id = id
    self.hotFolder = hotFolder
    self.rules = rules
    self.members = members
    self.plan = plan
    self.created = created
    self.state = state
  }

  /// The same job, for nothing but these volumes.
  func pinned(source: MountIdentity?, destination: MountIdentity?) -> Job {
    var job = self
    job.plan.sourceMount = source
    job.plan.destinationMount = destination
    return job
  }

  /// The names of its rules.
  public var rule: String { rules.map(\.name).joined(separator: ", ") }

  var priority: Int { rules.map(\.priority).max() ?? 0 }

  /// Whether frames that come after their sequence may stand beside it: a number chosen by `version-up` is theirs too.
  var joinsItsVersion: Bool { rules.contains { $0.joinsItsVersion } }

  /// The directories its sources lie in.
  public var sourceDirectories: Set<RelativePath> { Set(plan.files.map(\.source.parent)) }

  public var byteCount: Int { plan.files.reduce(0) { $0 + $1.snapshot.size } }
}
