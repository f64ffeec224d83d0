import Foundation
import GRDB
import Paths

/// An undo that is under way.
public struct UndoRecord: Hashable, Sendable {
  public var job: String
  /// The engine's own. Opaque here.
  public var settings: Data
  /// Whether every source was found or given back: from then on there is only forward.
  public var isSecured: Bool

  public init(job: String, settings: Data, isSecured: Bool) {
    self.job = job
    self.settings = settings
    self.isSecured = isSecured
  }
}

/// A directory that a job made at its destination.
public struct MadeDirectoryRecord: Hashable, Sendable {
  /// Beneath the destination root.
  public var path: RelativePath
  public var made: InodeKey

  public init(path: RelativePath, made: InodeKey) {
    self.path = path
    self.made = made
  }
}

/// What an undo came to.
public struct UndoOutcome: Sendable {
  /// Frames that are published no more, by ordinal.
  public var undone: [Int]
  /// Why others were kept, by ordinal.
  public var kept: [(ordinal: Int, outcome: String)]
  /// Opaque here.
  public var reason: Data
  /// For the history, in order.
  public var notes: [String]
  /// In place of those that the job had.
  public var tombstones: [TombstoneRecord]

  public init(
    undone: [Int] = [], kept: [(ordinal: Int, outcome: String)] = [], reason: Data,
    notes: [String], tombstones: [TombstoneRecord] = []
  ) {
    self.undone = undone
    self.kept = kept
    self.reason = reason
    self.notes = notes
    self.tombstones = tombstones
  }
}

extension Journal {
  /// The outcome of a frame that was published and is no more.
  public static let undone = "undone"

  /// Notes that a done job is about to be undone, and takes its names, so that no other job counts on what lies there.
  ///
  /// From held jobs, which may wait for just that, the names are taken: they have to claim them again.
  ///
  /// - Returns: whether this call began it; false if it has begun already.
  /// - Throws: `.claimed` with nothing written.
  public func beginUndo(
    of id: String, settings: Data, claims: [DestinationClaim], reason: Data, note: String, at: Date
  ) async throws(JournalError) -> Bool {
    try await write { database in
      let number = try database.number(ofJob: id)
      try database.execute(
        sql: "INSERT INTO undo (job, settings, is_secured) VALUES (?, ?, 0) ON CONFLICT DO NOTHING",
        arguments: [number, settings])
      guard database.changesCount == 1 else { return false }
      try database.seize(claims, from: ["held"], job: number)
      try database.take(claims, job: number, own: id)
      try database.execute(
        sql: "UPDATE job SET reason = ? WHERE number = ?", arguments: [reason, number])
      try database.appendHistory(job: number, at: at, state: "done", text: note)
      return true
    }
  }

  /// Every source is at its place and durable: without this row on the disk nothing published may go.
  public func setSecured(_ id: String) async throws(JournalError) {
    try await write { database in
      try database.execute(
        sql: "UPDATE undo SET is_secured = 1 WHERE job = ?",
        arguments: [database.number(ofJob: id)])
    }
  }

  /// Ends an undo, with everything that follows from it, in one transaction.
  public func endUndo(of id: String, _ outcome: UndoOutcome, at: Date) async throws(JournalError) {
    try await write { database in
      let number = try database.number(ofJob: id)
      let update = try database.cachedStatement(
        sql: "UPDATE frame SET outcome = ? WHERE job = ? AND ordinal = ?")
      for ordinal in outcome.undone {
        try update.execute(arguments: [Self.undone, number, ordinal])
      }
      for (ordinal, why) in outcome.kept {
        try update.execute(arguments: [why, number, ordinal])
      }
      try database.execute(
        sql: """
          UPDATE job SET reason = ?, published_frames = max(0, published_frames - ?)
          WHERE number = ?
          """, arguments: [outcome.reason, outcome.undone.count, number])
      for note in outcome.notes {
        try database.appendHistory(job: number, at: at, state: "done", text: note)
      }
      try database.execute(sql: "DELETE FROM claim WHERE job = ?", arguments: [number])
      try database.execute(sql: "DELETE FROM undo WHERE job = ?", arguments: [number])
      if !outcome.tombstones.isEmpty {
        try database.execute(sql: "DELETE FROM tombstone WHERE job = ?", arguments: [id])
        for tombstone in outcome.tombstones { try database.lay(tombstone) }
      }
    }
  }

  /// Undos that an earlier run left unfinished, oldest job first.
  public func undos() async throws(JournalError) -> [UndoRecord] {
    try await read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT j.id, u.settings, u.is_secured FROM undo u JOIN job j ON j.number = u.job
          ORDER BY u.job
          """
      ).map { UndoRecord(job: $0[0], settings: $0[1], isSecured: $0[2]) }
    }
  }

  /// The directories that a job made; none where that was not noted.
  public func made(by id: String) async throws(JournalError) -> [MadeDirectoryRecord] {
    try await read { database in
      var directories = DirectoryNumbers()
      return try Row.fetchAll(
        database, sql: "SELECT directory, inode, birth FROM made_directory WHERE job = ?",
        arguments: [database.number(ofJob: id)]
      ).map { row in
        MadeDirectoryRecord(
          path: try directories.path(row[0], name: [], in: database),
          made: InodeKey(inode: UInt64(bitPattern: row[1]), birth: row[2]))
      }
    }
  }

  /// Another job whose delivery is one of these very files under its very name, as what lay there already.
  public func otherDelivery(
    of files: [(InodeKey, RelativePath)], besides id: String
  ) async throws(JournalError) -> String? {
    try await read { database in
      var directories = DirectoryNumbers()
      let lookup = try database.cachedStatement(
        sql: """
          SELECT j.id, f.destination_directory, f.destination_name
          FROM receipt r INDEXED BY receipt_by_inode
            CROSS JOIN job j ON j.number = r.job
            CROSS JOIN frame f ON f.job = r.job AND f.ordinal = r.ordinal
          WHERE r.inode = ? AND r.birth = ? AND j.id <> ? AND j.state <> 'cancelled'
            AND f.outcome IS NOT ?
          """)
      for (file, destination) in files {
        let rows = try Row.fetchAll(
          lookup, arguments: [Int64(bitPattern: file.inode), file.birth, id, Self.undone])
        for row in rows
        where try directories.path(row[1], name: row.bytes(2), in: database) == destination {
          return row[0]
        }
      }
      return nil
    }
  }

  /// Removes what a cancel or an undo of this job laid: what lies there may be taken again.
  ///
  /// - Parameter note: for the job's history, where there was one.
  /// - Returns: whether there was one.
  public func removeTombstones(
    of id: String, note: String, at: Date
  ) async throws(JournalError) -> Bool {
    try await write { database in
      try database.execute(sql: "DELETE FROM tombstone WHERE job = ?", arguments: [id])
      guard database.changesCount > 0 else { return false }
      let number = try database.number(ofJob: id)
      let state = try String.fetchOne(
        database, sql: "SELECT state FROM job WHERE number = ?", arguments: [number])
      try database.appendHistory(job: number, at: at, state: state ?? "", text: note)
      return true
    }
  }
}

extension Database {
  /// Takes names that jobs in these states hold.
  func seize(_ claims: [DestinationClaim], from states: Set<String>, job: Int64) throws {
    var directories = DirectoryNumbers()
    let update = try cachedStatement(
      sql: """
        UPDATE claim SET job = ? WHERE directory = ? AND name = ?
          AND job IN (SELECT number FROM job WHERE state IN (\(placeholders(states.count))))
        """)
    for claim in claims {
      let directory = try directories.number(claim.path.parent, root: claim.root, in: self)
      try update.execute(
        arguments: [job, directory, Data(claim.path.name?.bytes ?? [])]
          + StatementArguments(states.sorted()))
    }
  }

  func setMade(_ made: [MadeDirectoryRecord], ofJob id: String) throws {
    let number = try number(ofJob: id)
    try execute(sql: "DELETE FROM made_directory WHERE job = ?", arguments: [number])
    var directories = DirectoryNumbers()
    let insert = try cachedStatement(
      sql: "INSERT INTO made_directory (job, directory, inode, birth) VALUES (?, ?, ?, ?)")
    for record in made {
      try insert.execute(arguments: [
        number, directories.number(record.path, root: "", in: self),
        Int64(bitPattern: record.made.inode), record.made.birth,
      ])
    }
  }
}
