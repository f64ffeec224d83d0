import Files
import Foundation
import Paths
import TestSupport
import Testing

private let shot = "sh010"
private let frames = 24
private let bytes = 2_000_000

/// A moment in the life of a job, as it shows on disk.
enum Moment: Sendable, CaseIterable {
  case stagingAppears, someFramesStaged, allFramesStaged, firstFramePublished, someSourcesRemoved

  func hasCome(in tree: HotFolderTree) -> Bool {
    switch self {
    case .stagingAppears: !tree.traces().isEmpty
    case .someFramesStaged: tree.stagedFiles() >= frames / 3
    case .allFramesStaged: tree.stagedFiles() >= frames
    case .firstFramePublished:
      access("\(tree.destination)/\(published(shot, 1001))", F_OK) == 0
    case .someSourcesRemoved: names(in: "\(tree.drop)/\(shot)") { !isStaging($0) }.count < frames
    }
  }
}

extension Promises {
  @Test(
    "a move cut off by kill -9 has every frame in the source or whole at the destination, and the next start ends it",
    arguments: Moment.allCases)
  func killedMove(at moment: Moment) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(transfer: "move"))
      let made = try tree.make(shot, frames: frames, bytes: bytes)
      var daemon = try tree.start()
      try tree.shell("mv", "--", made, "\(tree.drop)/\(shot)")
      // A move within one file system is quick: past its moment, the job is at its end, and that must hold too.
      try waitUntil("\(moment); \(daemon.errors)") {
        moment.hasCome(in: tree)
          || access("\(tree.destination)/\(published(shot, 1001))", F_OK) == 0
      }
      daemon.kill()
      #expect(try tree.framesThatAreNowhere() == [])

      daemon = try tree.start()
      try daemon.waitForJob(in: "done")
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents(shot, frames: frames, bytes: bytes))
      #expect(try TreeDigest(of: tree.drop).contents == [:], "a move takes its sources away")
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
    }
  }

  @Test(
    "a move cut off by a cancel has every frame in the source or whole at the destination, and its state says which",
    arguments: Moment.allCases)
  func cancelledMove(at moment: Moment) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(transfer: "move"))
      let made = try tree.make(shot, frames: frames, bytes: bytes)
      let daemon = try tree.start()
      try tree.shell("mv", "--", made, "\(tree.drop)/\(shot)")
      try waitUntil("\(moment); \(daemon.errors)") {
        moment.hasCome(in: tree)
          || access("\(tree.destination)/\(published(shot, 1001))", F_OK) == 0
      }
      try tree.touch("\(shot)/.cancel")

      let job = try daemon.waitForJob(in: "done", "cancelled")
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
      let expected = tree.expectedContents(shot, frames: frames, bytes: bytes)
      let arrived = try TreeDigest(of: tree.destination).contents
      #expect(try tree.framesThatAreNowhere() == [])
      #expect(arrived == (job.state == "done" ? expected : [:]))
    }
  }

  /// Where `kill -9` strikes: at the nth call of that name by one thread.
  @Test(
    "kill -9 in the middle of a copy, then a start: the delivery is published whole, once, and nothing is left over",
    arguments: [
      "mkdirat", "openat2", "fallocate", "pwrite64", "fdatasync", "fsync", "renameat2", "unlinkat",
    ])
  func killedCopy(at call: String) async throws {
    try await inTemporaryFolder { folder in
      var numbers = SeededNumbers()
      let tree = try HotFolderTree(in: folder, rules: rules())
      try tree.shell(
        "cp", "-r", "--", try tree.make(shot, frames: frames, bytes: 100_000), tree.drop)
      let expected = tree.expectedContents(shot, frames: frames, bytes: 100_000)

      // Three times in a row: a recovery can be cut off as well.
      for round in 1...3 {
        let nth = Int.random(in: 1...(round == 1 ? 6 : 20), using: &numbers)
        let strace = [
          "strace", "-D", "-f", "-qqq", "-e", "signal=none", "-e", "trace=\(call)", "-o",
          "/dev/null",
          "-e", "inject=\(call):signal=KILL:when=\(nth)", "--",
        ]
        let daemon = try tree.launch(under: strace)
        try waitUntil("the kill or the end, seed \(numbers.seed)") {
          !daemon.isRunning || access("\(tree.destination)/\(published(shot, 1001))", F_OK) == 0
        }
        daemon.kill()
        let arrived = try TreeDigest(of: tree.destination).entries
          .filter { !$0.key.components.contains(where: isStaging) && $0.value.kind == .file }
        #expect(
          arrived.isEmpty || arrived.mapValues(\.digest) == expected,
          "a part was seen after a kill at \(call) \(nth), seed \(numbers.seed)")
      }

      let daemon = try tree.start()
      try daemon.waitForJob(in: "done")
      #expect(
        try TreeDigest(of: tree.destination).contents == expected, "seed \(numbers.seed)")
      #expect(try daemon.jobs().filter { $0.state == "done" }.count == 1)
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
    }
  }
}

extension HotFolderTree {
  /// Frames that lie whole neither in the hot folder nor under their final name.
  fileprivate func framesThatAreNowhere() throws -> [Int] {
    let sources = try TreeDigest(of: drop).contents
    let arrived = try TreeDigest(of: destination).contents
    return (1...frames).filter { frame in
      let content = contentDigest(FrameFactory.content(seed: UInt64(frame), bytes: bytes))
      let source = RelativePath("\(shot)/\(shot)_v1.\(frame).exr")!
      return sources[source] != content && arrived[published(shot, 1000 + frame)] != content
    }
  }
}
