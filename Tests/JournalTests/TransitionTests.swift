import Foundation
import Journal
import Paths
import Testing

@Suite struct `Transitions` {
  @Test func `of a commit and a cancel, tried by many tasks at once, exactly one wins`()
    async throws
  {
    try await withJournal { journal in
      for _ in 0..<20 {
        let id = journal.makeID(at: noon)
        try await journal.insert(job(id, state: "staged"), frames: [], claims: [])
        let winners = try await withThrowingTaskGroup(of: String?.self) { group in
          for index in 0..<16 {
            let to = index % 2 == 0 ? "committing" : "cancelling"
            group.addTask {
              try await journal.transition(id, from: ["queued", "staged"], to: to, at: noon)
                ? to : nil
            }
          }
          return try await group.reduce(into: [String]()) { if let won = $1 { $0.append(won) } }
        }
        #expect(winners.count == 1)
        #expect(try await journal.job(id)?.state == winners.first)
        #expect(try await journal.history(of: id).map(\.state) == ["staged"] + winners)
      }
    }
  }

  @Test func `the loser writes nothing`() async throws {
    try await withJournal { journal in
      let id = journal.makeID(at: noon)
      try await journal.insert(job(id, state: "committing"), frames: [], claims: [])
      let grave = TombstoneRecord(
        hotFolder: "renders", directory: path("a"), pattern: [1], fingerprint: Data(), job: id)
      let moved = try await journal.transition(
        id, from: ["queued", "staged"], to: "cancelled", reason: Data("no".utf8), note: "late",
        at: noon, tombstones: [grave])
      #expect(!moved)
      #expect(try await journal.job(id)?.reason == nil)
      #expect(try await journal.job(id)?.ended == nil)
      #expect(try await journal.history(of: id).count == 1)
      #expect(try await journal.tombstones().isEmpty)
    }
  }

  @Test func `a write goes through although its task was cancelled`() async throws {
    try await withJournal { journal in
      let id = journal.makeID(at: noon)
      try await journal.insert(job(id), frames: [], claims: [])
      let moved = try await Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return try await journal.transition(id, from: ["queued"], to: "cancelling", at: noon)
      }.value
      #expect(moved)
      #expect(try await journal.job(id)?.state == "cancelling")
    }
  }

  @Test func `start, end, reason and history follow the steps`() async throws {
    try await withJournal { journal in
      let id = journal.makeID(at: noon)
      try await journal.insert(job(id), frames: [], claims: [])
      func step(_ from: String, _ to: String, _ seconds: Double, _ reason: String?) async throws {
        let moved = try await journal.transition(
          id, from: [from], to: to, reason: reason.map { Data($0.utf8) }, note: "to \(to)",
          at: noon.addingTimeInterval(seconds))
        #expect(moved, "\(from) to \(to)")
      }
      try await step("queued", "staging", 1, "first")
      try await step("staging", "queued", 2, nil)
      #expect(try await journal.job(id)?.reason == Data("first".utf8))
      try await step("queued", "staging", 3, "")
      #expect(try await journal.job(id)?.reason == nil)
      try await step("staging", "cancelled", 4, "sentinel")
      try await journal.note("a second sentinel", on: id, at: noon.addingTimeInterval(5))
      let end = try #require(try await journal.job(id))
      #expect(end.started == noon.addingTimeInterval(1), "the first time")
      #expect(end.ended == noon.addingTimeInterval(4))
      #expect(end.reason == Data("sentinel".utf8))
      let history = try await journal.history(of: id)
      #expect(
        history.map(\.state) == [
          "queued", "staging", "queued", "staging", "cancelled", "cancelled",
        ])
      #expect(history.last?.text == "a second sentinel")
      #expect(history.map(\.at) == (0...5).map { noon.addingTimeInterval(Double($0)) })
    }
  }

  @Test func `unfinished jobs come oldest first, without those that ended`() async throws {
    try await withJournal { journal in
      var ids: [String] = []
      for state in ["queued", "held", "staging", "committing", "queued"] {
        ids.append(journal.makeID(at: noon))
        try await journal.insert(job(ids.last!, state: state), frames: [], claims: [])
      }
      for (index, end) in [(0, "done"), (2, "failed"), (4, "cancelled")] {
        let from: Set = ["queued", "staging"]
        #expect(try await journal.transition(ids[index], from: from, to: end, at: noon))
      }
      #expect(try await journal.unfinished().map(\.id) == [ids[1], ids[3]])
      #expect(try await journal.transition(ids[0], from: ["done"], to: "committing", at: noon))
      #expect(try await journal.unfinished().map(\.id) == [ids[0], ids[1], ids[3]])
    }
  }

  @Test(arguments: ["done", "cancelled", "failed"])
  func `a name is claimed by one unfinished job until it ends`(end: String) async throws {
    try await withJournal { journal in
      let name = DestinationClaim(root: "default", path: path("v001/a.exr"))
      let (a, b) = (journal.makeID(at: noon), journal.makeID(at: noon))
      try await journal.insert(job(a), frames: [], claims: [name])
      let clash = JournalError.claimed(path: name.path, byJob: a)
      await #expect(throws: clash) {
        try await journal.insert(
          job(b, frames: 1), frames: sequence(1),
          claims: [DestinationClaim(root: "default", path: path("other")), name])
      }
      #expect(try await journal.job(b) == nil, "nothing was written")
      let elsewhere = DestinationClaim(root: "archive", path: name.path)
      try await journal.insert(job(b), frames: [], claims: [elsewhere])
      #expect(try await journal.transition(a, from: ["queued"], to: "held", at: noon))
      await #expect(throws: clash, "held keeps its names") {
        try await journal.transition(
          b, from: ["queued"], to: "staging", at: noon, claiming: [name])
      }
      #expect(try await journal.job(b)?.state == "queued")
      #expect(try await journal.transition(a, from: ["held"], to: end, at: noon))
      #expect(
        try await journal.transition(
          b, from: ["queued"], to: "staging", at: noon, claiming: [name]))
    }
  }

  @Test func `two frames of one job cannot go to one name`() async throws {
    try await withJournal { journal in
      let id = journal.makeID(at: noon)
      let name = DestinationClaim(root: "default", path: path("a.exr"))
      await #expect(throws: JournalError.claimed(path: name.path, byJob: id)) {
        try await journal.insert(job(id), frames: [], claims: [name, name])
      }
    }
  }
}
