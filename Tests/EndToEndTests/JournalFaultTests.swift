import Files
import Foundation
import Paths
import TestSupport
import Testing

private let notWritable: Int32 = 73

extension Promises {
  @Test(
    "when the journal's disk is full, what is under way comes to its end, nothing new begins, and work goes on with room",
    needsMounts)
  func fullJournal() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try SmallVolume.tmpfs(at: tree.state, "size=8m", in: folder)
      let daemon = try tree.start()
      try tree.passThrough(daemon, shot: "before")
      try volume.fill("filler")
      try tree.drop("sh010")
      try waitUntil("the banner; \(daemon.errors)") {
        daemon.errors.contains("the journal's disk is full")
      }
      try daemon.waitForJob(in: "done", "queued") { $0.source.directory.hasSuffix("sh010") }
      try tree.drop("sh020")
      try waitUntil("it to wait for a place; \(daemon.errors)") {
        try daemon.jobs().contains {
          $0.source.directory.hasSuffix("sh020") && $0.state == "waiting"
            && $0.reason?.message.contains("journal") == true
        }
      }
      let health = try Command.run([
        "curl", "-s", "--unix-socket", "\(tree.state)/hotplate.sock",
        "http://localhost/api/v1/health",
      ])
      #expect(health.out.contains("journal's disk is full"))
      try tree.shell("rm", "\(tree.state)/filler")
      for shot in ["sh010", "sh020"] {
        try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix(shot) }
      }
      #expect(daemon.errors.contains("the journal has room again"))
      #expect(try TreeDigest(of: "\(tree.destination)/shots/sh020").contents.count == 3)
    }
  }

  @Test(
    "where not even the last rows find room, the daemon ends with exit 73 and the reason, and the next start delivers",
    needsMounts)
  func overfullJournal() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try SmallVolume.tmpfs(at: tree.state, "size=8m", in: folder)
      var daemon = try tree.start()
      try tree.passThrough(daemon, shot: "before")
      try tree.shell("rm", "\(tree.state)/ballast")
      try volume.fill("filler")
      try tree.drop("sh010")
      #expect(try daemon.waitForExit() == notWritable)
      #expect(daemon.errors.contains("no space left for the journal \(tree.state)/journal.sqlite"))
      #expect(daemon.errors.contains("make room"))
      #expect(try TreeDigest(of: "\(tree.drop)/sh010").entries.count == 3)

      try tree.shell("rm", "\(tree.state)/filler")
      daemon = try tree.start()
      try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("sh010") }
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
    }
  }

  @Test(
    "a daemon that was stopped or killed on a full journal's disk starts in the room that it held there, and delivers",
    needsMounts, arguments: [false, true])
  func startOnFullJournal(isKilled: Bool) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try SmallVolume.tmpfs(at: tree.state, "size=8m", in: folder)
      var daemon = try tree.start()
      try tree.passThrough(daemon, shot: "before")
      if isKilled { daemon.kill() } else { try daemon.terminate() }
      try volume.fill("filler")
      try tree.drop("sh010")
      daemon = try tree.start()
      try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("sh010") }
    }
  }

  @Test(
    "a journal whose disk fails ends the daemon with exit 73 and the reason; nothing is lost, and the next start delivers",
    arguments: ["pwrite64", "fdatasync"])
  func brokenJournal(call: String) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(transfer: "move"))
      var daemon = try tree.start()
      try tree.passThrough(daemon, shot: "before")
      try tree.breakJournal(call)
      try tree.drop("sh010")
      #expect(try daemon.waitForExit() == notWritable)
      #expect(daemon.errors.contains("the disk of the journal \(tree.state)/journal.sqlite fails"))
      let frames = expected("sh010")
      let sources = try TreeDigest(of: "\(tree.drop)/sh010").contents.values
      let arrived = try TreeDigest(of: tree.destination).contents
      for (path, digest) in frames {
        #expect(sources.contains(digest) || arrived[path] == digest, "\(path) is nowhere")
      }
      daemon = try tree.start()
      try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("sh010") }
      let published = try TreeDigest(of: "\(tree.destination)/shots/sh010").contents
      #expect(Set(published.values) == Set(frames.values))
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
    }
  }

  @Test("a journal that cannot be written ends the start with exit 73 and its name", needsMounts)
  func readOnlyJournal() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try SmallVolume.tmpfs(at: tree.state, "size=16m", in: folder)
      let first = try tree.start()
      try first.terminate()
      try volume.remount("ro")
      let daemon = try tree.launch()
      #expect(try daemon.waitForExit() == notWritable)
      #expect(daemon.errors.contains(tree.state))
      #expect(daemon.errors.contains("Read-only file system"))
      try volume.remount("rw")
      try tree.start().terminate()
    }
  }

  @Test(
    "a damaged journal ends the start with exit 73, is left as it is, and the way out that it names works"
  )
  func damagedJournal() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      var daemon = try tree.start()
      try tree.passThrough(daemon, shot: "before")
      try daemon.terminate()
      let file = "\(tree.state)/journal.sqlite"
      try FrameFactory.overwrite([UInt8](repeating: 0x55, count: 8192), in: file)
      let damaged = try Data(contentsOf: URL(fileURLWithPath: file))
      daemon = try tree.launch()
      #expect(try daemon.waitForExit() == notWritable)
      #expect(daemon.errors.contains("the journal \(file) is damaged"))
      #expect(daemon.errors.contains("move them away to start with an empty journal"))
      #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == damaged)

      // With an empty journal what lies there is known by its bytes: already there, not taken twice.
      for name in names(in: tree.state, where: { $0.bytes.starts(with: "journal.sqlite".utf8) }) {
        try tree.shell("mv", "\(tree.state)/\(name)", "\(folder.path)/\(name)")
      }
      let before = try TreeDigest(of: tree.destination)
      daemon = try tree.start()
      let job = try daemon.waitForJob(in: "done")
      #expect(try TreeDigest(of: tree.destination).difference(from: before) == [])
      #expect(try daemon.hotplate(["show", job.id]).out.contains("already there"))
    }
  }
}

private func expected(_ shot: String) -> [RelativePath: UInt64] {
  Dictionary(
    uniqueKeysWithValues: (1...3).map {
      (
        published(shot, 1000 + $0),
        contentDigest(FrameFactory.content(seed: UInt64($0), bytes: 20_000))
      )
    })
}

extension HotFolderTree {
  /// From here on each such call on the journal's WAL fails.
  fileprivate func breakJournal(_ call: String) throws {
    struct Lock: Decodable { let pid: Int32 }
    let lock = try Data(contentsOf: URL(fileURLWithPath: "\(state)/lock"))
    let pid = try JSONDecoder().decode(Lock.self, from: lock).pid
    // It ends with the process that it is attached to.
    try shell(
      "sh", "-c",
      "strace -f -qqq -e signal=none -e trace=\(call) -o /dev/null -P '\(state)/journal.sqlite-wal' "
        + "-e inject=\(call):error=EIO -p \(pid) > /dev/null 2>&1 &")
    try waitUntil("strace to hold every thread") {
      let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
      return threads.allSatisfy {
        let status = try? String(
          contentsOfFile: "/proc/\(pid)/task/\($0)/status", encoding: .utf8)
        return status.map { !$0.contains("TracerPid:\t0\n") } ?? true
      }
    }
  }

  /// Drops three frames, all of them at once.
  fileprivate func drop(_ shot: String) throws {
    try shell("mv", "--", try make(shot, frames: 3, bytes: 20_000), "\(drop)/\(shot)")
  }
}
