import Files
import Foundation
import Paths
import ReadModel
import Sequences
import Watching

/// Files that may become one job, from their first sight until they are one or have another answer.
///
/// Usually all files of a directory that one rule takes and that differ only in their slot's digits. Whether that is one
/// sequence or several (mixed padding) is judged when they are quiet and all known. With a rule's `together`: all that
/// such rules take below one directory.
public struct Arrival: Sendable {
  public struct Key: Hashable, Sendable {
    public let directory: Place
    public let kind: Kind

    public enum Kind: Hashable, Sendable {
      /// `head` and `tail` surround the slot; without one `head` is the whole name. `rule` is its place in the rule set,
      /// nil where no rule takes the name.
      case sequence(rule: Int?, head: [UInt8], tail: [UInt8], hasSlot: Bool)
      case delivery
    }

    public var isDelivery: Bool { kind == .delivery }

    /// Whether some rule wants it.
    public var isTaken: Bool {
      if case .sequence(nil, _, _, _) = kind { false } else { true }
    }

    /// The rule of a single sequence or file.
    public var rule: Int? {
      if case .sequence(let rule, _, _, _) = kind { rule } else { nil }
    }

    /// The bytes before the slot, or the whole name of a single file; empty for a delivery.
    public var head: [UInt8] {
      if case .sequence(_, let head, _, _) = kind { head } else { [] }
    }
  }

  public enum Phase: Sendable {
    /// Until `due`, when it is looked at again.
    case settling
    /// A look is under way; `change` as it was when that began, which its answer repeats.
    case inspecting(asOf: Int)
    /// All is there; a manifest's digests are held against the files.
    case proving(asOf: Int)
    /// Ready, but the queue is full.
    case parked
    /// Nothing to do until a file comes, goes or changes, or the rules do.
    case blocked(Reason)
    /// The same, and a person is wanted: it waited long enough, or its rule says so.
    case held(Reason)
  }

  /// One file, as the last look found it.
  public struct File: Sendable {
    /// nil before the first look.
    public var snapshot: Snapshot?
    /// Whether all of it was there in the state of `snapshot`, by its format.
    var isWhole = false
  }

  public let key: Key
  /// The id its job will have.
  public internal(set) var job: JobID
  public let firstSeen: Moment
  /// By their paths from `key.directory`.
  public internal(set) var files: [RelativePath: File] = [:]
  public internal(set) var phase = Phase.settling
  var lastChange: Duration
  var quiet: Duration
  /// The number of its last change.
  var change = 0
  var isInDeadlines = false
  /// `change` as it was when its manifests were found to be right.
  var proven: Int?

  /// Whether what was published before counts as new: all of it goes again under another number.
  var goesAgain = false

  /// Whether no rule takes it, or it waits for something that only people or new files bring: what still settles, and
  /// what is held, is shown as a job.
  var isWithoutJob: Bool {
    if !key.isTaken { return true }
    if case .blocked = phase { return true }
    return false
  }

  /// Whether nothing looks at it before something changes.
  var isAtRest: Bool {
    switch phase {
    case .blocked, .held: true
    case .settling, .inspecting, .proving, .parked: false
    }
  }

  var due: Duration { lastChange + quiet }

  var byteCount: Int { files.values.reduce(0) { $0 + ($1.snapshot?.size ?? 0) } }

  /// Where a file lies, from the hot folder's root.
  func path(_ file: RelativePath) -> RelativePath { key.path(file) }
}

extension Arrival.Key {
  func path(_ file: RelativePath) -> RelativePath { directory.path.appending(file) }

  /// The path of a place below its directory; nil elsewhere.
  func relative(_ place: Place) -> RelativePath? {
    guard place.root == directory.root else { return nil }
    return place.path.relative(to: directory.path)
  }

  init(directory: Place, rule: Int?, name: FileName, slot: Slot?) {
    self.directory = directory
    kind = .sequence(
      rule: rule,
      head: slot.map { Array(name.bytes[..<$0.range.lowerBound]) } ?? name.bytes,
      tail: slot.map { Array(name.bytes[$0.range.upperBound...]) } ?? [], hasSlot: slot != nil)
  }

  init(delivery directory: Place) {
    self.directory = directory
    kind = .delivery
  }
}
