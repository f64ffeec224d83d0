import Foundation
import TestSupport
import Testing

extension HotFolderTree {
  /// `hotplate watch` on a terminal of its own.
  fileprivate func watchOnTerminal(
    under wrapper: [String] = [], _ more: [String] = [], environment: [String: String] = [:]
  ) throws -> TerminalSession {
    let session = try TerminalSession(
      wrapper + [
        try Daemon.program, "watch", "--in", drop, "--to", destination, "--rules", rules,
        "--state", state, "--no-listen",
      ] + more, environment: environment)
    folder.cleanUp { session.end() }
    return session
  }

  fileprivate func follow(
    _ more: String..., environment: [String: String] = [:]
  ) throws -> TerminalSession {
    let session = try TerminalSession(
      [try Daemon.program, "jobs", "--follow", "--state", state] + more, environment: environment)
    folder.cleanUp { session.end() }
    return session
  }

  /// Holds the copy of `shot` at its second frame.
  fileprivate func gate(_ shot: String) -> CallGate {
    CallGate(.hold(2), calls: ["pwrite64"], about: ["*/\(shot)_*"], in: folder)
  }

  fileprivate func drop(_ shot: String, frames: Int = 4) throws {
    try shell("mv", "--", try make(shot, frames: frames, bytes: 100_000), "\(drop)/\(shot)")
  }
}

extension Promises {
  @Test("jobs --follow on a terminal is a table that draws over itself and leaves nothing behind")
  func followOnTerminal() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let gate = tree.gate("sh010")
      let daemon = try tree.start(under: try gate.wrapper)
      let session = try tree.follow()
      try session.waitUntil("the table") { $0.lines[0] == "drop \(tree.drop) watching" }
      try tree.drop("sh010")
      try session.waitUntil("a bar") {
        $0.lines[1].hasPrefix("1 running") && $0.text.contains("  staging  ")
          && $0.text.contains("/4 frames")
      }
      let during = session.screen
      #expect(during.isAlternate && !during.isCursorShown)

      session.resize(width: 40, height: 10)
      try session.waitUntil("the table in a smaller window") { screen in
        screen.lines[0].hasSuffix("…")
          && screen.lines.contains { $0.hasPrefix("  [") && $0.contains("%") }
      }
      session.resize(width: 120, height: 40)
      try session.waitUntil("the table in a larger window") {
        $0.text.contains("  renders  ") && $0.text.contains("/4 frames")
      }
      try gate.open()
      try session.waitUntil("its end") { $0.text.contains("  done ") }

      #expect(try daemon.terminate() == 0)
      try session.waitUntil("that no daemon runs") { $0.text.contains("no daemon runs") }
      let without = session.screen.text
      #expect(without.contains("  done "))
      _ = try tree.start()
      try session.waitUntil("the daemon again") { !$0.text.contains("no daemon runs") }

      session.type("\u{3}")
      #expect(try session.waitForExit() == 130)
      try session.waitUntil("the terminal as it was") { $0.isCursorShown && !$0.isAlternate }
      let after = session.screen
      #expect(after.scrollback == [])
      #expect(after.alternateScrolls == 0)
      #expect(after.unknown == [])
    }
  }

  @Test(
    "jobs --follow gives the terminal back when it is terminated or stopped, and takes it again")
  func followStops() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      _ = try tree.start()
      let session = try tree.follow()
      try session.waitUntil("the table") { $0.text.contains("no jobs") }
      session.signal(SIGTSTP)
      try waitUntil("it to stop") { session.isStopped }
      try session.waitUntil("the terminal as it was") { $0.isCursorShown && !$0.isAlternate }
      session.signal(SIGCONT)
      try session.waitUntil("the table again") {
        $0.isAlternate && !$0.isCursorShown && $0.text.contains("no jobs")
      }
      session.signal(SIGTERM)
      #expect(try session.waitForExit() == 143)
      try session.waitUntil("the terminal as it was") { $0.isCursorShown && !$0.isAlternate }
    }
  }

  @Test(
    "on a dumb terminal jobs --follow prints plain lines, with NO_COLOR the table has no colours")
  func plainTerminals() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let daemon = try tree.start()
      try tree.passThrough(daemon)
      let dumb = try tree.follow(environment: ["TERM": "dumb"])
      try dumb.waitUntil("two tables") { screen in
        screen.lines.count { $0.hasPrefix("JOB") } >= 2
      }
      let dumbBytes = dumb.screen.raw
      #expect(!dumbBytes.contains(0x1B))
      let plain = try tree.follow(environment: ["NO_COLOR": "1"])
      try plain.waitUntil("the table") { $0.text.contains("  done ") }
      let bytes = plain.screen.raw
      #expect(!String(decoding: bytes, as: UTF8.self).contains(/\u{1B}\[[0-9]+m/))
    }
  }

  @Test(
    "watch on a terminal shows the table, and below it what needs a person, which stays when it ends"
  )
  func watchTable() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let gate = tree.gate("sh010")
      let session = try tree.watchOnTerminal(under: try gate.wrapper)
      try session.waitUntil("the table, and that it is ready") { screen in
        screen.isAlternate && screen.lines.contains("no jobs")
          && String(decoding: screen.raw, as: UTF8.self).contains("ready: ")
      }
      try tree.drop("sh010")
      try session.waitUntil("a bar") {
        $0.text.contains("1 running") && $0.text.contains("/4 frames")
      }
      let evil = "e\u{1B}[2J\u{7}vil"
      try tree.shell("mkdir", "-p", "--", "\(tree.destination)/shots/held/v001")
      try FrameFactory.write(
        seed: 9, bytes: 10, to: "\(tree.destination)/shots/held/v001/held_v001.1001.exr")
      try FileManager.default.createDirectory(
        atPath: "\(tree.drop)/\(evil)", withIntermediateDirectories: true)
      for frame in 1...2 {
        try FrameFactory.write(
          seed: UInt64(frame), bytes: 100, to: "\(tree.drop)/\(evil)/held_v1.\(frame).exr")
      }
      try session.waitUntil("the held one") {
        $0.text.contains("1 held") && $0.text.contains("conflict: ")
      }
      let lines = session.screen.lines
      #expect(lines[0].hasPrefix("drop /"))
      #expect(lines[23].contains(" held "), "\(lines)")
      session.resize(width: 40, height: 12)
      session.resize(width: 100, height: 30)
      try gate.open()
      try session.waitUntil("the end of the copy") { $0.text.contains("  done ") }
      session.type("\u{3}")
      #expect(try session.waitForExit() == 0)
      try session.waitUntil("the terminal as it was") { $0.isCursorShown && !$0.isAlternate }
      let screen = session.screen
      #expect(!screen.text.contains("drop \(tree.drop)"), "the table is gone:\n\(screen.text)")
      let all = (screen.scrollback + screen.lines).joined(separator: "\n")
      #expect(all.contains(" held "), "what was said is not:\n\(all)")
      #expect(screen.unknown.isEmpty)
      let raw = String(decoding: screen.raw, as: UTF8.self)
      #expect(raw.components(separatedBy: "ready: ").count == 2)
    }
  }

  @Test("watch with --log-format, and on a dumb terminal, writes log lines")
  func watchLines() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      for (more, environment) in [(["--log-format", "text"], [:]), ([], ["TERM": "dumb"])] {
        let session = try tree.watchOnTerminal(more, environment: environment)
        try session.waitUntil("ready") { $0.text.contains("ready: ") }
        let shot = "sh\(more.count)"
        try tree.drop(shot)
        try session.waitUntil("its story") {
          $0.text.contains("info published") || $0.scrollback.joined().contains("info published")
        }
        let bytes = session.screen.raw
        #expect(!bytes.contains(0x1B))
        session.type("\u{3}")
        #expect(try session.waitForExit() == 0)
      }
    }
  }

  @Test("what takes longer than two seconds says so on a terminal, and nothing of it is left")
  func patience() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      try tree.shell("mkdir", "-p", "--", "\(tree.drop)/deep")
      let gate = CallGate(.hold(1), calls: ["openat2"], about: ["*deep*"], in: folder)
      let session = try TerminalSession(
        try gate.wrapper + [try Daemon.program, "seq", "-r", tree.drop])
      folder.cleanUp { session.end() }
      try session.waitUntil("how long it takes") { !$0.isCursorShown && $0.text.contains(" … 2 s") }
      try gate.open()
      #expect(try session.waitForExit() == 0)
      try session.waitUntil("the terminal as it was") { $0.isCursorShown && $0.text.isBlank }
      #expect(session.screen.unknown == [])
    }
  }
}

extension String {
  fileprivate var isBlank: Bool { allSatisfy(\.isWhitespace) }
}
