import Foundation
import GRDB
import Paths
import Testing

@testable import Journal

@Suite struct `An undo in the journal` {
  private let root = "/shows"

  private func claims(_ count: Int) -> [DestinationClaim] {
    sequence(count).map { DestinationClaim(root: root, path: $0.destination) }
  }

  /// A done job of three frames.
  private func done(_ journal: Journal) async throws -> String {
    let id = journal.makeID(at: noon)
    try await journal.insert(
      job(id, state: "committing", frames: 3), frames: sequence(3), claims: claims(3))
    try await journal.record(
      receipts: (0..<3).map { receipt($0) }, of: id,
      progress: JobProgress(stagedFrames: 3, doneBytes: 3000, publishedFrames: 3))
    #expect(try await journal.transition(id, from: ["committing"], to: "done", at: noon))
    return id
  }

  private func begin(_ id: String, _ journal: Journal) async throws -> Bool {
    try await journal.beginUndo(
      of: id, settings: Data("s".utf8), claims: claims(3), reason: Data("undoing".utf8),
      note: "to be undone", at: noon)
  }

  private func stone(_ id: String, _ fingerprint: String) -> TombstoneRecord {
    TombstoneRecord(
      hotFolder: "renders", directory: path("sh010"), pattern: Array("a.".utf8),
      fingerprint: Data(fingerprint.utf8), job: id)
  }

  @Test func `is begun once, stands until it ended, and ends with all that follows`() async throws {
    try await withJournal { journal in
      let id = try await done(journal)
      #expect(try await begin(id, journal))
      #expect(try await !begin(id, journal))
      #expect(try await journal.job(id)?.reason == Data("undoing".utf8))
      #expect(try await journal.job(id)?.ended != nil, "it stays done")
      #expect(try await journal.unfinished().isEmpty)
      var undo = UndoRecord(job: id, settings: Data("s".utf8), isSecured: false)
      #expect(try await journal.undos() == [undo])
      try await journal.setSecured(id)
      undo.isSecured = true
      #expect(try await journal.undos() == [undo])

      try await journal.add(stone(id, "old"))
      try await journal.endUndo(
        of: id,
        UndoOutcome(
          undone: [0, 2], kept: [(1, "kept: changed")], reason: Data("undone".utf8),
          notes: ["first", "second"], tombstones: [stone(id, "new")]), at: noon)
      #expect(try await journal.undos().isEmpty)
      let record = try #require(try await journal.job(id))
      #expect(record.state == "done" && record.publishedFrames == 1)
      #expect(record.reason == Data("undone".utf8))
      #expect(
        try await journal.frames(of: id).map(\.outcome) == ["undone", "kept: changed", "undone"])
      #expect(try await journal.tombstones() == [stone(id, "new")])
      #expect(try await journal.history(of: id).suffix(2).map(\.text) == ["first", "second"])
      let next = journal.makeID(at: noon)
      try await journal.insert(job(next), frames: [], claims: claims(3))
    }
  }

  @Test func `makes what it took back neither ingested nor published`() async throws {
    try await withJournal { journal in
      let id = try await done(journal)
      try await journal.endUndo(
        of: id, UndoOutcome(undone: [0, 2], reason: Data(), notes: []), at: noon)
      let known = try await journal.ingested(hotFolder: "renders", directory: path("sh010"))
      #expect(Set(known.keys) == ["a.1002.exr"])
      let keys = (0..<3).map { receipt($0).staged }
      #expect(try await Set(journal.published(among: keys).keys) == [keys[1]])
    }
  }

  @Test func `takes its names from held jobs, and from no job that is under way`() async throws {
    try await withJournal { journal in
      let id = try await done(journal)
      let other = journal.makeID(at: noon)
      try await journal.insert(job(other), frames: [], claims: claims(1))
      await #expect(throws: JournalError.claimed(path: path("v001/b.1001.exr"), byJob: other)) {
        _ = try await begin(id, journal)
      }
      #expect(try await journal.undos().isEmpty, "nothing was written")
      #expect(try await journal.job(id)?.reason == nil)
      #expect(try await journal.transition(other, from: ["queued"], to: "held", at: noon))
      #expect(try await begin(id, journal))
      await #expect(throws: JournalError.claimed(path: path("v001/b.1001.exr"), byJob: id)) {
        _ = try await journal.transition(
          other, from: ["held"], to: "staging", at: noon, claiming: claims(1))
      }
    }
  }

  @Test func `knows who else delivered the same file to the same name`() async throws {
    try await withJournal { journal in
      let id = try await done(journal)
      let files = (0..<3).map { (receipt($0).staged, sequence(3)[$0].destination) }
      #expect(try await journal.otherDelivery(of: files, besides: id) == nil)
      // Another name of the same file is another delivery.
      let elsewhere = journal.makeID(at: noon)
      try await journal.insert(
        job(elsewhere, state: "done"), frames: [frame(0, path("a"), to: path("b"))], claims: [])
      try await journal.record(receipts: [receipt(0)], of: elsewhere)
      #expect(try await journal.otherDelivery(of: files, besides: id) == nil)
      let same = try await done(journal)
      #expect(try await journal.otherDelivery(of: files, besides: id) == same)
      try await journal.endUndo(
        of: same, UndoOutcome(undone: [0, 1, 2], reason: Data(), notes: []), at: noon)
      #expect(try await journal.otherDelivery(of: files, besides: id) == nil)
    }
  }

  @Test func `keeps the directories that a job made`() async throws {
    try await withJournal { journal in
      let id = try await done(journal)
      #expect(try await journal.made(by: id).isEmpty)
      let made = ["v001", "v001/b"].enumerated().map {
        MadeDirectoryRecord(path: path($1), made: InodeKey(inode: .max - UInt64($0), birth: 7))
      }
      let progress = JobProgress(stagedFrames: 3, doneBytes: 3000, publishedFrames: 0)
      try await journal.update(progress, of: id, made: [made[0]])
      try await journal.update(progress, of: id, made: made)
      #expect(try await Set(journal.made(by: id)) == Set(made))
    }
  }

  @Test func `a retry finds its tombstones once`() async throws {
    try await withJournal { journal in
      let (id, other) = (try await done(journal), try await done(journal))
      try await journal.add(stone(id, "x"))
      #expect(try await !journal.removeTombstones(of: other, note: "again", at: noon))
      #expect(try await journal.removeTombstones(of: id, note: "again", at: noon))
      #expect(try await !journal.removeTombstones(of: id, note: "again", at: noon))
      #expect(try await journal.history(of: id).last?.text == "again")
      #expect(try await journal.tombstones().isEmpty)
    }
  }

  @Test func `tombstones of a journal that kept one a pattern stand`() async throws {
    try await withStateDirectory { state in
      let journal = try Journal(stateDirectory: state)
      let id = try await done(journal)
      try await journal.add(stone(id, "x"))
      try await journal.close()
      let queue = try DatabaseQueue(path: state + "/journal.sqlite")
      try await queue.write {
        try $0.execute(
          sql: """
            ALTER TABLE tombstone RENAME TO newer;
            CREATE TABLE tombstone (
              hot_folder TEXT NOT NULL, directory BLOB NOT NULL, pattern BLOB NOT NULL,
              fingerprint BLOB NOT NULL, job TEXT NOT NULL,
              PRIMARY KEY (hot_folder, directory, pattern)
            ) WITHOUT ROWID;
            INSERT INTO tombstone SELECT hot_folder, directory, pattern, fingerprint, job FROM newer;
            DROP TABLE newer;
            DELETE FROM grdb_migrations WHERE identifier LIKE '4 %';
            """)
      }
      try queue.close()
      let again = try Journal(stateDirectory: state)
      #expect(try await again.tombstones() == [stone(id, "x")])
      try await again.add(stone("another", "x"))
      #expect(try await again.tombstones().count == 2)
      try await again.close()
    }
  }

  @Test func `a journal from before undo is taken over with its jobs`() async throws {
    try await withStateDirectory { state in
      let journal = try Journal(stateDirectory: state)
      let id = try await done(journal)
      try await journal.close()
      let queue = try DatabaseQueue(path: state + "/journal.sqlite")
      try await queue.write {
        try $0.execute(
          sql: """
            DROP TABLE undo;
            DROP TABLE made_directory;
            DELETE FROM grdb_migrations WHERE identifier LIKE '2 %';
            """)
      }
      try queue.close()
      let again = try Journal(stateDirectory: state)
      #expect(try await begin(id, again))
      #expect(try await again.made(by: id).isEmpty)
      try await again.close()
    }
  }
}
