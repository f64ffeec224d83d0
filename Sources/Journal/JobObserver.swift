import GRDB
import Synchronization

extension Journal {
  /// Calls `body` with the numbers of rows of jobs that are new or changed, once they are on the disk; on a thread of the
  /// database, so it must return at once. What only says how far a job is, does not count.
  public func whenJobsChange(_ body: @escaping @Sendable (Set<Int64>) -> Void) {
    database.add(transactionObserver: JobObserver(body), extent: .databaseLifetime)
  }
}

/// Collects the rows that a transaction touches.
private final class JobObserver: TransactionObserver, Sendable {
  private static let progress: Set<String> = ["staged_frames", "done_bytes", "published_frames"]

  private let touched = Mutex<Set<Int64>>([])
  private let tell: @Sendable (Set<Int64>) -> Void

  init(_ tell: @escaping @Sendable (Set<Int64>) -> Void) { self.tell = tell }

  func observes(eventsOfKind kind: DatabaseEventKind) -> Bool {
    switch kind {
    case .insert("job"): true
    case .update("job", let columns): !columns.isSubset(of: Self.progress)
    default: false
    }
  }

  func databaseDidChange(with event: DatabaseEvent) {
    touched.withLock { _ = $0.insert(event.rowID) }
  }

  func databaseDidCommit(_ database: Database) {
    let rows = touched.withLock { touched in
      defer { touched = [] }
      return touched
    }
    if !rows.isEmpty { tell(rows) }
  }

  func databaseDidRollback(_ database: Database) { touched.withLock { $0 = [] } }
}
