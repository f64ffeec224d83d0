import Foundation
import GRDB
import Paths

extension Journal {
  /// Writes a new job with its frames, and takes the names it will write, in one transaction.
  ///
  /// - Parameters:
  ///   - job: its `number` is ignored.
  ///   - frames: receipts, digests and outcomes are left out; they come with `record` and `markFrames`.
  ///   - claims: the names at the destination; unique among unfinished jobs, and within this one.
  ///   - at: when it came into this state, for its history; nil for its creation.
  ///   - cancelReceipt: of a job that was cancelled before it had a plan.
  /// - Returns: the row's number.
  /// - Throws: `.claimed` with nothing written.
  @discardableResult
  public func insert(
    _ job: JobRecord, frames: [FrameRecord], claims: [DestinationClaim], at: Date? = nil,
    cancelReceipt: Data? = nil
  ) async throws(JournalError) -> Int64 {
    try await write { database in
      try database.insertJob(job)
      let number = database.lastInsertedRowID
      try database.insertFrames(frames, job: number, hotFolder: job.hotFolder)
      try database.take(claims, job: number)
      try database.appendHistory(job: number, at: at ?? job.created, state: job.state, text: nil)
      if let cancelReceipt { try database.setCancelReceipt(cancelReceipt, job: number) }
      return number
    }
  }

  public func job(_ id: String) async throws(JournalError) -> JobRecord? {
    try await read { database in
      try Row.fetchOne(database, sql: "SELECT * FROM job WHERE id = ?", arguments: [id])
        .map(JobRecord.init)
    }
  }

  /// The one job whose id begins with `prefix`, as git looks up commits.
  ///
  /// - Throws: `.noSuchJob`; `.ambiguous`, naming up to five.
  public func job(withPrefix prefix: String) async throws(JournalError) -> JobRecord {
    let wanted = prefix.lowercased()
    // Only what ids are made of, so that LIKE meets none of its wildcards.
    guard !wanted.isEmpty, wanted.utf8.allSatisfy({ Set("0123456789abcdef-".utf8).contains($0) })
    else { throw .noSuchJob(prefix) }
    let found = try await read { database in
      try Row.fetchAll(
        database, sql: "SELECT * FROM job WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 5",
        arguments: [wanted, wanted + "~"]
      ).map(JobRecord.init)
    }
    guard let first = found.first else { throw .noSuchJob(prefix) }
    guard found.count == 1 else { throw .ambiguous(prefix: prefix, jobs: found.map(\.id)) }
    return first
  }

  /// Jobs, newest first.
  ///
  /// - Parameters:
  ///   - states: nil for all.
  ///   - before: only rows with a smaller number: the next page.
  ///   - mentioning: only rows with this text in one of their columns, whatever the case of ASCII letters: a sieve
  ///     before a closer look, for `settings` holds more than people see.
  public func jobs(
    states: Set<String>? = nil, limit: Int? = nil, before: Int64? = nil, mentioning: String? = nil
  ) async throws(JournalError) -> [JobRecord] {
    try await read { database in
      var arguments: StatementArguments = [before ?? Int64.max]
      var condition = "number < ?"
      if let mentioning {
        condition += """
           AND instr(lower(id || ' ' || coalesce(rule, '') || ' ' || hot_folder || ' '
            || CAST(settings AS TEXT)), lower(?)) > 0
          """
        arguments += [mentioning]
      }
      if let states {
        condition += " AND state IN (\(placeholders(states.count)))"
        arguments += StatementArguments(states.sorted())
      }
      arguments += [limit ?? -1]
      return try Row.fetchAll(
        database, sql: "SELECT * FROM job WHERE \(condition) ORDER BY number DESC LIMIT ?",
        arguments: arguments
      ).map(JobRecord.init)
    }
  }

  /// Those of some rows that are (still) there, in any order.
  public func jobs(numbers: Set<Int64>) async throws(JournalError) -> [JobRecord] {
    if numbers.isEmpty { return [] }
    return try await read { database in
      let statement = try database.cachedStatement(sql: "SELECT * FROM job WHERE number = ?")
      return try numbers.compactMap {
        try Row.fetchOne(statement, arguments: [$0]).map(JobRecord.init)
      }
    }
  }

  /// What a start has to finish or undo, oldest first.
  public func unfinished() async throws(JournalError) -> [JobRecord] {
    try await read { database in
      try Row.fetchAll(database, sql: "SELECT * FROM job WHERE ended IS NULL ORDER BY number")
        .map(JobRecord.init)
    }
  }

  /// Done, and not known to be durable: a background sync has not passed, or has failed.
  public func undurable() async throws(JournalError) -> [JobRecord] {
    try await read { database in
      try Row.fetchAll(
        database, sql: "SELECT * FROM job WHERE state = 'done' AND NOT durable ORDER BY number"
      ).map(JobRecord.init)
    }
  }

  /// The steps of a job, first one first; empty for an unknown one.
  public func history(of id: String) async throws(JournalError) -> [HistoryRecord] {
    try await read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT at, state, text FROM history
          WHERE job = (SELECT number FROM job WHERE id = ?) ORDER BY number
          """, arguments: [id]
      ).map { HistoryRecord(at: Date(milliseconds: $0[0]), state: $0[1], text: $0[2]) }
    }
  }
}

func placeholders(_ count: Int) -> String {
  Array(repeating: "?", count: count).joined(separator: ", ")
}

extension Database {
  /// - Throws: `JournalError.noSuchJob`.
  func number(ofJob id: String) throws -> Int64 {
    let number = try Int64.fetchOne(
      cachedStatement(sql: "SELECT number FROM job WHERE id = ?"), arguments: [id])
    guard let number else { throw JournalError.noSuchJob(id) }
    return number
  }

  fileprivate func insertJob(_ job: JobRecord) throws {
    try execute(
      sql: """
        INSERT INTO job (id, state, over, rule, rule_text, hot_folder, settings, reason,
          expected_frames, expected_bytes, staged_frames, done_bytes, published_frames, durable,
          created, started, ended)
        VALUES (\(placeholders(17)))
        """,
      arguments: [
        job.id, job.state, job.over, job.rule, job.ruleText, job.hotFolder, job.settings,
        job.reason, job.expectedFrames, job.expectedBytes, job.stagedFrames, job.doneBytes,
        job.publishedFrames, job.durable, job.created.milliseconds, job.started?.milliseconds,
        job.ended?.milliseconds,
      ])
  }

  func appendHistory(job: Int64, at: Date, state: String, text: String?) throws {
    try cachedStatement(sql: "INSERT INTO history (job, at, state, text) VALUES (?, ?, ?, ?)")
      .execute(arguments: [job, at.milliseconds, state, text])
  }
}
