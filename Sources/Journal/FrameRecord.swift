import Foundation
import Paths

/// One file of a job: what was seen at the source, where it goes, and what has become of it.
public struct FrameRecord: Hashable, Sendable {
  /// Its place in the job, rising in the order of `insert`; unique within the job.
  public var ordinal: Int
  /// Which sequence or file of the delivery it belongs to.
  public var member: Int
  /// Beneath the hot folder.
  public var source: RelativePath
  /// Beneath the destination root.
  public var destination: RelativePath
  public var inode: UInt64
  /// Time of birth in nanoseconds since the epoch; 0 where the file system has none.
  public var birth: Int64
  /// Bytes.
  public var size: Int
  /// mtime, in nanoseconds since the epoch.
  public var modified: Int64
  /// ctime, in nanoseconds since the epoch.
  public var changed: Int64
  /// What was staged; written by `record(receipts:)` and left out by `insert`. Opaque here.
  public var receipt: Data?
  /// Of the logical bytes; comes with the receipt.
  public var digest: [UInt8]?
  /// What became of it; written by `markFrames` and left out by `insert`.
  public var outcome: String?

  public init(
    ordinal: Int, member: Int, source: RelativePath, destination: RelativePath, inode: UInt64,
    birth: Int64, size: Int, modified: Int64, changed: Int64, receipt: Data? = nil,
    digest: [UInt8]? = nil, outcome: String? = nil
  ) {
    self.ordinal = ordinal
    self.member = member
    self.source = source
    self.destination = destination
    self.inode = inode
    self.birth = birth
    self.size = size
    self.modified = modified
    self.changed = changed
    self.receipt = receipt
    self.digest = digest
    self.outcome = outcome
  }
}

/// What staging one frame left behind.
public struct ReceiptRecord: Hashable, Sendable {
  /// Of the frame.
  public var ordinal: Int
  /// Opaque here.
  public var data: Data
  public var digest: [UInt8]
  /// The staged file: what our own output is known by.
  public var staged: InodeKey

  public init(ordinal: Int, data: Data, digest: [UInt8], staged: InodeKey) {
    self.ordinal = ordinal
    self.data = data
    self.digest = digest
    self.staged = staged
  }
}

/// A file by what stays when it is renamed.
///
/// With a birth of 0 (a file system that keeps none) inode numbers are used again: compare more before believing it.
public struct InodeKey: Hashable, Sendable {
  public var inode: UInt64
  /// Nanoseconds since the epoch.
  public var birth: Int64

  public init(inode: UInt64, birth: Int64) {
    self.inode = inode
    self.birth = birth
  }
}

/// A name at a destination that one unfinished job alone may write.
public struct DestinationClaim: Hashable, Sendable {
  public var root: String
  public var path: RelativePath

  public init(root: String, path: RelativePath) {
    self.root = root
    self.path = path
  }
}
