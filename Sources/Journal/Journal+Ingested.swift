import Foundation
import GRDB
import Paths

/// A file that a job took and published, as it was then.
public struct IngestedRecord: Hashable, Sendable {
  public var inode: UInt64
  /// Nanoseconds since the epoch, as are the other times.
  public var birth: Int64
  /// Bytes.
  public var size: Int
  public var modified: Int64
  public var changed: Int64
  public var job: String
  public var digest: [UInt8]?
  /// Beneath the destination root of that job.
  public var destination: RelativePath
  /// Of the job.
  public var state: String
  /// Of the frame: a job that ended otherwise than `done` may have published some only.
  public var outcome: String?

  public init(
    inode: UInt64, birth: Int64, size: Int, modified: Int64, changed: Int64, job: String,
    digest: [UInt8]? = nil, destination: RelativePath, state: String, outcome: String? = nil
  ) {
    self.inode = inode
    self.birth = birth
    self.size = size
    self.modified = modified
    self.changed = changed
    self.job = job
    self.digest = digest
    self.destination = destination
    self.state = state
    self.outcome = outcome
  }
}

/// A file at a destination that a job put there.
public struct PublishedRecord: Hashable, Sendable {
  public var job: String
  /// Of the job.
  public var state: String
  public var hotFolder: String
  public var source: RelativePath
  public var destination: RelativePath
  /// Bytes.
  public var size: Int
  public var digest: [UInt8]

  public init(
    job: String, state: String, hotFolder: String, source: RelativePath, destination: RelativePath,
    size: Int, digest: [UInt8]
  ) {
    self.job = job
    self.state = state
    self.hotFolder = hotFolder
    self.source = source
    self.destination = destination
    self.size = size
    self.digest = digest
  }
}

extension Journal {
  /// What was already taken from one directory: by name, newest job first.
  ///
  /// Holds the frames of jobs that came as far as the commit; a cancelled job's frames may be taken again.
  public func ingested(
    hotFolder: String, directory: RelativePath
  ) async throws(JournalError) -> [FileName: [IngestedRecord]] {
    try await read { database in
      var directories = DirectoryNumbers()
      // CROSS JOIN keeps SQLite from starting anywhere but at the directory's few jobs.
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT f.source_name, f.inode, f.birth, f.size, f.modified, f.changed, j.id, r.digest,
            f.destination_directory, f.destination_name, j.state, f.outcome
          FROM directory d
            CROSS JOIN job_source s ON s.directory = d.id
            CROSS JOIN job j ON j.number = s.job
            CROSS JOIN frame f ON f.job = s.job AND f.source_directory = s.directory
            LEFT JOIN receipt r ON r.job = f.job AND r.ordinal = f.ordinal
          WHERE d.root = ? AND d.path = ? AND \(cameToCommit)
          ORDER BY s.job DESC
          """, arguments: [hotFolder, Data(directory.bytes)])
      var found: [FileName: [IngestedRecord]] = [:]
      while let row = try rows.next() {
        let record = IngestedRecord(
          inode: UInt64(bitPattern: row[1]), birth: row[2], size: row[3], modified: row[4],
          changed: row[5], job: row[6], digest: row.hasNull(atIndex: 7) ? nil : try row.bytes(7),
          destination: try directories.path(row[8], name: row.bytes(9), in: database),
          state: row[10], outcome: row[11])
        found[FileName(try row.bytes(0)), default: []].append(record)
      }
      return found
    }
  }

  /// Which of these files are our own output: never ingested, never unlinked. The newest job counts.
  public func published(
    among files: [InodeKey]
  ) async throws(JournalError) -> [InodeKey: PublishedRecord] {
    try await read { database in
      var directories = DirectoryNumbers()
      let lookup = try database.cachedStatement(
        sql: """
          SELECT j.id, j.state, j.hot_folder, f.source_directory, f.source_name,
            f.destination_directory, f.destination_name, f.size, r.digest
          FROM receipt r INDEXED BY receipt_by_inode
            CROSS JOIN job j ON j.number = r.job
            CROSS JOIN frame f ON f.job = r.job AND f.ordinal = r.ordinal
          WHERE r.inode = ? AND r.birth = ? AND \(cameToCommit)
          ORDER BY r.job DESC LIMIT 1
          """)
      var found: [InodeKey: PublishedRecord] = [:]
      for file in files {
        let row = try Row.fetchOne(
          lookup, arguments: [Int64(bitPattern: file.inode), file.birth])
        guard let row else { continue }
        found[file] = PublishedRecord(
          job: row[0], state: row[1], hotFolder: row[2],
          source: try directories.path(row[3], name: row.bytes(4), in: database),
          destination: try directories.path(row[5], name: row.bytes(6), in: database),
          size: row[7], digest: try row.bytes(8))
      }
      return found
    }
  }
}

/// A job of which something may be visible at the destination. `failed` after the commit counts by its frames.
/// What was undone is published no more.
private let cameToCommit = """
  (j.state IN ('committing', 'done') OR j.published_frames > 0)
    AND f.outcome IS NOT '\(Journal.undone)'
  """
