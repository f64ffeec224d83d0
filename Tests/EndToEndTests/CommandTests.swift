import Files
import Foundation
import Paths
import TestSupport
import Testing

extension Promises {
  @Test("ingest takes what lies there, ends by itself, and does nothing the second time")
  func ingest() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      try tree.shell(
        "cp", "-r", "--", try tree.make("sh010", frames: 10, bytes: 100_000), tree.drop)
      var last: TreeDigest?
      for _ in 1...2 {
        let outcome = try tree.hotplate(
          "ingest", "--in", tree.drop, "--to", tree.destination, "--rules", tree.rules, "--state",
          tree.state)
        #expect(outcome.status == 0, "\(outcome.err)")
        #expect(outcome.out.isEmpty || !outcome.out.contains("\u{1B}"))
        let now = try TreeDigest(of: tree.destination)
        #expect(now.contents == tree.expectedContents("sh010", frames: 10, bytes: 100_000))
        if let last { #expect(now == last) }
        last = now
        let jobs = try tree.hotplate("jobs", "--json", "--state", tree.state).out
        #expect(try JSONDecoder().decode([JobView].self, from: Data(jobs.utf8)).count == 1)
      }
    }
  }

  @Test(
    "ingest cut off by Ctrl-C ends with exit 130 and shows no part of the delivery; the next one brings it whole"
  )
  func interruptedIngest() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      try tree.shell(
        "mv", "--", try tree.make("sh010", frames: 40, bytes: 8_000_000), "\(tree.drop)/sh010")
      let words = [
        "ingest", "--in", tree.drop, "--to", tree.destination, "--rules", tree.rules, "--state",
        tree.state, "--no-listen",
      ]
      let first = try Daemon(arguments: words, state: tree.state)
      folder.cleanUp { first.kill() }
      try waitUntil("staging to begin; \(first.errors)") { tree.stagedFiles() >= 2 }
      #expect(try first.interrupt() == 130)
      #expect(first.errors.contains("interrupted; 1 unfinished jobs go on at the next start"))
      #expect(names(in: tree.destination) { !isStaging($0) } == [])

      let second = try Daemon(arguments: words, state: tree.state)
      folder.cleanUp { second.kill() }
      #expect(try second.waitForExit() == 0)
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents("sh010", frames: 40, bytes: 8_000_000))
      #expect(try second.jobs().map(\.state) == ["done"])
      #expect(tree.hasNoTrace())
    }
  }

  @Test("ingest names what it leaves in the hot folder, and why; that alone is no failure")
  func leftBehind() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      try tree.shell("cp", "-r", "--", try tree.make("sh010", frames: 2, bytes: 100), tree.drop)
      try FrameFactory.write(seed: 1, bytes: 100, to: "\(tree.drop)/notes.txt")
      let outcome = try tree.hotplate(
        "ingest", "--in", tree.drop, "--to", tree.destination, "--rules", tree.rules, "--state",
        tree.state)
      #expect(outcome.status == 0, "\(outcome.err)")
      let left = outcome.err.split(separator: "\n").filter { $0.hasPrefix("left: ") }
      #expect(left.count == 1)
      #expect(left.first?.contains("\(tree.drop)/notes.txt: ") == true)
      #expect(left.first?.contains("no rule takes it") == true)
      #expect(access("\(tree.drop)/notes.txt", F_OK) == 0)
    }
  }

  @Test("plan says what would happen and touches nothing")
  func plan() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      try tree.shell("cp", "-r", "--", try tree.make("sh010", frames: 3, bytes: 100), tree.drop)
      let before = try TreeDigest(of: folder.path)
      let outcome = try tree.hotplate(
        "plan", tree.drop, "--rules", tree.rules, "--to", tree.destination, "--json")
      #expect(outcome.status == 0, "\(outcome.err)")
      #expect(try TreeDigest(of: folder.path).difference(from: before) == [])

      let plan = try JSONDecoder().decode(PlanView.self, from: Data(outcome.out.utf8))
      let sequence = try #require(plan.sequences.first)
      #expect(plan.sequences.count == 1)
      #expect(sequence.rule == "renders")
      #expect(sequence.destination?.frames == "1001-1003")
      #expect(sequence.map.count == 3)
      #expect(sequence.map.first?.last?.hasSuffix("shots/sh010/v001/sh010_v001.1001.exr") == true)
    }
  }

  @Test("check passes rules whose examples come out, and names the example that does not")
  func check() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let good = try tree.hotplate("check", tree.rules)
      #expect(good.status == 0, "\(good.out)\(good.err)")
      try rules().replacingOccurrences(of: "[1001-1003]", with: "[1001-1004]")
        .write(toFile: "\(tree.rules)/10-test.yaml", atomically: true, encoding: .utf8)
      let bad = try tree.hotplate("check", tree.rules)
      #expect(bad.status == 1)
      #expect((bad.out + bad.err).contains("10-test.yaml:11:"))
    }
  }

  @Test("seq names sequences as the interface says")
  func seq() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      for name in ["a.0998.exr", "a.0999.exr", "a.1001.exr", "b.9.exr", "b.10.exr", "c.txt"] {
        try FrameFactory.write(seed: 1, bytes: 10, to: "\(tree.drop)/\(name)")
      }
      let outcome = try tree.hotplate("seq", tree.drop, "--json")
      #expect(outcome.status == 0)
      let found = try JSONDecoder().decode([SequenceView].self, from: Data(outcome.out.utf8))
      #expect(found.map(\.pattern) == ["a.#.exr", "b.@.exr"])
      #expect(found.map(\.frames) == ["998-999,1001", "9-10"])
      #expect(found.map(\.padding) == [4, 1])
      #expect(found.first?.missing == "1000")
    }
  }

  @Test(
    "an answer that does not fit on the disk ends its command with exit 73, never with half of it")
  func fullDisk() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      for frame in 1...3 {
        try FrameFactory.write(seed: 1, bytes: 10, to: "\(tree.drop)/a.\(frame).exr")
      }
      for words in [
        ["seq", tree.drop], ["check", tree.rules], ["plan", tree.drop, "--rules", tree.rules],
      ] {
        let outcome = try Command.run(
          ["sh", "-c", "exec \"$0\" \"$@\" > /dev/full", try Daemon.program] + words)
        #expect(outcome.status == 73, "\(words)")
        #expect(outcome.err.contains("No space left"), "\(words)")
      }
    }
  }

  @Test("a second daemon on the same hot folder ends with exit 75 and names the first")
  func secondDaemon() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let first = try tree.start()
      let second = try tree.launch()
      #expect(try second.waitForExit() == 75)
      #expect(first.isRunning)
      // The same folder under another state directory: the lock is on the folder itself.
      let third = try Daemon(
        arguments: [
          "watch", "--in", tree.drop, "--to", tree.destination, "--rules", tree.rules, "--state",
          "\(folder.path)/other",
        ], state: "\(folder.path)/other")
      folder.cleanUp { third.kill() }
      #expect(try third.waitForExit() == 75)
      #expect(third.errors.contains("process "))
      try tree.passThrough(first)
    }
  }

  @Test("without a daemon, jobs still tells what was done, and cancel ends with exit 69")
  func withoutDaemon() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let daemon = try tree.start()
      let job = try tree.passThrough(daemon)
      #expect(try daemon.terminate() == 0)
      #expect(try daemon.jobs().map(\.id) == [job.id])
      #expect(try daemon.hotplate(["cancel", job.id]).status == 69)
    }
  }

  @Test(
    "every command explains itself with an example",
    arguments: [
      "watch", "ingest", "plan", "explain", "check", "seq", "jobs", "show", "cancel", "arrivals",
      "retry", "undo",
    ])
  func help(of command: String) async throws {
    try await onOwnThread {
      let outcome = try Command.run([try Daemon.program, command, "--help"])
      #expect(outcome.status == 0)
      #expect(outcome.out.contains("hotplate \(command)"))
      #expect(outcome.out.localizedCaseInsensitiveContains("example"))
    }
  }

  @Test("the rules that come with Hotplate pass their own examples")
  func shippedRules() async throws {
    try await onOwnThread {
      // Tests/EndToEndTests/CommandTests.swift → the top.
      let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
      let outcome = try Command.run([try Daemon.program, "check", "\(top)/rules"])
      #expect(outcome.status == 0, "\(outcome.out)\(outcome.err)")
    }
  }
}

extension HotFolderTree {
  /// Runs a command that must end by itself: exit code 124 says that it did not.
  fileprivate func hotplate(_ words: String...) throws -> Command.Outcome {
    try Command.run(["timeout", "60", try Daemon.program] + words)
  }
}

private struct PlanView: Decodable {
  struct Entry: Decodable {
    let rule: String?
    let destination: JobView.Place?
    let map: [[String]]
  }
  let sequences: [Entry]
}

private struct SequenceView: Decodable {
  let pattern: String
  let frames: String?
  let missing: String?
  let padding: Int?
}
