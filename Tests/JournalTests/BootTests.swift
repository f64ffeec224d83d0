import Foundation
import Testing

@testable import Journal

@Suite struct BootTests {
  @Test
  func `after another boot the jobs that ended under the last one are in doubt, and no others`()
    async throws
  {
    try await withJournal { journal in
      let at = noon
      for id in ["old", "done", "running"] {
        try await journal.insert(job(id), frames: [], claims: [])
      }
      #expect(try await journal.transition("old", from: ["queued"], to: "done", at: at))
      #expect(try await journal.ended(beforeBoot: "a").map(\.id) == ["old"], "never noted")
      try await journal.setBoot("a")
      #expect(try await journal.ended(beforeBoot: "a").isEmpty, "the same boot")

      #expect(try await journal.transition("done", from: ["queued"], to: "done", at: at))
      try await journal.insert(job("new"), frames: [], claims: [])
      #expect(try await journal.transition("new", from: ["queued"], to: "cancelled", at: at))
      #expect(try await journal.ended(beforeBoot: "b").map(\.id) == ["done", "new"])
      // Another start under the same boot leaves them in doubt.
      try await journal.setBoot("a")
      // Until it is said that all was seen to, a crash asks again.
      #expect(try await journal.ended(beforeBoot: "b").map(\.id) == ["done", "new"])

      try await journal.setBoot("b")
      #expect(try await journal.transition("running", from: ["queued"], to: "done", at: at))
      // It was unfinished when this boot was noted; what ended before is not asked about again but for what came after it.
      #expect(try await journal.ended(beforeBoot: "c").map(\.id) == ["running", "new"])
    }
  }

  @Test
  func `what is reopened takes its names from those that wait, and not from those that publish`()
    async throws
  {
    try await withJournal { journal in
      func name(_ text: String) -> DestinationClaim {
        DestinationClaim(root: "/out", path: path(text))
      }
      try await journal.insert(job("done"), frames: [], claims: [])
      #expect(try await journal.transition("done", from: ["queued"], to: "done", at: noon))
      try await journal.insert(job("waits"), frames: [], claims: [name("a")])
      try await journal.insert(job("publishes"), frames: [], claims: [name("b")])
      #expect(
        try await journal.transition("publishes", from: ["queued"], to: "committing", at: noon))

      let reopen = {
        try await journal.reopen(
          "done", from: "done", to: "committing", claims: ["a", "b", "c"].map(name),
          seizingFrom: ["queued"], note: "again", at: noon)
      }
      #expect(try await reopen())
      #expect(try await !reopen(), "it is open")
      #expect(try await journal.unfinished().map(\.id) == ["done", "waits", "publishes"])
      for (taken, holder) in ["a": "done", "b": "publishes", "c": "done"] {
        await #expect(throws: JournalError.claimed(path: path(taken), byJob: holder)) {
          try await journal.insert(job("late"), frames: [], claims: [name(taken)])
        }
      }
    }
  }
}
