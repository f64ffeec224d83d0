import Foundation
import Journal
import Paths
import Testing

@Suite struct `Jobs in the journal` {
  @Test func `a job and its frames come back as they were written`() async throws {
    try await withJournal { journal in
      var written = job(journal.makeID(at: noon), state: "staged", frames: 3)
      written.over = "offline"
      written.rule = "plates"
      written.ruleText = "- name: plates"
      written.reason = Data([0, 255])
      let frames = sequence(3)
      written.number = try await journal.insert(written, frames: frames, claims: [])
      #expect(try await journal.job(written.id) == written)
      #expect(try await journal.frames(of: written.id) == frames)
      #expect(try await journal.job("0") == nil)
    }
  }

  @Test func `names that are not UTF-8, or differ only in Unicode form, survive`() async throws {
    try await withJournal { journal in
      let names: [[UInt8]] = [
        [0xff, 0xfe, 0x0a, 0x1b], Array("caf\u{e9}".utf8), Array("cafe\u{301}".utf8),
      ]
      let frames = names.enumerated().map { index, name in
        frame(
          index, RelativePath([0x80] + [0x2f] + name)!, to: RelativePath([0x81, 0x2f] + name)!)
      }
      let id = journal.makeID(at: noon)
      try await journal.insert(
        job(id, state: "done", frames: 3), frames: frames,
        claims: frames.map { DestinationClaim(root: "default", path: $0.destination) })
      #expect(try await journal.frames(of: id) == frames)
      let taken = try await journal.ingested(hotFolder: "renders", directory: RelativePath([0x80])!)
      #expect(Set(taken.keys) == Set(names.map { FileName($0) }))
    }
  }

  @Test func `numbers of the whole range survive`() async throws {
    try await withJournal { journal in
      var odd = frame(0, path("a"), to: .root)
      odd.inode = .max
      odd.birth = .min
      odd.modified = -1
      let id = journal.makeID(at: noon)
      try await journal.insert(job(id), frames: [odd], claims: [])
      #expect(try await journal.frames(of: id) == [odd])
    }
  }

  @Test func `lists go newest first, by state, in pages`() async throws {
    try await withJournal { journal in
      var ids: [String] = []
      for index in 0..<5 {
        let id = journal.makeID(at: noon)
        try await journal.insert(
          job(id, state: index == 2 ? "held" : "queued"), frames: [], claims: [])
        ids.append(id)
      }
      #expect(try await journal.jobs().map(\.id) == ids.reversed())
      #expect(try await journal.jobs(states: ["held", "done"]).map(\.id) == [ids[2]])
      #expect(try await journal.jobs(states: []).isEmpty)
      let page = try await journal.jobs(limit: 2)
      #expect(page.map(\.id) == [ids[4], ids[3]])
      let next = try await journal.jobs(limit: 2, before: page[1].number)
      #expect(next.map(\.id) == [ids[2], ids[1]])
    }
  }

  @Test func `a job is found by the beginning of its id, if only one begins so`() async throws {
    try await withJournal { journal in
      let a = "0199aaaa-0000-7000-8000-000000000001"
      let b = "0199aaab-0000-7000-8000-000000000002"
      for id in [a, b] { try await journal.insert(job(id), frames: [], claims: []) }
      #expect(try await journal.job(withPrefix: "0199AAAA").id == a)
      #expect(try await journal.job(withPrefix: b).id == b)
      await #expect(throws: JournalError.ambiguous(prefix: "0199aaa", jobs: [b, a])) {
        try await journal.job(withPrefix: "0199aaa")
      }
      for nonsense in ["", "%", "_199", "ff", a + "0"] {
        await #expect(throws: JournalError.noSuchJob(nonsense)) {
          try await journal.job(withPrefix: nonsense)
        }
      }
    }
  }

  @Test func `receipts replace older ones and can be forgotten`() async throws {
    try await withJournal { journal in
      let id = journal.makeID(at: noon)
      try await journal.insert(job(id, frames: 3), frames: sequence(3), claims: [])
      try await journal.record(receipts: [receipt(0), receipt(1), receipt(2)], of: id)
      try await journal.record(
        receipts: [receipt(1, text: "again")], of: id,
        progress: JobProgress(stagedFrames: 3, doneBytes: 3000, publishedFrames: 0))
      var texts = try await journal.frames(of: id).map {
        $0.receipt.map { String(decoding: $0, as: UTF8.self) }
      }
      #expect(texts == ["staged", "again", "staged"])
      #expect(try await journal.frames(of: id)[2].digest == receipt(2).digest)
      #expect(try await journal.job(id)?.stagedFrames == 3)
      #expect(try await journal.job(id)?.doneBytes == 3000)
      try await journal.forgetReceipts(of: id, ordinals: [0])
      texts = try await journal.frames(of: id).map {
        $0.receipt.map { String(decoding: $0, as: UTF8.self) }
      }
      #expect(texts == [nil, "again", "staged"])
      try await journal.forgetReceipts(of: id)
      #expect(try await journal.frames(of: id).allSatisfy { $0.receipt == nil && $0.digest == nil })
    }
  }

  @Test func `marks, progress, settings and durability are kept`() async throws {
    try await withJournal { journal in
      let id = journal.makeID(at: noon)
      try await journal.insert(job(id, frames: 2), frames: sequence(2), claims: [])
      try await journal.markFrames([(1, "published")], of: id)
      try await journal.update(
        JobProgress(stagedFrames: 2, doneBytes: 7, publishedFrames: 1), of: id)
      try await journal.setSettings(Data("new".utf8), of: id)
      try await journal.setOver("full", of: id)
      try await journal.setDurable(id)
      let now = try #require(try await journal.job(id))
      #expect(try await journal.frames(of: id).map(\.outcome) == [nil, "published"])
      #expect((now.stagedFrames, now.doneBytes, now.publishedFrames) == (2, 7, 1))
      #expect(now.settings == Data("new".utf8))
      #expect(now.over == "full")
      #expect(now.durable)
      try await journal.setOver(nil, of: id)
      #expect(try await journal.job(id)?.over == nil)
    }
  }

  @Test func `a word on a job that is not there is an error`() async throws {
    try await withJournal { journal in
      await #expect(throws: JournalError.noSuchJob("x")) { try await journal.setDurable("x") }
      await #expect(throws: JournalError.noSuchJob("x")) {
        try await journal.record(receipts: [receipt(0)], of: "x")
      }
      await #expect(throws: JournalError.noSuchJob("x")) {
        try await journal.transition("x", from: ["queued"], to: "done", at: noon)
      }
    }
  }

  @Test func `a word on a frame that the job lacks is an error, and none of its batch stays`()
    async throws
  {
    try await withJournal { journal in
      let id = journal.makeID(at: noon)
      try await journal.insert(job(id, frames: 1), frames: sequence(1), claims: [])
      await #expect(throws: JournalError.self) {
        try await journal.record(receipts: [receipt(0), receipt(7)], of: id)
      }
      await #expect(throws: JournalError.self) {
        try await journal.markFrames([(0, "published"), (7, "published")], of: id)
      }
      #expect(try await journal.frames(of: id) == sequence(1))
    }
  }
}
