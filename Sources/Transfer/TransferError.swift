import Files
import Paths

/// A destination name that holds something that is not what the plan would put there.
public struct Conflict: Hashable, Sendable {
  public enum Reason: Hashable, Sendable {
    /// A regular file with other bytes.
    case different
    /// The source itself, through a link or a bind mount: removing one would remove both.
    case sameFile
    /// Something that is no regular file.
    case notAFile(FileKind)
    /// Another file of the same plan, on a file system that folds case or spelling.
    case collides
    /// Neither in staging nor at the destination any more.
    case missing
    /// A directory on the way is gone, or is no directory.
    case noDirectory(FileKind?)
    /// The published file itself, which somebody wrote to before it was durable.
    case written
  }

  /// Into the plan's files.
  public let index: Int
  public let destination: RelativePath
  public let reason: Reason

  public init(index: Int, destination: RelativePath, reason: Reason) {
    self.index = index
    self.destination = destination
    self.reason = reason
  }
}

/// Why a step of a transfer did not happen. Indices are into the plan's files.
public enum TransferError: Error, Hashable, Sendable {
  /// The stop flag was raised.
  case cancelled
  /// The source is not, or no longer, in the state of its snapshot: settle and plan it again.
  case sourceChanged(Int)
  /// Nothing lies at the source's path. Whether its owner removed it or its mount went is for the caller to find out.
  case sourceMissing(Int)
  /// A FIFO, socket, device or directory stands there.
  case sourceNotAFile(Int, FileKind)
  /// A symlink stands in the source's way; nothing was read.
  case unsafeSource(Int, SystemError)
  /// The hot folder itself cannot be opened.
  case sourceRoot(SystemError)
  /// The destination root is not there; it is never created.
  case destinationMissing(String)
  /// ENOSPC or EDQUOT. Nothing partial was kept; whole staged files stay.
  case destinationFull(SystemError)
  /// EROFS, EACCES or EPERM: it may be mounted or permitted again.
  case destinationNotWritable(SystemError)
  /// Another file system than the staged one is mounted at the destination root, or none.
  case destinationReplaced(String)
  /// The plan's directories lie on more than one mount, so one staging directory cannot serve them.
  case crossesMounts(RelativePath)
  /// A symlink or a file stands where a directory is needed. It was not followed.
  case unsafeDestination(RelativePath, FileKind)
  /// The staging directory's name is taken by something that is not ours.
  case foreignStaging(RelativePath)
  /// The staging directory, or the staged file of the given index, is not what the receipts say: stage again.
  case stagingLost(Int?)
  /// Destination names that hold something else, under `conflict: hold`, or that `replace` does not replace. Nothing was
  /// staged.
  case conflict([Conflict])
  /// The file systems refuse this action, the last of the plan's list, for this file.
  case cannot(Int, TransferPlan.Action, SystemError)
  /// Twice the storage gave back other bytes than were written to this destination.
  case readbackDiffers(Int, RelativePath)
  /// Sources whose bytes the storage does not give, tried several times each; every other file was staged or tried.
  case unreadable([Unreadable])
  /// Any other failed call, with the file it was for.
  case io(SystemError, Int?)
}

extension TransferError {
  /// Whether a file is not what the plan says, at its source or under its final name: trying again changes nothing.
  public var isOfTheSource: Bool {
    switch self {
    case .sourceChanged, .sourceMissing, .sourceNotAFile, .unsafeSource, .conflict: true
    default: false
    }
  }

  /// Nothing is wrong with the files: it only has to be tried later.
  public var isExhaustion: Bool {
    switch self {
    case .io(let error, _), .sourceRoot(let error): error.errno.isExhaustion
    default: false
    }
  }
}

extension TransferError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .cancelled: "cancelled"
    case .sourceChanged(let index): "file \(index) changed while it was taken"
    case .sourceMissing(let index): "file \(index) is no longer at its source"
    case .sourceNotAFile(let index, let kind): "the source of file \(index) is a \(kind.rawValue)"
    case .unsafeSource(_, let error): "a symlink is not followed: \(error)"
    case .sourceRoot(let error): "the hot folder cannot be opened: \(error)"
    case .destinationMissing(let path): "\(path) does not exist; create it or mount its volume"
    case .destinationFull(let error): "the destination is full: \(error)"
    case .destinationNotWritable(let error):
      "the destination refuses: \(error); \(error.errno == .readOnly ? "mount it writable" : "give this user the right to write there")"
    case .destinationReplaced(let path): "another volume is mounted at \(path) than before, or none"
    case .crossesMounts(let path): "\(path) lies on another mount than the rest of the delivery"
    case .unsafeDestination(let path, let kind):
      "\(path) is a \(kind.rawValue), not a directory; it is not followed"
    case .foreignStaging(let path): "\(path) belongs to another Hotplate; remove it by hand"
    case .stagingLost: "what was staged is no longer there"
    case .conflict(let conflicts) where conflicts.first?.reason == .written:
      "\(conflicts[0].destination) was written to since it was published"
    case .conflict(let conflicts) where conflicts.first?.reason == .collides:
      "the destination takes \(conflicts[0].destination) and another name of this delivery for one"
    case .conflict(let conflicts):
      "\(conflicts.count) destination name\(conflicts.count == 1 ? " is" : "s are") taken, first \(conflicts.first.map { "\($0.destination)" } ?? "")"
    case .cannot(_, let action, let error): "\(error); \(action.remedy)"
    case .readbackDiffers(_, let path):
      "\(path): read back, it is not what was written, twice; check the destination's disk and memory"
    case .unreadable(let files):
      "\(files.count) file\(files.count == 1 ? "" : "s") cannot be read: \(files.prefix(5).map { "\($0.error)" }.joined(separator: "; "))\(files.count > 5 ? "; …" : "")"
    case .io(let error, _): "\(error)"
    }
  }
}

/// A source that cannot be read, with the place where.
public struct Unreadable: Hashable, Sendable {
  /// Into the plan's files.
  public let index: Int
  public let error: SystemError
}

extension TransferPlan.Action {
  /// What to do where it is refused.
  fileprivate var remedy: String {
    switch self {
    case .hardlink:
      "a hard link needs one file system and a source that nobody writes; `transfer: [hardlink, copy]` copies the others"
    case .reflink:
      "a reflink needs one file system that shares blocks, such as XFS or Btrfs; `transfer: [reflink, copy]` copies the others"
    case .symlink:
      "the destination's file system takes no such symlink; `transfer: [symlink, copy]` copies the others"
    case .copy, .move: "check the destination's file system"
    }
  }
}

/// Runs calls on the destination; their errors are those of ``TransferError/destination(_:_:)``.
func onDestination<Value>(_ index: Int?, _ body: () throws(SystemError) -> Value)
  throws(TransferError) -> Value
{
  do throws(SystemError) { return try body() } catch { throw .destination(error, index) }
}

/// Runs calls on a source; their errors are those of ``TransferError/source(_:_:)``.
func onSource<Value>(_ index: Int, _ body: () throws(SystemError) -> Value)
  throws(TransferError) -> Value
{
  do throws(SystemError) { return try body() } catch { throw .source(error, index) }
}

extension TransferError {
  /// The error of a call on the destination.
  static func destination(_ error: SystemError, _ index: Int?) -> TransferError {
    switch error.errno {
    case .noSpace, .overQuota: .destinationFull(error)
    case .readOnly, .noPermission, .notPermitted: .destinationNotWritable(error)
    default: .io(error, index)
    }
  }

  /// The error of a call on a source.
  static func source(_ error: SystemError, _ index: Int) -> TransferError {
    switch error.errno {
    case .notFound, .notADirectory: .sourceMissing(index)
    case .symlink: .unsafeSource(index, error)
    default: .io(error, index)
    }
  }
}
