import Files
import Foundation
import Paths
import TestSupport
import Testing

private let shot = "sh010"
private let frames = 24
private let bytes = 2_000_000

/// A move within one file system is over in an instant. Each rename held for a moment, before and after it, makes every
/// state between the commit and the end last long enough to be met.
private let withSlowRenames = [
  "strace", "-D", "-f", "-qqq", "-e", "signal=none", "-e", "trace=renameat2", "-o", "/dev/null",
  "-e", "inject=renameat2:delay_enter=20000:delay_exit=20000", "--",
]

/// A moment in the life of a job, as it shows on disk.
enum Moment: Sendable, CaseIterable {
  case stagingAppears, someFramesStaged, allFramesStaged, firstFramePublished, someSourcesRemoved

  /// Whether a cancel comes too late by then.
  var isPastTheCommit: Bool { self == .firstFramePublished || self == .someSourcesRemoved }

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
      var daemon = try tree.start(under: withSlowRenames)
      try tree.shell("mv", "--", made, "\(tree.drop)/\(shot)")
      // Past its moment, the job is near its end, and that must hold too.
      try waitUntil("\(moment); \(daemon.errors)") {
        moment.hasCome(in: tree) || Moment.someSourcesRemoved.hasCome(in: tree)
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
      let daemon = try tree.start(under: withSlowRenames)
      try tree.shell("mv", "--", made, "\(tree.drop)/\(shot)")
      try waitUntil("\(moment); \(daemon.errors)") {
        moment.hasCome(in: tree) || Moment.someSourcesRemoved.hasCome(in: tree)
      }
      try tree.touch("\(shot)/.cancel")

      let job = try daemon.waitForJob(in: "done", "cancelled")
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
      let expected = tree.expectedContents(shot, frames: frames, bytes: bytes)
      let arrived = try TreeDigest(of: tree.destination).contents
      #expect(try tree.framesThatAreNowhere() == [])
      #expect(arrived == (job.state == "done" ? expected : [:]))
      if moment.isPastTheCommit {
        #expect(job.state == "done", "what was published was taken back")
      }
    }
  }

  @Test(
    "kill -9 in the middle of a delivery, again and again, then a start: it is published whole, once, and nothing is left over",
    arguments: Strike.all)
  func killedDelivery(at strike: Strike) async throws {
    try await inTemporaryFolder { folder in
      var numbers = SeededNumbers()
      let tree = try HotFolderTree(in: folder, rules: rules(transfer: strike.transfer))
      try tree.shell(
        "mv", "--", try tree.make(shot, frames: frames, bytes: bytes), "\(tree.drop)/\(shot)")
      let expected = tree.expectedContents(shot, frames: frames, bytes: bytes)

      // Each kill strikes about as late as the one before it or later: at the start, in the work, in the recoveries
      // from those kills, until one delivery comes to its end.
      var nth = 1
      var cutsShort = 0
      var isDelivered = false
      while !isDelivered {
        let daemon = try tree.launch(under: strike.killer(at: nth))
        try waitUntil("the kill or the end, seed \(numbers.seed)") {
          isDelivered =
            access("\(tree.destination)/\(published(shot, 1001))", F_OK) == 0 && tree.hasNoTrace()
          return isDelivered || !daemon.isRunning
        }
        daemon.kill()
        if !tree.hasNoTrace() { cutsShort += 1 }
        let arrived = try TreeDigest(of: tree.destination).entries
          .filter { !$0.key.components.contains(where: isStaging) && $0.value.kind == .file }
        #expect(
          arrived.isEmpty || arrived.mapValues(\.digest) == expected,
          "a part was seen after a kill at \(strike) \(nth), seed \(numbers.seed)")
        if strike.transfer == "move" {
          #expect(
            try tree.framesThatAreNowhere() == [],
            "after a kill at \(strike) \(nth), seed \(numbers.seed)")
        }
        nth += Int.random(in: 0...nth, using: &numbers)
      }
      if strike.beginsInStaging {
        #expect(cutsShort > 0, "no kill struck while there was staging, seed \(numbers.seed)")
      }

      let daemon = try tree.start()
      let job = try daemon.waitForJob(in: "done")
      #expect(
        try TreeDigest(of: tree.destination).contents == expected, "seed \(numbers.seed)")
      if strike.transfer == "move" { #expect(try TreeDigest(of: tree.drop).contents == [:]) }
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
      try tree.passThrough(daemon)
      #expect(
        try daemon.jobs().filter { $0.source.directory.hasSuffix(shot) }.map(\.id) == [job.id],
        "it was taken again, seed \(numbers.seed)")
    }
  }
}

/// Where `kill -9` strikes: at the nth call of that name by one thread.
struct Strike: Sendable, CustomTestStringConvertible {
  let transfer: String
  let call: String

  static let all =
    ["mkdirat", "openat2", "fallocate", "pwrite64", "fdatasync", "fsync", "renameat2"]
    .map { Strike(transfer: "copy", call: $0) }
    + ["linkat", "fdatasync", "renameat2", "unlinkat"].map { Strike(transfer: "move", call: $0) }

  var testDescription: String { "\(transfer), \(call)" }

  /// Whether no thread makes this call before there is staging.
  var beginsInStaging: Bool { ["fallocate", "linkat", "renameat2"].contains(call) }

  func killer(at nth: Int) -> [String] {
    [
      "strace", "-D", "-f", "-qqq", "-e", "signal=none", "-e", "trace=\(call)", "-o", "/dev/null",
      "-e", "inject=\(call):signal=KILL:when=\(nth)", "--",
    ]
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
