import Foundation
import Glibc
import Paths
import Synchronization
import Testing

@testable import Journal

@Suite struct `After kill -9` {
  /// The child notes each acknowledged row in a file of its own and dies while other writes are under way.
  @Test(arguments: [1, 13, 60])
  func `every acknowledged row stands and every job is whole`(acknowledged count: Int) async throws
  {
    try await withStateDirectory { state in
      await #expect(processExitsWith: .signal(SIGKILL)) {
        [state = state as String, count = count as Int] in
        try await writeUntilKilled(state: state, after: count)
      }
      let notes = try String(contentsOfFile: state + "/acknowledged", encoding: .utf8)
      let lines = notes.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
      #expect(lines.count >= 2 * count)
      let journal = try Journal(stateDirectory: state)
      for line in lines where line[1] == "staged" {
        #expect(try await journal.job(line[0])?.state == "staged")
      }
      for line in lines { #expect(try await journal.job(line[0]) != nil) }
      for job in try await journal.jobs() {
        let frames = try await journal.frames(of: job.id)
        let receipts = frames.count { $0.receipt != nil }
        #expect(frames.count == 50, "a job's rows are all there or none is")
        #expect(receipts == 50 || (receipts == 0 && job.state == "staging"))
        #expect(try await journal.history(of: job.id).last?.state == job.state)
      }
      try await journal.close()
    }
  }
}

@Suite struct `A full disk` {
  @Test func `refuses the next job whole, keeps what stands, and goes on when there is room`()
    async throws
  {
    try await withJournal { journal in
      let (before, after) = (journal.makeID(at: noon), journal.makeID(at: noon))
      try await journal.insert(job(before), frames: [], claims: [])
      func limit(pages: Int) async throws {
        try await journal.write { try $0.execute(sql: "PRAGMA max_page_count = \(pages)") }
      }
      try await limit(pages: 1)  // SQLite takes the size the file has
      await #expect(throws: JournalError.full(path: journal.path)) {
        try await journal.insert(job(after, frames: 5000), frames: sequence(5000), claims: [])
      }
      #expect(try await journal.jobs().map(\.id) == [before])
      try await limit(pages: 1_000_000)
      try await journal.insert(job(after, frames: 5000), frames: sequence(5000), claims: [])
      #expect(try await journal.frames(of: after).count == 5000)
    }
  }
}

/// Four tasks write jobs; the one that completes the last of `count` kills the process.
private func writeUntilKilled(state: String, after count: Int) async throws {
  let journal = try Journal(stateDirectory: state)
  let notes = open(state + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
  let left = Countdown(count)
  try await withThrowingTaskGroup(of: Void.self) { group in
    for _ in 0..<4 {
      group.addTask {
        while true {
          let id = journal.makeID(at: noon)
          try await journal.insert(
            job(id, state: "staging", frames: 50), frames: sequence(50), claims: [])
          note(id + " staging\n", in: notes)
          try await journal.record(receipts: (0..<50).map { receipt($0) }, of: id)
          _ = try await journal.transition(id, from: ["staging"], to: "staged", at: noon)
          note(id + " staged\n", in: notes)
          left.step()
        }
      }
    }
    try await group.waitForAll()
  }
}

private final class Countdown: Sendable {
  private let left: Atomic<Int>

  init(_ count: Int) { left = Atomic(count) }

  func step() {
    if left.subtract(1, ordering: .relaxed).newValue <= 0 { _ = kill(getpid(), SIGKILL) }
  }
}

private func note(_ line: String, in file: Int32) {
  _ = line.withCString { write(file, $0, strlen($0)) }
}
