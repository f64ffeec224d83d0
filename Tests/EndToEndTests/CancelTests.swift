import Files
import Foundation
import Paths
import TestSupport
import Testing

/// One way to cancel a delivery while it is copied.
struct Trigger: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// The reason that the job must give.
  let code: String
  /// Where the sources are afterwards, from the test's folder; nil if the trigger removes them.
  let sourcesAfter: String?
  let pull: @Sendable (HotFolderTree, Daemon, JobView) throws -> Void

  static let all = [
    Trigger(testDescription: "touch .cancel", code: "sentinel", sourcesAfter: "drop/big") {
      tree, _, _ in try tree.touch("big/.cancel")
    },
    Trigger(testDescription: "touch STEM.cancel", code: "sentinel", sourcesAfter: "drop/big") {
      tree, _, _ in try tree.touch("big/big_v1.cancel")
    },
    Trigger(testDescription: "rm -rf", code: "source-removed", sourcesAfter: nil) { tree, _, _ in
      try tree.shell("rm", "-rf", "--", "\(tree.drop)/big")
    },
    Trigger(testDescription: "mv", code: "source-moved", sourcesAfter: "elsewhere") { tree, _, _ in
      try tree.shell("mv", "--", "\(tree.drop)/big", "\(tree.folder.path)/elsewhere")
    },
    Trigger(testDescription: "hotplate cancel", code: "user", sourcesAfter: "drop/big") {
      _, daemon, job in
      let outcome = try daemon.hotplate(["cancel", job.id, "--why", "wrong take"])
      guard outcome.status == 0 else { throw Failure("cancel: \(outcome.err)") }
    },
  ]
}

/// Each write held for a moment, so that a copy of little lasts long enough to be met.
private let withSlowWrites = [
  "strace", "-D", "-f", "-qqq", "-e", "signal=none", "-e", "trace=pwrite64", "-o", "/dev/null",
  "-e", "inject=pwrite64:delay_exit=20000", "--",
]

/// What `show --json` says of a cancelled job.
private struct Cancelled: Decodable {
  struct Cancel: Decodable {
    struct Removed: Decodable {
      let files: Int
      let bytes: Int
    }
    let removed: Removed
    let sources: [String: Int]
    let seconds: [String: Double]
  }
  let reason: JobView.Reason
  let cancel: Cancel
}

private let frames = 40
private let frameBytes = 50_000_000

extension Promises {
  @Test(
    "a cancel during the copy of 40 × 50 MB leaves the destination as it was and every source byte, within 250 ms",
    arguments: Trigger.all)
  func cancelMidCopy(by trigger: Trigger) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      try tree.makeBig()
      let sources = try TreeDigest(of: "\(folder.path)/made/big")
      // The destination holds another version of the shot: staging lies beside what must not change.
      try FrameFactory.sequence(
        in: "\(tree.destination)/shots/big/v000", frames: 1...5, bytes: 10_000
      ) { "big_v000.\($0).exr" }
      let before = try TreeDigest(of: tree.destination)
      let daemon = try tree.start()

      try tree.shell("cp", "-al", "--", "\(folder.path)/made/big", "\(tree.drop)/big")
      try waitUntil("a quarter of the frames in staging") { tree.stagedFiles() >= frames / 4 }
      let job = try #require(try daemon.jobs().first)
      #expect(["waiting", "staging"].contains(job.state), "too late to be mid-copy")

      let start = ContinuousClock.now
      try trigger.pull(tree, daemon, job)
      try waitUntil("no trace", within: .seconds(20)) { tree.hasNoTrace() }
      let elapsed = ContinuousClock.now - start

      let cancelled = try daemon.waitForJob(in: "cancelled", within: .seconds(20)) {
        $0.id == job.id
      }
      #expect(elapsed < .milliseconds(250))
      #expect(cancelled.reason?.code == trigger.code)
      #expect(try TreeDigest(of: tree.destination).difference(from: before) == [])
      if let place = trigger.sourcesAfter {
        let left = try TreeDigest(of: "\(folder.path)/\(place)")
        #expect(sources.entries.allSatisfy { left.entries[$0.key] == $0.value })
      }
      if trigger.code == "sentinel" {
        #expect(cancelled.reason?.path?.hasSuffix(".cancel") == true)
      }

      // The cancel holds: what comes after is taken, what was cancelled is not.
      try tree.passThrough(daemon)
      #expect(
        try daemon.jobs().filter { $0.id != job.id && $0.source.directory.hasSuffix("big") }
          .map(\.summary) == [])
    }
  }

  @Test(
    "a sentinel that lay there before the daemon started keeps its directory out, until it is removed"
  )
  func sentinelBeforeTheStart() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      try tree.shell(
        "cp", "-r", "--", try tree.make("sh010", frames: 10, bytes: 100_000), tree.drop)
      try tree.touch("sh010/.cancel")
      let sources = try TreeDigest(of: tree.drop)
      let daemon = try tree.start()

      try tree.passThrough(daemon)
      #expect(
        try daemon.jobs().allSatisfy {
          !$0.source.directory.hasSuffix("sh010") || $0.state == "cancelled"
        })
      #expect(access("\(tree.destination)/shots/sh010", F_OK) != 0)
      let now = try TreeDigest(of: tree.drop)
      #expect(sources.entries.allSatisfy { now.entries[$0.key] == $0.value })

      try tree.shell("rm", "--", "\(tree.drop)/sh010/.cancel")
      try daemon.waitForJob(in: "done") {
        $0.source.directory.hasSuffix("sh010") && $0.state != "cancelled"
      }
      #expect(
        try TreeDigest(of: "\(tree.destination)/shots/sh010").contents.count == 10)
    }
  }

  @Test("a sentinel dropped while the daemon was dead cancels the copy it left half done")
  func sentinelWhileDown() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      try tree.makeBig()
      var daemon = try tree.start()
      try tree.shell("cp", "-al", "--", "\(folder.path)/made/big", "\(tree.drop)/big")
      try waitUntil("a few frames in staging") { tree.stagedFiles() >= 4 }
      daemon.kill()
      #expect(!tree.hasNoTrace(), "nothing was half done")
      try tree.touch("big/.cancel")

      daemon = try tree.start()
      let job = try daemon.waitForJob(in: "cancelled")
      #expect(job.reason?.code == "sentinel")
      try waitUntil("no trace") { tree.hasNoTrace() }
      #expect(try TreeDigest(of: tree.destination).entries.isEmpty)
    }
  }

  @Test("a directory renamed inside the hot folder cancels its job and arrives under its new name")
  func renamedInside() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      try tree.makeBig()
      let daemon = try tree.start()
      try tree.shell("cp", "-al", "--", "\(folder.path)/made/big", "\(tree.drop)/big")
      try waitUntil("a few frames in staging") { tree.stagedFiles() >= 4 }
      try tree.shell("mv", "--", "\(tree.drop)/big", "\(tree.drop)/better")

      let cancelled = try daemon.waitForJob(in: "cancelled") {
        $0.source.directory.hasSuffix("big")
      }
      #expect(cancelled.reason?.code == "source-moved")
      let done = try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("better") }
      #expect(done.frames.published == frames)
    }
  }

  @Test(
    "show tells of a cancelled job what was removed, how its sources lie, who cancelled it and how long each step took; so does its JSON, without the daemon too"
  )
  func receipt() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      // As many as there are threads may be in the making: those their copy removes itself.
      let cores = ProcessInfo.processInfo.activeProcessorCount
      let frames = 24 + cores
      let made = try tree.make("sh010", frames: frames, bytes: 1_000_000)
      let daemon = try tree.start(under: withSlowWrites)
      try tree.shell("mv", "--", made, "\(tree.drop)/sh010")
      try waitUntil("some frames in staging") { tree.stagedFiles() >= 6 + cores }
      try tree.touch("sh010/.cancel")
      let job = try daemon.waitForJob(in: "cancelled")

      for isRunning in [true, false] {
        if !isRunning { try daemon.terminate() }
        let json = try daemon.hotplate(["show", job.id, "--json"])
        let shown = try JSONDecoder().decode(Cancelled.self, from: Data(json.out.utf8))
        #expect(shown.reason.by != nil)
        #expect((6...frames).contains(shown.cancel.removed.files))
        #expect((5_000_001...frames * 1_000_000).contains(shown.cancel.removed.bytes))
        #expect(
          shown.cancel.sources == ["kept": frames, "restored": 0, "changed": 0, "missing": 0])
        let seconds = shown.cancel.seconds
        let steps = try ["stopped", "removed", "ended"].map { try #require(seconds[$0]) }
        #expect(steps[0] > 0 && steps == steps.sorted(), "\(seconds)")
        #expect(try #require(seconds["recorded"]) <= steps[2])

        let text = try daemon.hotplate(["show", job.id]).out
        for words in [
          "last byte written", "in the journal", "\(shown.cancel.removed.files) staged files",
          "\(frames) where they were",
        ] {
          #expect(text.contains(words), "\(text)")
        }
      }
    }
  }

  @Test(
    "SIGTERM in the middle of a copy is no cancel: what was staged stays, and the next start ends the job"
  )
  func sigterm() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let made = try tree.make("sh010", frames: 24, bytes: 1_000_000)
      var daemon = try tree.start(under: withSlowWrites)
      try tree.shell("mv", "--", made, "\(tree.drop)/sh010")
      try waitUntil("some frames in staging") { tree.stagedFiles() >= 6 }
      #expect(try daemon.terminate() == 0)
      #expect(!tree.hasNoTrace(), "what was staged is gone")
      let job = try #require(try daemon.jobs().first)
      #expect(job.reason == nil)

      daemon = try tree.start()
      #expect(try daemon.waitForJob(in: "done").id == job.id)
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents("sh010", frames: 24, bytes: 1_000_000))
    }
  }

  @Test("a sentinel dropped after the job was done changes nothing")
  func sentinelAfterwards() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let daemon = try tree.start()
      let job = try tree.passThrough(daemon, shot: "sh010")
      let before = try TreeDigest(of: tree.destination)
      try tree.touch("sh010/.cancel")
      try tree.passThrough(daemon)
      #expect(try daemon.jobs().first { $0.id == job.id }?.state == "done")
      let now = try TreeDigest(of: tree.destination)
      #expect(before.entries.allSatisfy { now.entries[$0.key] == $0.value })
    }
  }
}

extension HotFolderTree {
  /// 40 frames of 50 MB in `made/big`, none sparse, and on disk before anything is measured.
  ///
  /// Tests drop them as hard links, which takes no time and no second 2 GB: a copy cannot tell.
  fileprivate func makeBig() throws {
    let made = try folder.makeDirectory("made/big")
    let content = FrameFactory.content(seed: 1, bytes: frameBytes)
    for frame in 1...frames {
      var own = content
      own.replaceSubrange(0..<8, with: withUnsafeBytes(of: frame) { Array($0) })
      try FrameFactory.write(own, to: Array("\(made)/big_v1.\(frame).exr".utf8))
    }
    try shell("sync", "-f", made)
  }
}
