import Foundation
import Journal
import Paths
import Testing

@Suite struct `What was ingested before` {
  @Test func `is found by hot folder and directory, newest first, with its digest`() async throws {
    try await withJournal { journal in
      var ids: [String] = []
      for _ in 0..<2 {
        let id = journal.makeID(at: noon)
        ids.append(id)
        try await journal.insert(
          job(id, state: "committing", frames: 2), frames: sequence(2), claims: [])
        try await journal.record(receipts: [receipt(0), receipt(1)], of: id)
        #expect(try await journal.transition(id, from: ["committing"], to: "done", at: noon))
      }
      let found = try await journal.ingested(hotFolder: "renders", directory: path("sh010"))
      #expect(Set(found.keys) == ["a.1001.exr", "a.1002.exr"])
      let frames = try #require(found["a.1002.exr"])
      #expect(frames.map(\.job) == ids.reversed())
      #expect(frames[0].inode == 1001)
      #expect(frames[0].birth == 5_000_000_001)
      #expect(frames[0].size == 1000)
      #expect(frames[0].modified == 6_000_000_001)
      #expect(frames[0].changed == 7_000_000_001)
      #expect(frames[0].digest == receipt(1).digest)
      #expect(frames[0].destination == path("v001/b.1002.exr"))
      #expect(frames[0].state == "done")

      #expect(try await journal.ingested(hotFolder: "plates", directory: path("sh010")).isEmpty)
      #expect(try await journal.ingested(hotFolder: "renders", directory: path("sh0")).isEmpty)
      #expect(try await journal.ingested(hotFolder: "renders", directory: .root).isEmpty)
    }
  }

  @Test func `leaves out what never came to the commit, and names what did in part`() async throws {
    try await withJournal { journal in
      let (cancelled, failed) = (journal.makeID(at: noon), journal.makeID(at: noon))
      for id in [cancelled, failed] {
        try await journal.insert(
          job(id, state: "staging", frames: 1), frames: sequence(1), claims: [])
        try await journal.record(receipts: [receipt(0)], of: id)
      }
      #expect(
        try await journal.transition(cancelled, from: ["staging"], to: "cancelled", at: noon))
      try await journal.markFrames(
        [(0, "published")], of: failed,
        progress: JobProgress(stagedFrames: 1, doneBytes: 1000, publishedFrames: 1))
      #expect(try await journal.transition(failed, from: ["staging"], to: "failed", at: noon))
      let found = try await journal.ingested(hotFolder: "renders", directory: path("sh010"))
      #expect(found["a.1001.exr"]?.map(\.job) == [failed])
      #expect(found["a.1001.exr"]?.first?.outcome == "published")
    }
  }

  @Test func `our own output is known by inode and birth, but not what was only staged`()
    async throws
  {
    try await withJournal { journal in
      let (done, cancelled) = (journal.makeID(at: noon), journal.makeID(at: noon))
      for id in [done, cancelled] {
        try await journal.insert(
          job(id, state: "committing", frames: 1), frames: sequence(1), claims: [])
      }
      try await journal.record(receipts: [receipt(0, inode: .max)], of: done)
      try await journal.record(receipts: [receipt(0, inode: 7)], of: cancelled)
      for (id, end) in [(done, "done"), (cancelled, "cancelled")] {
        #expect(try await journal.transition(id, from: ["committing"], to: end, at: noon))
      }
      let ours = InodeKey(inode: .max, birth: 8_000_000_001)
      let found = try await journal.published(
        among: [
          ours, InodeKey(inode: .max, birth: 8), InodeKey(inode: 7, birth: 8_000_000_001),
          InodeKey(inode: 1000, birth: 5_000_000_001),
        ])
      #expect(Set(found.keys) == [ours])
      #expect(found[ours]?.job == done)
      #expect(found[ours]?.hotFolder == "renders")
      #expect(found[ours]?.source == path("sh010/a.1001.exr"))
      #expect(found[ours]?.destination == path("v001/b.1001.exr"))
      #expect(found[ours]?.digest == receipt(0).digest)
    }
  }

  @Test func `tombstones stand, one a job and pattern`() async throws {
    try await withStateDirectory { state in
      var journal = try Journal(stateDirectory: state)
      var grave = TombstoneRecord(
        hotFolder: "renders", directory: RelativePath([0xff])!, pattern: [0xfe, 0],
        fingerprint: Data([1]), job: "a")
      var other = grave
      other.pattern = []
      try await journal.add(grave)
      try await journal.add(other)
      var second = grave
      second.job = "b"
      try await journal.add(second)
      grave.fingerprint = Data([2])
      try await journal.add(grave)
      try await journal.close()
      journal = try Journal(stateDirectory: state)
      #expect(try await journal.tombstones() == [other, grave, second])
      try await journal.close()
    }
  }

  @Test func `values are kept by key and cannot touch the identity`() async throws {
    try await withStateDirectory { state in
      let journal = try Journal(stateDirectory: state)
      try await journal.setValue(Data("rules".utf8), for: "rules/10-plates.yaml")
      try await journal.setValue(Data("other".utf8), for: "identity")
      #expect(try await journal.value(for: "rules/10-plates.yaml") == Data("rules".utf8))
      try await journal.setValue(nil, for: "rules/10-plates.yaml")
      #expect(try await journal.value(for: "rules/10-plates.yaml") == nil)
      try await journal.close()
      let again = try Journal(stateDirectory: state)
      #expect(again.identity == journal.identity)
      try await again.close()
    }
  }
}
