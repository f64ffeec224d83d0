import Foundation
import GRDB
import Paths

extension Journal {
  /// The frames of a job by ordinal, with their receipts; empty for an unknown job.
  public func frames(of id: String) async throws(JournalError) -> [FrameRecord] {
    try await read { database in
      var directories = DirectoryNumbers()
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT f.ordinal, f.member, f.source_directory, f.source_name, f.destination_directory,
            f.destination_name, f.inode, f.birth, f.size, f.modified, f.changed, r.data, r.digest,
            f.outcome
          FROM frame f LEFT JOIN receipt r ON r.job = f.job AND r.ordinal = f.ordinal
          WHERE f.job = (SELECT number FROM job WHERE id = ?) ORDER BY f.ordinal
          """, arguments: [id])
      var frames: [FrameRecord] = []
      while let row = try rows.next() {
        let hasReceipt = !row.hasNull(atIndex: 11)
        frames.append(
          FrameRecord(
            ordinal: row[0], member: row[1],
            source: try directories.path(row[2], name: row.bytes(3), in: database),
            destination: try directories.path(row[4], name: row.bytes(5), in: database),
            inode: UInt64(bitPattern: row[6]), birth: row[7], size: row[8], modified: row[9],
            changed: row[10], receipt: row[11], digest: hasReceipt ? try row.bytes(12) : nil,
            outcome: row[13]))
      }
      return frames
    }
  }

  /// Writes receipts, in place of older ones of the same frames, and how far the job has come, in one transaction.
  ///
  /// Give it some hundred at a time: each call is one sync of the disk.
  public func record(
    receipts: [ReceiptRecord], of id: String, progress: JobProgress? = nil
  ) async throws(JournalError) {
    try await write { database in
      let number = try database.number(ofJob: id)
      let insert = try database.cachedStatement(
        sql: """
          INSERT OR REPLACE INTO receipt (job, ordinal, data, digest, inode, birth)
          VALUES (?, ?, ?, ?, ?, ?)
          """)
      for receipt in receipts {
        try insert.execute(arguments: [
          number, receipt.ordinal, receipt.data, Data(receipt.digest),
          Int64(bitPattern: receipt.staged.inode), receipt.staged.birth,
        ])
      }
      if let progress { try database.setProgress(progress, ofJob: id) }
    }
  }

  /// Forgets what was staged, once the staging is gone: these frames are to be staged again.
  ///
  /// - Parameter ordinals: nil for all of the job.
  public func forgetReceipts(of id: String, ordinals: [Int]? = nil) async throws(JournalError) {
    try await write { database in
      let number = try database.number(ofJob: id)
      guard let ordinals else {
        try database.execute(sql: "DELETE FROM receipt WHERE job = ?", arguments: [number])
        return
      }
      let delete = try database.cachedStatement(
        sql: "DELETE FROM receipt WHERE job = ? AND ordinal = ?")
      for ordinal in ordinals { try delete.execute(arguments: [number, ordinal]) }
    }
  }

  /// Notes what became of frames, by ordinal, in one transaction.
  public func markFrames(
    _ outcomes: [(ordinal: Int, outcome: String)], of id: String, progress: JobProgress? = nil
  ) async throws(JournalError) {
    try await write { database in
      let number = try database.number(ofJob: id)
      let update = try database.cachedStatement(
        sql: "UPDATE frame SET outcome = ? WHERE job = ? AND ordinal = ?")
      for (ordinal, outcome) in outcomes {
        try update.execute(arguments: [outcome, number, ordinal])
        guard database.changesCount == 1 else {
          throw DatabaseError(message: "job \(id) has no frame \(ordinal)")
        }
      }
      if let progress { try database.setProgress(progress, ofJob: id) }
    }
  }
}

extension Database {
  func insertFrames(_ frames: [FrameRecord], job: Int64, hotFolder: String) throws {
    var directories = DirectoryNumbers()
    var sources: Set<Int64> = []
    let insert = try cachedStatement(
      sql: """
        INSERT INTO frame (job, ordinal, member, source_directory, source_name,
          destination_directory, destination_name, inode, birth, size, modified, changed)
        VALUES (\(placeholders(12)))
        """)
    for frame in frames {
      let source = try directories.number(frame.source.parent, root: hotFolder, in: self)
      let destination = try directories.number(frame.destination.parent, root: "", in: self)
      sources.insert(source)
      try insert.execute(arguments: [
        job, frame.ordinal, frame.member, source, Data(frame.source.name?.bytes ?? []),
        destination, Data(frame.destination.name?.bytes ?? []), Int64(bitPattern: frame.inode),
        frame.birth, frame.size, frame.modified, frame.changed,
      ])
    }
    for source in sources.sorted() {
      try execute(
        sql: "INSERT INTO job_source (directory, job) VALUES (?, ?)", arguments: [source, job])
    }
  }
}
