import Files
import Foundation
import Paths
import TestSupport
import Testing

/// Exit codes of the interface.
private let usage: Int32 = 64
private let badRule: Int32 = 65
private let noInput: Int32 = 66
private let notWritable: Int32 = 73

extension Promises {
  @Test("a hot folder that does not exist ends the start with exit 66 and its name")
  func noSuchDirectory() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let wrong = try Daemon(
        arguments: [
          "watch", "--in", "\(folder.path)/nowhere", "--to", tree.destination, "--rules",
          tree.rules, "--state", "\(folder.path)/state2", "--no-listen",
        ], state: "\(folder.path)/state2")
      folder.cleanUp { wrong.kill() }
      #expect(try wrong.waitForExit() == noInput)
      #expect(wrong.errors.contains("\(folder.path)/nowhere"))
    }
  }

  @Test("a destination that cannot be written ends the start with exit 73 and its name")
  func unwritableDestination() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      try tree.makeDestinationReadOnly()
      let daemon = try tree.launch()
      #expect(try daemon.waitForExit() == notWritable)
      #expect(daemon.errors.contains(tree.destination))
    }
  }

  @Test("a rule file with a typo ends the start with exit 65, its line, a caret and a suggestion")
  func typo() async throws {
    try await inTemporaryFolder { folder in
      let text = rules().replacingOccurrences(of: "transfer: copy", with: "transfer: cpoy")
      let line =
        try #require(
          text.components(separatedBy: "\n").firstIndex { $0.contains("cpoy") }) + 1
      let tree = try HotFolderTree(in: folder, rules: text)
      let daemon = try tree.launch()
      #expect(try daemon.waitForExit() == badRule)
      #expect(daemon.errors.contains("10-test.yaml:\(line):15: error:"))
      #expect(daemon.errors.contains("^"))
      #expect(daemon.errors.contains("'copy'"))
    }
  }

  @Test(
    "a hot folder inside its destination, the other way round, and one in the place of the other are refused"
  )
  func overlap() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let inside = try folder.makeDirectory("destination/drop")
      let insideDrop = try folder.makeDirectory("drop/destination")
      for (drop, to) in [
        (inside, tree.destination), (tree.drop, insideDrop), (tree.drop, tree.drop),
      ] {
        let daemon = try Daemon(
          arguments: [
            "watch", "--in", drop, "--to", to, "--rules", tree.rules, "--state", tree.state,
            "--no-listen",
          ], state: tree.state)
        folder.cleanUp { daemon.kill() }
        #expect([usage, badRule].contains(try daemon.waitForExit()))
        #expect(daemon.errors.contains(drop))
      }
    }
  }

  @Test(
    "names that are not UTF-8, hold a newline or an escape arrive byte for byte, and nothing prints them raw"
  )
  func hostileNames() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(
        in: folder,
        rules: """
          hotplate: 1
          rules:
            - rule: any
              match: '*.{frame}.exr'
              ready: { quiet: 200ms }
              to: 'in/{name}'
          """)
      let daemon = try tree.start()
      let names =
        ["sh\nx", "sh\u{1B}[31m", "-rf", "$(touch x)", "a b"].map { Array($0.utf8) }
        + [[0x73, 0xff, 0xfe], Array("e\u{301}".utf8), Array("\u{E9}".utf8)]
      var expected: [RelativePath: UInt64] = [:]
      for (i, name) in names.enumerated() {
        for frame in 1...2 {
          let full = name + Array(".\(frame).exr".utf8)
          let content = FrameFactory.content(seed: UInt64(10 * i + frame), bytes: 1000)
          try FrameFactory.write(content, to: Array("\(tree.drop)/".utf8) + full)
          expected[RelativePath(Array("in/".utf8) + full)!] = contentDigest(content)
        }
      }
      try waitUntil("all of them; \(daemon.errors)") {
        try daemon.jobs().filter { $0.state == "done" }.count == names.count
      }
      #expect(try TreeDigest(of: tree.destination).contents == expected)
      for shown in [try daemon.hotplate(["jobs"]).out, daemon.errors] {
        #expect(!shown.contains("\u{1B}[31m"))
        #expect(!shown.contains("sh\nx"))
      }
    }
  }

  @Test(
    "a FIFO and a symlink in the hot folder are skipped and named, and hold nothing up")
  func specialFiles() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let secret = "\(folder.path)/secret"
      try FrameFactory.write(seed: 1, bytes: 100, to: secret)
      let odd = try folder.makeDirectory("drop/odd")
      // Two of each under names that the rule takes: only what they are keeps them out.
      for frame in 1...2 {
        try tree.shell("mkfifo", "\(odd)/pipe_v1.\(frame).exr")
        try tree.shell("ln", "-s", secret, "\(odd)/link_v1.\(frame).exr")
      }
      let daemon = try tree.start()
      for frame in 1...2 {
        try tree.shell("mkfifo", "\(odd)/tube_v1.\(frame).exr")
        try tree.shell("ln", "-s", secret, "\(odd)/sym_v1.\(frame).exr")
      }
      try tree.shell("ln", "-s", "/etc", "\(odd)/etc")

      try tree.passThrough(daemon)
      #expect(names(in: "\(tree.destination)/shots") { _ in true } == ["after"])
      let arrivals = try daemon.hotplate(["arrivals"])
      #expect(arrivals.status == 0)
      for name in ["pipe_v1", "link_v1", "tube_v1", "sym_v1", "etc"] {
        #expect(arrivals.out.contains(name))
      }
      #expect(try Command.run(["test", "-p", "\(odd)/pipe_v1.1.exr"]).status == 0)
    }
  }

  @Test(
    "a destination that holds something else holds the job with the reason conflict, and nothing is touched"
  )
  func conflict() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let taken = try folder.makeDirectory("destination/shots/sh010/v001")
      try FrameFactory.write(seed: 99, bytes: 700, to: "\(taken)/sh010_v001.1003.exr")
      let before = try TreeDigest(of: tree.destination)
      let daemon = try tree.start()
      try tree.shell("cp", "-r", "--", try tree.make("sh010", frames: 5, bytes: 1000), tree.drop)

      let job = try daemon.waitForJob(in: "held")
      #expect(job.reason?.code == "conflict")
      #expect(job.reason?.message.contains("1003") == true)
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
      #expect(try TreeDigest(of: tree.destination).difference(from: before) == [])
      #expect(try TreeDigest(of: "\(tree.drop)/sh010").entries.count == 5)
    }
  }

  @Test("what no rule takes is left where it is, and arrivals says so")
  func unmatched() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let daemon = try tree.start()
      try FrameFactory.write(seed: 1, bytes: 100, to: "\(tree.drop)/notes.txt")
      try tree.passThrough(daemon)
      try waitUntil("arrivals to name it") {
        try daemon.hotplate(["arrivals"]).out.contains("notes.txt")
      }
      #expect(access("\(tree.drop)/notes.txt", F_OK) == 0)
    }
  }
}

extension HotFolderTree {
  /// Makes the destination one that this user cannot write. Root may write anywhere but on a read-only mount.
  ///
  /// - Throws: as root without the right to mount.
  fileprivate func makeDestinationReadOnly() throws {
    guard geteuid() == 0 else {
      chmod(destination, 0o555)
      return folder.cleanUp { [destination] in chmod(destination, 0o755) }
    }
    try shell("mount", "--bind", destination, destination)
    folder.cleanUp { [destination] in _ = try? Command.run(["umount", "-l", destination]) }
    try shell("mount", "-o", "remount,bind,ro", destination)
  }
}
