import Foundation
import GRDB
import Paths

/// What kept the journal from doing what it was asked; each says what to do next.
public enum JournalError: Error, Hashable, Sendable {
  /// Another daemon works with this state directory.
  case locked(directory: String, holder: String)
  /// SQLite's shared memory does not work between hosts.
  case networkFileSystem(directory: String)
  /// The file is not, or no longer, a sound database. It was left as it is.
  case damaged(path: String, report: String)
  /// A later version of Hotplate made it.
  case newer(path: String)
  /// Reading only, and there is nothing to read.
  case absent(path: String)
  /// Another unfinished job is to write this name. Nothing was written.
  case claimed(path: RelativePath, byJob: String)
  case noSuchJob(String)
  /// Several jobs begin so; a few of them are named.
  case ambiguous(prefix: String, jobs: [String])
  /// No space left for another row. What was acknowledged stands.
  case full(path: String)
  case readOnly(path: String)
  /// The disk failed. What was acknowledged stands as far as the disk holds it.
  case inputOutput(path: String, message: String)
  case closed
  /// A system call on the state directory failed.
  case system(call: String, path: String, message: String)
  /// Anything else of SQLite, in its own words.
  case database(path: String, message: String)
}

extension JournalError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .locked(let directory, let holder):
      "another daemon works with \(directory): \(holder); stop it, or give this one its own --state"
    case .networkFileSystem(let directory):
      "\(directory) lies on a network file system, where a journal is not safe; give --state a local directory"
    case .damaged(let path, let report):
      "the journal \(path) is damaged (\(report)) and was left as it is; "
        + "keep a copy of \(path)*, then put back a backup or move them away to start with an empty journal"
    case .newer(let path):
      "the journal \(path) was made by a newer Hotplate; use that version"
    case .absent(let path):
      "there is no journal at \(path); give --state the directory the daemon uses"
    case .claimed(let path, let job):
      "\(path) is about to be written by job \(job); let it end, or cancel it"
    case .noSuchJob(let id): "no job '\(id)'; `hotplate jobs` lists them"
    case .ambiguous(let prefix, let jobs):
      "'\(prefix)' begins several jobs (\(jobs.joined(separator: ", "))); give more of the id"
    case .full(let path):
      "no space left for the journal \(path); make room on that disk and start again, nothing is lost"
    case .inputOutput(let path, let message):
      "the disk of the journal \(path) fails (\(message)); look at the kernel's log, then start again: "
        + "what is staged is kept, and nothing is removed without its row"
    case .readOnly(let path):
      "the journal \(path) cannot be written; check its permissions and mount"
    case .closed: "the journal is closed"
    case .system(let call, let path, let message): "\(path): \(message) (\(call))"
    case .database(let path, let message): "the journal \(path) failed: \(message)"
    }
  }
}

extension JournalError {
  /// - Parameter path: of the database file.
  init(_ error: any Error, path: String) {
    switch error {
    case let error as JournalError: self = error
    case let error as DatabaseError:
      let message = error.message ?? "\(error.resultCode)"
      switch error.resultCode.primaryResultCode {
      case .SQLITE_FULL: self = .full(path: path)
      case .SQLITE_IOERR:
        self = .inputOutput(path: path, message: "\(message), \(error.extendedResultCode)")
      case .SQLITE_READONLY, .SQLITE_PERM: self = .readOnly(path: path)
      case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .damaged(path: path, report: message)
      // GRDB's word for an access after close().
      case .SQLITE_MISUSE: self = .closed
      default:
        self = .database(path: path, message: "\(message) (\(error.extendedResultCode))")
      }
    default: self = .database(path: path, message: "\(error)")
    }
  }
}
