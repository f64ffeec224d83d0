import GRDB

/// The tables, and how an older journal becomes one of today. A migration that was released is never edited.
enum Schema {
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 jobs, frames, claims, tombstones") { try $0.execute(sql: first) }
    migrator.registerMigration("2 undo, directories made") { try $0.execute(sql: undo) }
    migrator.registerMigration("3 receipts of cancels") { try $0.execute(sql: cancelReceipts) }
    migrator.registerMigration("4 tombstones of each job") { try $0.execute(sql: tombstones) }
    return migrator
  }

  /// Two jobs of one directory and pattern may both be cancelled by hand. The columns of the key come first: SQLite 3.40
  /// takes others before them for damaged.
  private static let tombstones = """
    ALTER TABLE tombstone RENAME TO old_tombstone;
    CREATE TABLE tombstone (
      hot_folder TEXT NOT NULL,
      directory BLOB NOT NULL,
      pattern BLOB NOT NULL,
      job TEXT NOT NULL,
      fingerprint BLOB NOT NULL,
      PRIMARY KEY (hot_folder, directory, pattern, job)
    ) WITHOUT ROWID;
    INSERT INTO tombstone (hot_folder, directory, pattern, job, fingerprint)
      SELECT hot_folder, directory, pattern, job, fingerprint FROM old_tombstone;
    DROP TABLE old_tombstone;
    """

  private static let cancelReceipts = """
    CREATE TABLE cancel_receipt (
      job INTEGER PRIMARY KEY NOT NULL REFERENCES job (number) ON DELETE CASCADE,
      data BLOB NOT NULL
    );
    """

  /// Names are blobs, for they need not be UTF-8. Times of jobs are milliseconds, those of files nanoseconds.
  ///
  /// A directory's path is stored once and its files hold its number: a job of 100,000 frames is then a few
  /// megabytes. `root` is a hot folder for sources, empty for destinations of frames, a destination root for claims.
  private static let first = """
    CREATE TABLE setting (
      key TEXT PRIMARY KEY NOT NULL,
      value BLOB NOT NULL
    ) WITHOUT ROWID;

    INSERT INTO setting VALUES ('identity', lower(hex(randomblob(16))));

    CREATE TABLE directory (
      id INTEGER PRIMARY KEY,
      root TEXT NOT NULL,
      path BLOB NOT NULL,
      UNIQUE (root, path)
    );

    CREATE TABLE job (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      state TEXT NOT NULL,
      over TEXT,
      rule TEXT,
      rule_text TEXT,
      hot_folder TEXT NOT NULL,
      settings BLOB NOT NULL,
      reason BLOB,
      expected_frames INTEGER NOT NULL,
      expected_bytes INTEGER NOT NULL,
      staged_frames INTEGER NOT NULL,
      done_bytes INTEGER NOT NULL,
      published_frames INTEGER NOT NULL,
      durable INTEGER NOT NULL,
      created INTEGER NOT NULL,
      started INTEGER,
      ended INTEGER
    );
    CREATE INDEX job_by_state ON job (state, number);
    CREATE INDEX job_unfinished ON job (number) WHERE ended IS NULL;

    CREATE TABLE frame (
      job INTEGER NOT NULL REFERENCES job (number) ON DELETE CASCADE,
      ordinal INTEGER NOT NULL,
      member INTEGER NOT NULL,
      source_directory INTEGER NOT NULL,
      source_name BLOB NOT NULL,
      destination_directory INTEGER NOT NULL,
      destination_name BLOB NOT NULL,
      inode INTEGER NOT NULL,
      birth INTEGER NOT NULL,
      size INTEGER NOT NULL,
      modified INTEGER NOT NULL,
      changed INTEGER NOT NULL,
      outcome TEXT,
      PRIMARY KEY (job, ordinal)
    ) WITHOUT ROWID;

    -- Which jobs took something from a directory: an index of frames at the cost of one row a job.
    CREATE TABLE job_source (
      directory INTEGER NOT NULL REFERENCES directory (id),
      job INTEGER NOT NULL REFERENCES job (number) ON DELETE CASCADE,
      PRIMARY KEY (directory, job)
    ) WITHOUT ROWID;

    CREATE TABLE receipt (
      job INTEGER NOT NULL,
      ordinal INTEGER NOT NULL,
      data BLOB NOT NULL,
      digest BLOB NOT NULL,
      inode INTEGER NOT NULL,
      birth INTEGER NOT NULL,
      PRIMARY KEY (job, ordinal),
      FOREIGN KEY (job, ordinal) REFERENCES frame (job, ordinal) ON DELETE CASCADE
    ) WITHOUT ROWID;
    CREATE INDEX receipt_by_inode ON receipt (inode, birth);

    -- Rows of unfinished jobs only.
    CREATE TABLE claim (
      directory INTEGER NOT NULL,
      name BLOB NOT NULL,
      job INTEGER NOT NULL REFERENCES job (number) ON DELETE CASCADE,
      PRIMARY KEY (directory, name)
    ) WITHOUT ROWID;
    CREATE INDEX claim_by_job ON claim (job);

    CREATE TABLE history (
      number INTEGER PRIMARY KEY,
      job INTEGER NOT NULL REFERENCES job (number) ON DELETE CASCADE,
      at INTEGER NOT NULL,
      state TEXT NOT NULL,
      text TEXT
    );
    CREATE INDEX history_by_job ON history (job);

    CREATE TABLE tombstone (
      hot_folder TEXT NOT NULL,
      directory BLOB NOT NULL,
      pattern BLOB NOT NULL,
      fingerprint BLOB NOT NULL,
      job TEXT NOT NULL,
      PRIMARY KEY (hot_folder, directory, pattern)
    ) WITHOUT ROWID;
    """

  private static let undo = """
    -- Done jobs whose publication is being taken back.
    CREATE TABLE undo (
      job INTEGER PRIMARY KEY REFERENCES job (number) ON DELETE CASCADE,
      settings BLOB NOT NULL,
      is_secured INTEGER NOT NULL
    );

    -- What a job makes at its destination. `directory` is a path beneath its root.
    CREATE TABLE made_directory (
      job INTEGER NOT NULL REFERENCES job (number) ON DELETE CASCADE,
      directory INTEGER NOT NULL REFERENCES directory (id),
      inode INTEGER NOT NULL,
      birth INTEGER NOT NULL,
      PRIMARY KEY (job, directory)
    ) WITHOUT ROWID;
    """
}
