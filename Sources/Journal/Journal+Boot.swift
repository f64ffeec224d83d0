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
