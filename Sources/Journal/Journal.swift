import Dispatch
import Foundation
import GRDB
import Synchronization

/// The durable record of every job: what is intended, what was done, who won.
///
/// What a method has returned from is on the disk (SQLite in WAL mode with `synchronous = FULL`) and survives a power
/// cut. The async methods run on queues of the database, never on a cooperative thread, and a cancelled task's write
/// is written all the same: a row must not depend on whether its caller was still wanted.
///
/// A commit takes as long as the disk needs to sync, up to some 300 ms on a busy one.
public final class Journal: Sendable {
  /// A random name of this state directory, made once; staging that bears it is ours.
  public let identity: String

  /// Of the database file.
  public let path: String
  let ids: JobIDs
  let database: any DatabaseWriter
  private let lock: StateLock?
  private let ballast: Ballast?
  private let onShortage = Mutex<(@Sendable () -> Void)?>(nil)
  private let isClosed = Mutex(false)

  /// Opens the journal of a daemon: makes the directory (0700) if it is missing, holds its lock, checks the file.
  ///
  /// Blocks while the file is checked, some milliseconds a megabyte: do not call it on a cooperative thread.
  ///
  /// - Throws: `.locked` if another daemon is there; `.networkFileSystem`; `.damaged` and `.newer`, with the file
  ///   untouched; `.readOnly`, `.full`, `.system`.
  public init(stateDirectory: String) throws(JournalError) {
    let lock = try StateLock(directory: stateDirectory)
    let path = stateDirectory + "/" + fileName
    self.lock = lock
    self.path = path
    do {
      try checkBeforeWriting(path, mayRecover: true)
      let pool = try DatabasePool(path: path, configuration: configuration())
      try pool.writeWithoutTransaction(makeCommitsDurable)
      try Schema.migrator.migrate(pool)
      database = pool
      (identity, ids) = try pool.read(startingPoint)
      try openReaders(of: pool)
    } catch {
      throw JournalError(error, path: path)
    }
    ballast = Ballast(directory: stateDirectory)
  }

  /// Whether the room that is held for the last rows has been given up, or never could be held: nothing new should begin.
  public var isShortOfRoom: Bool { ballast.map { !$0.isStanding } ?? false }

  /// Calls `body`, on any thread, when a row was written into the room that was held for the last ones.
  public func whenShortOfRoom(_ body: @escaping @Sendable () -> Void) {
    onShortage.withLock { $0 = body }
  }

  /// Holds room for the last rows again. Blocks for a moment: not on a cooperative thread.
  ///
  /// - Returns: whether there was enough of it.
  public func regainRoom() -> Bool { ballast?.hold() ?? true }

  /// Opens the journal without its lock for looking only, as `jobs` and `show` do when no daemon answers.
  ///
  /// - Throws: `.absent` if there is none; else as above, but never `.locked`.
  public init(readingStateDirectory: String) throws(JournalError) {
    let path = readingStateDirectory + "/" + fileName
    guard FileManager.default.fileExists(atPath: path) else { throw .absent(path: path) }
    try refuseNetworkFileSystem(readingStateDirectory)
    lock = nil
    ballast = nil
    self.path = path
    do {
      try checkBeforeWriting(path, mayRecover: false)
      let queue = try DatabaseQueue(path: path, configuration: configuration(readOnly: true))
      guard try queue.read(Schema.migrator.hasCompletedMigrations) else {
        throw JournalError.absent(path: path)
      }
      database = queue
      (identity, ids) = try queue.read(startingPoint)
    } catch {
      throw JournalError(error, path: path)
    }
  }

  /// Ends all access and lets the lock go; every later call throws `.closed`. A second close does nothing.
  public func close() async throws(JournalError) {
    guard
      isClosed.withLock({ wasClosed in
        defer { wasClosed = true }
        return !wasClosed
      })
    else { return }
    let database = database
    let result: Result<Void, any Error> = await withCheckedContinuation { done in
      DispatchQueue.global().async {
        // The pool closes its readers last, and those cannot fold the WAL into the file. Should this fail, the rows
        // stay in the WAL, from where the next start reads them.
        if !database.configuration.readonly {
          database.writeWithoutTransaction { _ = try? $0.checkpoint(.truncate) }
        }
        done.resume(returning: Result { try database.close() })
      }
    }
    if case .failure(let error) = result { throw JournalError(error, path: path) }
    lock?.release()
  }

  /// A new job's id: rising across restarts, also when the clock was set back.
  public func makeID(at now: Date) -> String { ids.next(at: now).description }
}

extension Journal {
  /// Runs `body` in one transaction, which is on the disk when this returns.
  ///
  /// GRDB's own `async` write throws when the task is cancelled; its callback form does not.
  ///
  /// On a full disk it is tried a second time, in the room that was held for that: the first try was taken back whole.
  func write<T: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> T
  ) async throws(JournalError) -> T {
    do throws(JournalError) {
      return try await writeOnce(body)
    } catch {
      guard case .full = error, let ballast, ballast.release() else { throw error }
      onShortage.withLock { $0 }?()
      return try await writeOnce(body)
    }
  }

  private func writeOnce<T: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> T
  ) async throws(JournalError) -> T {
    let result: Result<T, any Error> = await withCheckedContinuation { done in
      database.asyncWrite(body) { _, result in done.resume(returning: result) }
    }
    return try result.mapError { JournalError($0, path: path) }.get()
  }

  /// Runs `body` on one unchanging view of the database.
  func read<T: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> T
  ) async throws(JournalError) -> T {
    let result: Result<T, any Error> = await withCheckedContinuation { done in
      database.asyncRead { database in
        done.resume(returning: Result { try body(database.get()) })
      }
    }
    return try result.mapError { JournalError($0, path: path) }.get()
  }

  /// SQLite's `synchronous` of the connection that writes: 2 is FULL.
  func writerSynchronous() async throws(JournalError) -> Int? {
    try await write { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
  }
}

private let fileName = "journal.sqlite"

private func configuration(readOnly: Bool = false) -> Configuration {
  var configuration = Configuration()
  configuration.label = "hotplate.journal"
  configuration.readonly = readOnly
  configuration.foreignKeysEnabled = true
  // Each connection holds three descriptors, and the daemon must live with 64.
  configuration.maximumReaderCount = readers
  // A reader of another process may hold a lock for the moment it recovers the WAL.
  configuration.busyMode = .timeout(10)
  return configuration
}

private let readers = 2

/// Opens every connection now: later there might be no descriptor left, and a journal that cannot be read ends everything.
private func openReaders(of pool: DatabasePool) throws {
  let (begun, may) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
  let failure = Mutex<(any Error)?>(nil)
  for _ in 1...readers {
    pool.asyncRead { result in
      if case .failure(let error) = result { failure.withLock { $0 = error } }
      begun.signal()
      may.wait()
    }
  }
  for _ in 1...readers { begun.wait() }
  for _ in 1...readers { may.signal() }
  if let error = failure.withLock({ $0 }) { throw error }
}

/// Looks at an existing file through a connection that cannot write, so that a damaged one stays as it is.
///
/// - Parameter mayRecover: a kill while the file was made leaves a rollback journal, which only a writer can take back.
private func checkBeforeWriting(_ path: String, mayRecover: Bool) throws {
  guard let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int, size > 0
  else { return }
  do {
    try check(path, readOnly: true)
  } catch let error as DatabaseError
    where mayRecover && [.SQLITE_READONLY, .SQLITE_CANTOPEN].contains(error.resultCode)
  {
    try check(path, readOnly: false)
  }
}

private func check(_ path: String, readOnly: Bool) throws {
  let queue = try DatabaseQueue(path: path, configuration: configuration(readOnly: readOnly))
  try queue.read { database in
    let report = try String.fetchAll(database, sql: "PRAGMA quick_check(3)")
    if report != ["ok"] {
      throw JournalError.damaged(path: path, report: report.joined(separator: "; "))
    }
    if try Schema.migrator.hasBeenSuperseded(database) { throw JournalError.newer(path: path) }
  }
  try queue.close()
}

/// `DatabasePool` sets `synchronous = NORMAL` after its `prepareDatabase` hooks have run, so this comes after it opened.
private func makeCommitsDurable(_ database: Database) throws {
  try database.execute(sql: "PRAGMA synchronous = FULL")
  // Room that a big job took in the WAL is given back once it is copied into the file.
  try database.execute(sql: "PRAGMA journal_size_limit = 67108864")
  guard try Int.fetchOne(database, sql: "PRAGMA synchronous") == 2 else {
    throw DatabaseError(message: "SQLite refuses synchronous = FULL")
  }
}

private func startingPoint(_ database: Database) throws -> (identity: String, ids: JobIDs) {
  let identity = try String.fetchOne(
    database, sql: "SELECT value FROM setting WHERE key = 'identity'")
  guard let identity else { throw DatabaseError(message: "the identity's row is gone") }
  let newest = try String.fetchOne(database, sql: "SELECT max(id) FROM job")
  return (identity, JobIDs(after: newest.flatMap(UUIDv7.init)))
}
