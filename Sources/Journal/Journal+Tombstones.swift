import Foundation
import GRDB
import Paths

/// A cancel by hand: this content is not taken again until `retry`, or until it changes.
public struct TombstoneRecord: Hashable, Sendable {
  public var hotFolder: String
  public var directory: RelativePath
  /// Which arrivals of the directory; opaque here.
  public var pattern: [UInt8]
  /// What they held; opaque here.
  public var fingerprint: Data
  /// The job that was cancelled.
  public var job: String

  public init(
    hotFolder: String, directory: RelativePath, pattern: [UInt8], fingerprint: Data, job: String
  ) {
    self.hotFolder = hotFolder
    self.directory = directory
    self.pattern = pattern
    self.fingerprint = fingerprint
    self.job = job
  }
}

extension Journal {
  /// Lays a tombstone, in place of an older one of the same job, hot folder, directory and pattern.
  public func add(_ tombstone: TombstoneRecord) async throws(JournalError) {
    try await write { try $0.lay(tombstone) }
  }

  /// All tombstones, by hot folder, directory, pattern and job.
  public func tombstones() async throws(JournalError) -> [TombstoneRecord] {
    try await read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT hot_folder, directory, pattern, fingerprint, job FROM tombstone
          ORDER BY hot_folder, directory, pattern, job
          """
      ).map { row in
        guard let directory = RelativePath(try row.bytes(1)) else {
          throw DatabaseError(
            resultCode: .SQLITE_CORRUPT, message: "a row holds what is not a path")
        }
        return TombstoneRecord(
          hotFolder: row[0], directory: directory, pattern: try row.bytes(2), fingerprint: row[3],
          job: row[4])
      }
    }
  }

  /// What was last kept under `key`.
  public func value(for key: String) async throws(JournalError) -> Data? {
    try await read { database in
      try Data.fetchOne(
        database, sql: "SELECT value FROM setting WHERE key = ?", arguments: ["value:" + key])
    }
  }

  /// Keeps `value` under `key`; nil removes it.
  public func setValue(_ value: Data?, for key: String) async throws(JournalError) {
    try await write { database in
      if let value {
        try database.execute(
          sql: "INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)",
          arguments: ["value:" + key, value])
      } else {
        try database.execute(
          sql: "DELETE FROM setting WHERE key = ?", arguments: ["value:" + key])
      }
    }
  }
}

extension Database {
  func lay(_ tombstone: TombstoneRecord) throws {
    try execute(
      sql: """
        INSERT OR REPLACE INTO tombstone (hot_folder, directory, pattern, fingerprint, job)
        VALUES (?, ?, ?, ?, ?)
        """,
      arguments: [
        tombstone.hotFolder, Data(tombstone.directory.bytes), Data(tombstone.pattern),
        tombstone.fingerprint, tombstone.job,
      ])
  }
}
