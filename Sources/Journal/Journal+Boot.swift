import Foundation
import GRDB

extension Journal {
  /// What a power cut may have reached: the jobs that ended while the machine ran under another boot than `boot`.
  ///
  /// - Parameter boot: the kernel's name for this boot.
  /// - Returns: oldest first; empty if this journal was last opened under the same boot.
  public func ended(beforeBoot boot: String) async throws(JournalError) -> [JobRecord] {
    try await read { database in
      let mark = try database.bootMark()
      guard mark?.boot != boot else { return [] }
      return try Row.fetchAll(
        database,
        sql: "SELECT * FROM job WHERE number >= ? AND ended IS NOT NULL ORDER BY number",
        arguments: [mark?.firstJob ?? 0]
      ).map(JobRecord.init)
    }
  }

  /// Takes a job that had ended back into a state from which it ends again, with as many of its names as it can have.
  ///
  /// - Parameters:
  ///   - claims: the names that it writes. What others hold by then stays theirs, and publishing respects it.
  ///   - states: of jobs that lose such names to this one: they have to claim them again.
  /// - Returns: whether this call moved it.
  public func reopen(
    _ id: String, from: String, to state: String, claims: [DestinationClaim],
    seizingFrom states: Set<String>, note: String, at: Date
  ) async throws(JournalError) -> Bool {
    try await write { database in
      let number = try database.number(ofJob: id)
      try database.execute(
        sql: "UPDATE job SET state = ?, ended = NULL WHERE number = ? AND state = ?",
        arguments: [state, number, from])
      guard database.changesCount == 1 else { return false }
      try database.appendHistory(job: number, at: at, state: state, text: note)
      try database.seize(claims, from: states, job: number)
      try database.takeFree(claims, job: number)
      return true
    }
  }

  /// Nothing of an earlier boot is in doubt any more: from here on, what ends, ends under this one. Said again under the
  /// same boot it changes nothing: what has ended since it began stays in doubt for the next one.
  public func setBoot(_ boot: String) async throws(JournalError) {
    try await write { database in
      if try database.bootMark()?.boot == boot { return }
      // A job that is unfinished now will end under this boot.
      let first = try Int64.fetchOne(
        database,
        sql: """
          SELECT coalesce((SELECT min(number) FROM job WHERE ended IS NULL),
            (SELECT max(number) + 1 FROM job), 0)
          """)
      let mark = BootMark(boot: boot, firstJob: first ?? 0)
      try database.execute(
        sql: "INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)",
        arguments: [bootKey, Data(mark.text.utf8)])
    }
  }
}

private let bootKey = "boot"

extension Database {
  fileprivate func bootMark() throws -> BootMark? {
    let row = try Row.fetchOne(
      self, sql: "SELECT value FROM setting WHERE key = ?", arguments: [bootKey])
    return try row.map { try BootMark(text: String(decoding: $0.bytes(0), as: UTF8.self)) }
  }
}

/// A boot, and the first job that may have ended under it.
private struct BootMark {
  let boot: String
  let firstJob: Int64

  init(boot: String, firstJob: Int64) {
    self.boot = boot
    self.firstJob = firstJob
  }

  var text: String { "\(firstJob) \(boot)" }

  init(text: String) throws {
    let parts = text.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, let first = Int64(parts[0]) else {
      throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "'\(text)' is not a boot's mark")
    }
    boot = String(parts[1])
    firstJob = first
  }
}
