import Files
import Foundation
import Paths
import TestSupport
import Testing

extension Promises {
  @Test("explain takes a sequence that does not exist, and says where its first and last frame go")
  func explainSequence() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let outcome = try run("explain", "x/sh010_v2.[1-10].exr", "--rules", tree.rules)
      #expect(outcome.status == 0, "\(outcome.err)")
      for piece in [
        "yes   renders", "x/sh010_v2.@.exr 1-10, 10 frames",
        "first      shots/sh010/v002/sh010_v002.1001.exr",
        "last       shots/sh010/v002/sh010_v002.1010.exr",
      ] { #expect(outcome.out.contains(piece), "\(outcome.out)") }
      #expect(!outcome.out.contains("\u{1B}"))

      let alone = try run("explain", "x/sh010_v2.[7].exr", "--rules", tree.rules)
      #expect(alone.out.contains("when.count is 2+, and there is 1 frame"))
      let none = try run("explain", "x/sh010.exr", "--rules", tree.rules)
      #expect(none.status == 0)
      #expect(none.out.contains("no '_v' after 'sh010'"))
      let bad = try run("explain", "x/sh010_v2.[1-].exr", "--rules", tree.rules)
      #expect(bad.status == 64)
      #expect(bad.err.contains("are no frames"))
    }
  }

  @Test(
    "explain says why a name that its rule wants is not taken: in flight, cut off, a symlink, under a sentinel"
  )
  func explainWhyNot() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      func told(_ path: String) throws -> String {
        try run("explain", "--in", tree.drop, path, "--rules", tree.rules).out
      }
      #expect(try told("a/sh010_v1.1.exr.part").contains("still being written"))
      #expect(try told("a/.cancel").contains("a sentinel"))
      try tree.shell("mkdir", "\(tree.drop)/a", "\(tree.drop)/b")
      try FrameFactory.write(
        [UInt8](repeating: 0, count: 100), to: Array("\(tree.drop)/a/sh010_v1.1.exr".utf8))
      #expect(try told("a/sh010_v1.1.exr").contains("it is not whole: it starts with zeros"))
      try tree.shell("ln", "-s", "nowhere", "\(tree.drop)/a/sh010_v1.2.exr")
      #expect(try told("a/sh010_v1.2.exr").contains("a symlink is never taken"))
      #expect(!(try told("b/sh010_v1.1.exr").contains("stands")))
      try tree.touch("b/sh010_v1.cancel")
      #expect(try told("b/sh010_v1.1.exr").contains("b/sh010_v1.cancel stands"))
      try tree.touch(".cancel")
      #expect(try told("a/sh010_v1.1.exr").contains(".cancel stands"))
    }
  }

  @Test("plan and explain show hostile names escaped, and JSON has their exact bytes")
  func hostileNamesExplained() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let name = Array("sh\u{1B}[31m_v1.1.exr".utf8) + [0xff]
      try FrameFactory.write([1], to: Array("\(tree.drop)/".utf8) + name)
      for words in [
        ["plan", tree.drop, "--rules", tree.rules],
        ["explain", "--in", tree.drop, "sh\u{1B}[[]31m_v1.[1-2].exr", "--rules", tree.rules],
        ["plan", tree.drop, "--rules", tree.rules, "--against", tree.rules],
      ] {
        let outcome = try Command.run(["timeout", "60", try Daemon.program] + words)
        #expect(outcome.status == 0, "\(words) \(outcome.err)")
        #expect(!(outcome.out + outcome.err).contains("\u{1B}"))
      }
      let plan = try run("plan", tree.drop, "--rules", tree.rules)
      #expect(plan.out.contains("sh\\x1b[31m_v1.@.exr\\xff"))
    }
  }

  @Test("plan tells of several roots, a delivery, and what stands in the way, and touches nothing")
  func planDelivery() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(
        in: folder,
        rules: """
          hotplate: 1
          rules:
            - rule: packages
              match: '{shot}.{frame}.dpx'
              together: '/{vendor}/{pkg}/'
              ready: { marker: '{pkg}.done', whole: no }
              root: '{vendor}'
              to: '{shot}/{name}'
          """)
      let moon = try folder.makeDirectory("moon")
      for name in ["a.1.dpx", "a.2.dpx", "b.1.dpx"] {
        try write(10, to: "\(tree.drop)/MOON/p1/\(name)")
      }
      try write(20, to: "\(moon)/a/a.1.dpx")
      let before = try TreeDigest(of: folder.path)
      let words = [
        "plan", tree.drop, "--rules", tree.rules, "--to", tree.destination, "--to", "MOON=\(moon)",
      ]
      let outcome = try Command.run([try Daemon.program] + words)
      #expect(outcome.status == 0, "\(outcome.err)")
      for piece in [
        "delivery \(tree.drop)/MOON/p1/  2 sequences and files  would be held as a whole",
        "waits      the marker MOON/p1/p1.done is not there",
        "→          MOON: \(moon)/a/a.@.dpx 1-2",
        "conflict   \(moon)/a/a.1.dpx exists, with 20 bytes and not 10",
        "so         would be held", "0 of 2 would go on their way, 2 would be held",
      ] { #expect(outcome.out.contains(piece), "\(piece)\n\(outcome.out)") }
      #expect(try TreeDigest(of: folder.path).difference(from: before) == [])
      let unknown = try run("plan", tree.drop, "--rules", tree.rules, "--to", tree.destination)
      #expect(unknown.out.contains("→          MOON:a/a.@.dpx 1-2"), "\(unknown.out)")
      let config = "\(folder.path)/hotplate.yaml"
      try "roots: { default: destination }\nhot_folders: [ { path: drop, name: vendors } ]\n"
        .write(toFile: config, atomically: true, encoding: .utf8)
      let configured = try run("plan", "--config", config)
      #expect(
        configured.out.contains("held       there is no root 'MOON': name it under 'roots'"),
        "\(configured.out)")
      #expect(try run("plan", tree.drop, "--rules", tree.rules, "--to", "/no/such").status == 66)
    }
  }

  @Test("plan foretells what ingest does: the same destinations, by version-up as well")
  func planForetells() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(
        in: folder,
        rules: """
          hotplate: 1
          rules:
            - rule: renders
              match: '{shot}_v{version}.{frame}.exr'
              ready: { quiet: 200ms, whole: no }
              to: '{shot}/v{version:03d}/{shot}.{frame:04d}.exr'
              conflict: version-up
          """)
      for frame in 1...3 {
        try FrameFactory.write(seed: 1, bytes: 10, to: "\(tree.drop)/sh_v2.\(frame).exr")
      }
      try write(20, to: "\(tree.destination)/sh/v002/sh.0001.exr")
      try write(20, to: "\(tree.destination)/sh/v007/sh.0001.exr")
      let plan = try run(
        "plan", tree.drop, "--rules", tree.rules, "--to", tree.destination, "--json")
      let foretold = try JSONDecoder().decode(PlanView.self, from: Data(plan.out.utf8))
        .sequences.flatMap { $0.map.map { $0[1] } }
      #expect(foretold.first == "\(tree.destination)/sh/v008/sh.0001.exr")
      let outcome = try run(
        "ingest", "--in", tree.drop, "--to", tree.destination, "--rules", tree.rules, "--state",
        tree.state, "--no-listen")
      #expect(outcome.status == 0, "\(outcome.err)")
      for path in foretold { #expect(access(path, F_OK) == 0, "\(path)") }
      #expect(foretold.count == 3)
    }
  }

  @Test(
    "plan --against tells what new rules change, over a directory and over what the journal saw")
  func planAgainst() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let new = try folder.makeDirectory("new")
      try rules().replacing("to: 'shots/", with: "to: 'projects/")
        .write(toFile: "\(new)/10-test.yaml", atomically: true, encoding: .utf8)
      try tree.shell("cp", "-r", "--", try tree.make("sh010", frames: 3, bytes: 100), tree.drop)

      // The example of the new rules no longer comes out: they are refused before anything is compared.
      let broken = try run("plan", tree.drop, "--rules", new, "--against", tree.rules)
      #expect(broken.status == 65)
      #expect(broken.err.contains("this comes out differently"))
      try rules().replacing("'shots/", with: "'projects/")
        .write(toFile: "\(new)/10-test.yaml", atomically: true, encoding: .utf8)

      let same = try run("plan", tree.drop, "--rules", tree.rules, "--against", tree.rules)
      #expect(same.status == 0, "\(same.err)")
      #expect(same.out == "nothing differs in 3 files\n")
      let other = try run("plan", tree.drop, "--rules", new, "--against", tree.rules)
      #expect(other.status == 1, "\(other.err)")
      #expect(other.out.contains("old        → shots/sh010/v001/sh010_v001.#.exr 1001-1003"))
      #expect(other.out.contains("new        → projects/sh010/v001/sh010_v001.#.exr 1001-1003"))
      #expect(other.out.hasSuffix("3 of 3 files differ: 3 would go elsewhere\n"))

      let none = try run(
        "plan", "--state", tree.state, "--rules", new, "--against", tree.rules)
      #expect(none.status == 66)
      let ingest = try run(
        "ingest", "--in", tree.drop, "--to", tree.destination, "--rules", tree.rules, "--state",
        tree.state, "--no-listen")
      #expect(ingest.status == 0, "\(ingest.err)")
      try tree.shell("rm", "-r", "\(tree.drop)/sh010")
      let past = try run(
        "plan", "--state", tree.state, "--rules", new, "--against", tree.rules)
      #expect(past.status == 1, "\(past.err)")
      #expect(past.out.contains("\(tree.drop)/sh010/sh010_v1.@.exr 1-3"), "\(past.out)")
      #expect(
        past.out.contains(
          "published  \(tree.destination)/shots/sh010/v001/sh010_v001.1001.exr  as the old rules say"
        ), "\(past.out)")
    }
  }

  @Test("schema prints valid JSON, and the file in rules/ is what it prints")
  func schema() async throws {
    try await onOwnThread {
      let outcome = try run("schema")
      #expect(outcome.status == 0)
      let object = try JSONSerialization.jsonObject(with: Data(outcome.out.utf8)) as? [String: Any]
      #expect((object?["properties"] as? [String: Any])?["rules"] != nil)
      let kept = try String(contentsOfFile: "\(top)/rules/schema.json", encoding: .utf8)
      #expect(outcome.out == kept, "run: hotplate schema > rules/schema.json")
    }
  }

  @Test("what init writes works as it is: check, explain, plan and ingest")
  func initialize() async throws {
    try await inTemporaryFolder { folder in
      let demo = "\(folder.path)/new/demo"
      let made = try run("init", demo)
      #expect(made.status == 0, "\(made.err)")
      #expect(made.out.contains("hotplate watch --config hotplate.yaml"))
      let config = "\(demo)/hotplate.yaml"
      #expect(try run("check", "\(demo)/rules").status == 0)
      let explained = try run("explain", "sh010_v1.[1-10].exr", "--config", config)
      #expect(explained.out.contains("→          sh010/v001/sh010_v001.#.exr 1-10"))
      for frame in 1...2 {
        try FrameFactory.write(seed: 1, bytes: 10, to: "\(demo)/drop/sh010_v1.\(frame).exr")
      }
      let plan = try run("plan", "--config", config)
      #expect(plan.out.contains("\(demo)/projects/sh010/v001/sh010_v001.#.exr 1-2"), "\(plan.out)")
      let ingest = try run("ingest", "--config", config, "--no-listen")
      #expect(ingest.status == 0, "\(ingest.err)")
      #expect(access("\(demo)/projects/sh010/v001/sh010_v001.0002.exr", F_OK) == 0)
      let after = try run("plan", "--config", config)
      #expect(after.out.contains("skipped: published before, by job "), "\(after.out)")
      #expect(after.out.hasSuffix("0 of 0 would go on their way; 2 skipped\n"))
      #expect(
        try Data(contentsOf: URL(filePath: "\(demo)/rules/schema.json"))
          == Data(try run("schema").out.utf8))
    }
  }

  @Test(
    "init writes over nothing: exit 73 names the file, and nothing else was written",
    arguments: ["hotplate.yaml", "rules/10-first.yaml", "drop"])
  func initializeTwice(occupied: String) async throws {
    try await inTemporaryFolder { folder in
      let demo = try folder.makeDirectory("demo")
      try write(10, to: "\(demo)/\(occupied)")
      let before = try TreeDigest(of: folder.path)
      let outcome = try run("init", demo)
      #expect(outcome.status == 73)
      #expect(outcome.err.contains("\(demo)/\(occupied) is there already"))
      #expect(try TreeDigest(of: folder.path).difference(from: before) == [])
    }
  }

  @Test("check tells of each file what it holds, and which would not be loaded")
  func checkTable() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      try "hotplate: 1\nrulez: []\n"
        .write(toFile: "\(tree.rules)/20-bad.yaml", atomically: true, encoding: .utf8)
      let outcome = try run("check", tree.rules)
      #expect(outcome.status == 1)
      let lines = outcome.out.split(separator: "\n").map(String.init)
      #expect(lines.contains("\(tree.rules)/10-test.yaml      1         1  ok"), "\(outcome.out)")
      #expect(lines.contains("\(tree.rules)/20-bad.yaml       -         -  not loaded"))
      #expect(lines.contains { $0.contains("^~~~~ did you mean 'rules'?") })
      #expect(lines.last == "2 files, 1 rule, 1 example: 1 mistake")
      #expect(try run("check", "\(folder.path)/none").status == 66)
    }
  }

  @Test("schema and init explain themselves with an example", arguments: ["schema", "init"])
  func helpOfRuleCommands(command: String) async throws {
    try await onOwnThread {
      let outcome = try run(command, "--help")
      #expect(outcome.status == 0)
      #expect(outcome.out.contains("hotplate \(command)"))
      #expect(outcome.out.contains("Example:"))
    }
  }

  @Test("on a terminal the answers have colours, and none where NO_COLOR asks for none")
  func colours() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let program = try Daemon.program
      let command = "\(program) explain 'sh010_v1.[1-3].exr' --rules \(tree.rules)"
      func onTerminal(_ environment: String) throws -> String {
        try Command.run(["env", "TERM=xterm", environment, "script", "-qec", command, "/dev/null"])
          .out
      }
      #expect(try onTerminal("NO_COLOR=").contains("\u{1B}[32myes"))
      #expect(try !onTerminal("NO_COLOR=1").contains("\u{1B}["))
    }
  }
}

/// The top of the project: Tests/EndToEndTests/RuleCommandTests.swift lies two below.
private let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().path

/// Writes a file, and the directories above it.
private func write(_ bytes: Int, to path: String) throws {
  try FileManager.default.createDirectory(
    atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
  try FrameFactory.write(seed: 1, bytes: bytes, to: path)
}

/// Runs a command that must end by itself: exit code 124 says that it did not.
private func run(_ words: String...) throws -> Command.Outcome {
  try Command.run(["timeout", "60", try Daemon.program] + words)
}

private struct PlanView: Decodable {
  struct Entry: Decodable { let map: [[String]] }
  let sequences: [Entry]
}
