import Foundation
import GRDB
import Paths

extension Journal {
  /// Moves a job to another state if it is still in one of `from`: of a commit and a cancel exactly one wins.
  ///
  /// A step into a state that ends the job sets `ended` and releases its claims; a step out of one (recovery) clears
  /// `ended`. The first step to `staging` sets `started`.
  ///
  /// - Parameters:
  ///   - reason: nil keeps the one there is, empty clears it.
  ///   - note: for the history.
  ///   - claims: names taken in the same transaction, for a job that has none any more or needs others as well.
  ///   - tombstones: laid in the same transaction, so that a crash cannot part a cancel from it.
  ///   - cancelReceipt: what ``cancelReceipt(of:)`` gives from then on; opaque here.
  /// - Returns: whether this call moved it. If not, nothing was written.
  /// - Throws: `.noSuchJob`; `.claimed` with nothing written.
  public func transition(
    _ id: String, from: Set<String>, to: String, reason: Data? = nil, note: String? = nil, at: Date,
    claiming claims: [DestinationClaim] = [], tombstones: [TombstoneRecord] = [],
    cancelReceipt: Data? = nil
  ) async throws(JournalError) -> Bool {
    try await write { database in
      let number = try database.number(ofJob: id)
      let ends = JobRecord.terminalStates.contains(to)
      var arguments: StatementArguments = [
        to, reason, reason?.isEmpty ?? false, reason, to, at.milliseconds,
        ends ? at.milliseconds : nil, number,
      ]
      arguments += StatementArguments(from.sorted())
      try database.execute(
        sql: """
          UPDATE job SET state = ?,
            reason = CASE WHEN ? IS NULL THEN reason WHEN ? THEN NULL ELSE ? END,
            started = CASE WHEN ? = 'staging' THEN coalesce(started, ?) ELSE started END,
            ended = ?
          WHERE number = ? AND state IN (\(placeholders(from.count)))
          """, arguments: arguments)
      guard database.changesCount == 1 else { return false }
      try database.appendHistory(job: number, at: at, state: to, text: note)
      if ends {
        try database.execute(sql: "DELETE FROM claim WHERE job = ?", arguments: [number])
      } else {
        try database.take(claims, job: number, own: id)
      }
      for tombstone in tombstones { try database.lay(tombstone) }
      if let cancelReceipt { try database.setCancelReceipt(cancelReceipt, job: number) }
      return true
    }
  }

  /// What a cancelled job's cancel did; nil for any other, and for those that an older version cancelled.
  public func cancelReceipt(of id: String) async throws(JournalError) -> Data? {
    try await read { database in
      try Data.fetchOne(
        database,
        sql: """
          SELECT data FROM cancel_receipt WHERE job = (SELECT number FROM job WHERE id = ?)
          """, arguments: [id])
    }
  }

  /// Adds a line to a job's history without moving it, such as a sentinel that came too late.
  public func note(_ text: String, on id: String, at: Date) async throws(JournalError) {
    try await write { database in
      let number = try database.number(ofJob: id)
      let state = try String.fetchOne(
        database, sql: "SELECT state FROM job WHERE number = ?", arguments: [number])
      try database.appendHistory(job: number, at: at, state: state ?? "", text: text)
    }
  }

  /// Lays `offline` or `full` over the state, or takes it away.
  public func setOver(_ over: String?, of id: String) async throws(JournalError) {
    try await write { try $0.setJob(id, "over = ?", [over]) }
  }

  public func setSettings(_ settings: Data, of id: String) async throws(JournalError) {
    try await write { try $0.setJob(id, "settings = ?", [settings]) }
  }

  /// - Parameter made: directories that the job will have made once it is published, in place of those noted before.
  public func update(
    _ progress: JobProgress, of id: String, made: [MadeDirectoryRecord] = []
  ) async throws(JournalError) {
    try await write { database in
      try database.setProgress(progress, ofJob: id)
      if !made.isEmpty { try database.setMade(made, ofJob: id) }
    }
  }

  /// A background sync has passed: a power cut can no longer take what this job published.
  public func setDurable(_ id: String) async throws(JournalError) {
    try await write { try $0.setJob(id, "durable = ?", [true]) }
  }

  /// Gives a job a better reason without moving it.
  public func amend(
    reason: Data, note: String, of id: String, at: Date
  ) async throws(JournalError) {
    try await write { database in
      try database.setJob(id, "reason = ?", [reason])
      let number = try database.number(ofJob: id)
      let state = try String.fetchOne(
        database, sql: "SELECT state FROM job WHERE number = ?", arguments: [number])
      try database.appendHistory(job: number, at: at, state: state ?? "", text: note)
    }
  }
}

extension Database {
  fileprivate func setJob(
    _ id: String, _ assignment: String, _ arguments: StatementArguments
  ) throws {
    try execute(
      sql: "UPDATE job SET \(assignment) WHERE number = ?",
      arguments: arguments + [number(ofJob: id)])
  }

  func setCancelReceipt(_ data: Data, job: Int64) throws {
    try execute(
      sql: "INSERT OR REPLACE INTO cancel_receipt (job, data) VALUES (?, ?)",
      arguments: [job, data])
  }

  func setProgress(_ progress: JobProgress, ofJob id: String) throws {
    try setJob(
      id, "staged_frames = ?, done_bytes = ?, published_frames = ?",
      [progress.stagedFrames, progress.doneBytes, progress.publishedFrames])
  }

  /// Takes those of the names that nobody holds.
  func takeFree(_ claims: [DestinationClaim], job: Int64) throws {
    var directories = DirectoryNumbers()
    let insert = try cachedStatement(
      sql: "INSERT INTO claim (directory, name, job) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
    for claim in claims {
      let directory = try directories.number(claim.path.parent, root: claim.root, in: self)
      try insert.execute(arguments: [directory, Data(claim.path.name?.bytes ?? []), job])
    }
  }

  /// - Throws: `JournalError.claimed`; the caller's transaction then takes everything back.
  /// - Parameter own: a job that may hold some of them already.
  func take(_ claims: [DestinationClaim], job: Int64, own: String? = nil) throws {
    var directories = DirectoryNumbers()
    let insert = try cachedStatement(
      sql: "INSERT INTO claim (directory, name, job) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
    for claim in claims {
      let directory = try directories.number(claim.path.parent, root: claim.root, in: self)
      let name = Data(claim.path.name?.bytes ?? [])
      try insert.execute(arguments: [directory, name, job])
      guard changesCount == 1 else {
        let holder = try String.fetchOne(
          self,
          sql: """
            SELECT job.id FROM claim JOIN job ON job.number = claim.job
            WHERE claim.directory = ? AND claim.name = ?
            """, arguments: [directory, name])
        if let own, holder == own { continue }
        throw JournalError.claimed(path: claim.path, byJob: holder ?? "?")
      }
    }
  }
}
