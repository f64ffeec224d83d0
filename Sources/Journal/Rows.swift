import Foundation
import GRDB
import Paths

extension JobRecord {
  init(row: Row) {
    self.init(
      id: row["id"], number: row["number"], state: row["state"], over: row["over"],
      rule: row["rule"], ruleText: row["rule_text"], hotFolder: row["hot_folder"],
      settings: row["settings"], reason: row["reason"], expectedFrames: row["expected_frames"],
      expectedBytes: row["expected_bytes"], stagedFrames: row["staged_frames"],
      doneBytes: row["done_bytes"], publishedFrames: row["published_frames"],
      durable: row["durable"], created: Date(milliseconds: row["created"]),
      started: (row["started"] as Int64?).map { Date(milliseconds: $0) },
      ended: (row["ended"] as Int64?).map { Date(milliseconds: $0) })
  }
}

extension Date {
  init(milliseconds: Int64) { self.init(timeIntervalSince1970: Double(milliseconds) / 1000) }
  var milliseconds: Int64 { Int64((timeIntervalSince1970 * 1000).rounded()) }
}

extension Row {
  /// The blob in a column, as bytes of a name.
  func bytes(_ index: Int) throws -> [UInt8] {
    try withUnsafeData(atIndex: index) { $0.map { [UInt8]($0) } ?? [] }
  }
}

/// Stores paths as a directory's number and a name, and puts them together again; for one transaction.
struct DirectoryNumbers {
  private struct Key: Hashable {
    let root: String
    let path: RelativePath
  }

  private var numbers: [Key: Int64] = [:]
  private var paths: [Int64: RelativePath] = [:]

  /// The number of `path` beneath `root`, made if it is new.
  mutating func number(_ path: RelativePath, root: String, in database: Database) throws -> Int64 {
    let key = Key(root: root, path: path)
    if let number = numbers[key] { return number }
    let arguments: StatementArguments = [root, Data(path.bytes)]
    try database.cachedStatement(
      sql: "INSERT INTO directory (root, path) VALUES (?, ?) ON CONFLICT DO NOTHING"
    ).execute(arguments: arguments)
    let number = try Int64.fetchOne(
      database.cachedStatement(sql: "SELECT id FROM directory WHERE root = ? AND path = ?"),
      arguments: arguments)
    guard let number else { throw DatabaseError(message: "a directory's row is gone") }
    numbers[key] = number
    return number
  }

  /// The path of a file, or of the directory itself where `name` is empty.
  mutating func path(_ number: Int64, name: [UInt8], in database: Database) throws -> RelativePath {
    var directory = paths[number]
    if directory == nil {
      let bytes = try Data.fetchOne(
        database.cachedStatement(sql: "SELECT path FROM directory WHERE id = ?"),
        arguments: [number])
      directory = bytes.flatMap { RelativePath($0) }
      paths[number] = directory
    }
    let name = FileName(name)
    guard let directory, name.bytes.isEmpty || name.isValidComponent else {
      throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "a row holds what is not a path")
    }
    return name.bytes.isEmpty ? directory : directory.appending(name)
  }
}
