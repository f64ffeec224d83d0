import Foundation
import TestSupport
import Testing

/// A line of `--log-format json`.
private struct Line {
  let message: String
  let job: String?
  let members: [String: Any]

  init(_ text: Substring) throws {
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
    guard let members = object as? [String: Any], members["at"] is String,
      members["level"] is String, let message = members["message"] as? String
    else { throw Failure("not a line of the log: \(text)") }
    self.message = message
    self.members = members
    job = members["job"] as? String
  }

  static func all(in text: String) throws -> [Line] {
    // What is being written at this moment has no end yet.
    try text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map {
      try Line($0)
    }
  }
}

extension Promises {
  @Test(
    "every job is one story in the log, by its id: arrived, matched, staged, published or cancelled"
  )
  func story() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let gate = CallGate(.hold(1), calls: ["pwrite64"], about: ["*/gone_*"], in: folder)
      let daemon = try tree.launch(under: try gate.wrapper, ["--log-format", "json"])
      try daemon.waitUntilReady()
      try tree.shell(
        "mv", "--", try tree.make("sh010", frames: 10, bytes: 100_000), "\(tree.drop)/sh010")
      let good = try daemon.waitForJob(in: "done")
      try tree.shell(
        "mv", "--", try tree.make("gone", frames: 3, bytes: 100_000), "\(tree.drop)/gone")
      try waitUntil("the copy to be held") { try gate.struck() != nil }
      try tree.touch("gone/.cancel")
      // Held between two chunks, it sees the cancel as soon as it goes on.
      try waitUntil("the cancel to be seen") {
        try daemon.jobs().contains { $0.state == "cancelling" }
      }
      try gate.open()
      let bad = try daemon.waitForJob(in: "cancelled") { $0.id != good.id }
      #expect(try daemon.terminate() == 0)

      let lines = try Line.all(in: daemon.errors)
      let story = lines.filter { $0.job == good.id }
      #expect(
        story.map(\.message) == ["arrived", "matched", "staging", "staged", "published", "done"])
      #expect(story.allSatisfy { $0.members["rule"] as? String == "renders" })
      #expect(
        story.allSatisfy { $0.members["source"] as? String == "\(tree.drop)/sh010/sh010_v1.@.exr" })
      #expect(story.first?.members["hot_folder"] as? String == "drop")
      let staged = try #require(story.first { $0.message == "staged" })
      #expect(staged.members["frames"] as? Int == 10)
      #expect(staged.members["bytes"] as? Int == 1_000_000)
      #expect(staged.members["seconds"] as? Double != nil)
      let published = try #require(story.first { $0.message == "published" })
      #expect(
        published.members["destination"] as? String
          == "\(tree.destination)/shots/sh010/v001/sh010_v001.#.exr")

      let end = lines.filter { $0.job == bad.id }
      #expect(
        end.map(\.message).filter { !$0.hasPrefix("staging ended") }
          == ["arrived", "matched", "staging", "cancelled"])
      let cancelled = try #require(end.last)
      #expect(cancelled.members["code"] as? String == "sentinel")
      #expect(cancelled.members["removed_files"] as? Int != nil)
      #expect((cancelled.members["seconds"] as? Double ?? -1) >= 0)
    }
  }

  @Test(
    "a hostile name breaks no line of the log, as JSON or as text", arguments: ["json", "text"])
  func hostileLog(format: String) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let daemon = try tree.launch(["--log-format", format])
      try daemon.waitUntilReady()
      let directory =
        Array("\(tree.drop)/e\n{\"x\u{1B}]0;owned\u{7}\u{202E}".utf8) + [0xFF]
      #expect(
        (directory.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer {
          mkdir($0.baseAddress!, 0o777)
        } == 0)
      for frame in 1...3 {
        try FrameFactory.write(
          FrameFactory.content(seed: UInt64(frame), bytes: 100),
          to: directory + Array("/sh_v1.\(frame).exr".utf8))
      }
      try daemon.waitForJob(in: "done")
      #expect(try daemon.terminate() == 0)
      #expect(!daemon.errors.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
      #expect(!daemon.errors.contains("\u{202E}"))
      #expect(daemon.errors.contains("x1b]0;owned"))
      if format == "json" {
        #expect(try Line.all(in: daemon.errors).contains { $0.message == "published" })
      } else {
        for line in daemon.errors.split(separator: "\n") {
          #expect(line.hasPrefix("20") || line.hasPrefix("ready: "), "\(line)")
        }
      }
    }
  }

  @Test(
    "with --log-format json every line is an object, also of rules with a mistake and of an end")
  func onlyJSON() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: "hotplate: 1\nrules:\n  - rull: x\n")
      let daemon = try tree.launch(["--log-format", "json"])
      #expect(try daemon.waitForExit() == 65)
      let lines = try Line.all(in: daemon.errors)
      #expect(lines.contains { $0.message.contains("unknown key 'rull'") })
      #expect(lines.last?.members["level"] as? String == "critical")
      #expect(daemon.errors.last == "\n")
    }
  }
}
