import Paths

/// What became of one source of a move.
public struct Removal: Hashable, Sendable {
  public enum Result: Hashable, Sendable {
    /// Unlinked by us; `otherLinks` names elsewhere still hold the file.
    case removed(otherLinks: Int)
    /// It was gone already.
    case alreadyGone
    case kept(Reason)
  }

  public enum Reason: Hashable, Sendable {
    /// Not in the state that was copied any more: a newer version, or another file.
    case changed
    /// A process has it open for writing.
    case beingWritten
    /// The destination name does not hold what was published.
    case destinationChanged
    /// It changed, and a new file took its name meanwhile: it lies beside it, at this path, until ``Transfer/putBack(_:)``
    /// finds the name free.
    case aside(RelativePath)
    /// The call that failed.
    case failed(String)
  }

  /// Into the plan's files.
  public let index: Int
  public let result: Result

  public init(index: Int, result: Result) {
    self.index = index
    self.result = result
  }
}
