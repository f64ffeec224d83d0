import Files
import Foundation
import Paths
import TestSupport
import Testing

/// Where a second daemon looks, seen from the hot folder `drop` of the first.
enum SecondPlace: String, Sendable, CaseIterable, CustomTestStringConvertible {
  case same = "the same folder"
  case above = "the folder above it"
  case below = "a folder in it"
  case boundSame = "a bind mount of it"
  case boundAbove = "a bind mount of the folder above it"
  case boundBelow = "a bind mount of a folder in it"
  case insideBound = "a folder in a bind mount of it"

  var testDescription: String { rawValue }

  /// - Returns: the second daemon's hot folder.
  func folder(in tree: HotFolderTree) throws -> String {
    let drop = "\(tree.folder.path)/vendor/drop"
    let deep = "\(drop)/a/b"
    let other = try tree.folder.makeDirectory("bound")
    switch self {
    case .same: return drop
    case .above: return "\(tree.folder.path)/vendor"
    case .below: return deep
    case .boundSame: return try tree.bind(drop, to: other)
    case .boundAbove: return try tree.bind("\(tree.folder.path)/vendor", to: other)
    case .boundBelow: return try tree.bind(deep, to: other)
    case .insideBound: return try tree.bind(drop, to: other) + "/a/b"
    }
  }
}

extension Promises {
  @Test(
    "a second daemon whose hot folder overlaps the first one's ends with exit 75 and names process, host and start",
    arguments: SecondPlace.allCases)
  func overlappingDaemon(on place: SecondPlace) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let drop = try folder.makeDirectory("vendor/drop")
      _ = try folder.makeDirectory("vendor/drop/a/b")
      let first = try tree.watch(drop, state: "one")
      try first.waitUntilReady()

      let second = try tree.watch(try place.folder(in: tree), state: "two")
      #expect(try second.waitForExit() == 75)
      try expect(second, toName: first)
      #expect(first.isRunning)

      // And the other way round: whichever came first keeps the other out.
      try first.terminate()
      let third = try tree.watch(try place.folder(in: tree), state: "two")
      try third.waitUntilReady()
      let fourth = try tree.watch(drop, state: "one")
      #expect(try fourth.waitForExit() == 75)
      try expect(fourth, toName: third)
      try third.terminate()
    }
  }

  @Test("daemons on sibling folders, with one destination, live side by side")
  func siblings() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      for (name, shot) in [("one", "sh010"), ("two", "sh020")] {
        let drop = try folder.makeDirectory("vendor/\(name)")
        let daemon = try tree.watch(drop, state: name)
        try daemon.waitUntilReady()
        try FrameFactory.sequence(in: "\(drop)/\(shot)", frames: 1...2, bytes: 100) {
          "\(shot)_v1.\($0).exr"
        }
        try daemon.waitForJob(in: "done")
      }
    }
  }

  @Test(
    "a second daemon on the same state directory ends with exit 75 and names process, host and start; a lock whose holder was killed is taken over"
  )
  func sameStateDirectory() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let first = try tree.watch(tree.drop, state: "state")
      try first.waitUntilReady()
      let elsewhere = try folder.makeDirectory("elsewhere")
      let second = try tree.watch(elsewhere, state: "state")
      #expect(try second.waitForExit() == 75)
      try expect(second, toName: first)

      first.kill()
      let third = try tree.watch(tree.drop, state: "state")
      try third.waitUntilReady()
      try tree.passThrough(third)
    }
  }

  @Test(
    "hot folders of one configuration that overlap through a bind mount are refused with exit 65")
  func overlapInOneConfiguration() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      _ = try folder.makeDirectory("drop/a/b")
      let bound = try tree.bind("\(tree.drop)/a", to: try folder.makeDirectory("bound"))
      for other in [bound, "\(bound)/b", "\(tree.drop)/a"] {
        try """
        roots: { default: \(tree.destination) }
        hot_folders: [{ path: \(tree.drop) }, { path: \(other), name: other }]
        rules: \(tree.rules)
        state: \(tree.state)
        """.write(toFile: "\(folder.path)/hotplate.yaml", atomically: true, encoding: .utf8)
        let outcome = try Command.run([
          "timeout", "60", try Daemon.program, "watch", "--config", "\(folder.path)/hotplate.yaml",
        ])
        #expect(outcome.status == 65, "\(other): \(outcome.err)")
        #expect(outcome.err.contains("overlap"))
      }
      // What is published into a part of the hot folder would arrive there.
      let outcome = try Command.run([
        "timeout", "60", try Daemon.program, "watch", "--in", tree.drop, "--to", bound, "--rules",
        tree.rules, "--state", tree.state,
      ])
      #expect(outcome.status == 65, "\(outcome.err)")
    }
  }

  @Test(
    "staging of another state directory is neither used nor removed, and its own daemon goes on with it"
  )
  func foreignStaging() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let made = try tree.make("sh010", frames: 24, bytes: 1_000_000)
      var first = try tree.start(under: [
        "strace", "-D", "-f", "-qqq", "-e", "signal=none", "-e", "trace=pwrite64", "-o",
        "/dev/null", "-e", "inject=pwrite64:delay_exit=20000", "--",
      ])
      try tree.shell("mv", "--", made, "\(tree.drop)/sh010")
      try waitUntil("a third of the frames in staging") { tree.stagedFiles() >= 8 }
      first.kill()
      let left = try TreeDigest(of: tree.destination)
      #expect(!tree.hasNoTrace(), "nothing was half done")

      let other = try folder.makeDirectory("other")
      let second = try tree.watch(other, state: "other-state")
      try second.waitUntilReady()
      try FrameFactory.sequence(in: "\(other)/sh020", frames: 1...2, bytes: 100) {
        "sh020_v1.\($0).exr"
      }
      try second.waitForJob(in: "done")
      try second.terminate()
      let now = try TreeDigest(of: tree.destination)
      #expect(left.entries.allSatisfy { now.entries[$0.key] == $0.value })

      first = try tree.start()
      try first.waitForJob(in: "done")
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
    }
  }

  /// Its last words may come through the pipe a moment after its end.
  private func expect(_ second: Daemon, toName first: Daemon) throws {
    let host = ProcessInfo.processInfo.hostName
    try waitUntil("the first one's name; it said \(second.errors)", within: .seconds(10)) {
      second.errors.contains("process \(first.process) on \(host) since 20")
    }
  }
}

extension HotFolderTree {
  /// Shows a directory at a second place, until the test ends.
  fileprivate func bind(_ directory: String, to other: String) throws -> String {
    // A test may ask twice.
    if try Command.run(["mountpoint", "-q", other]).status == 0 { return other }
    guard try Command.run(["mount", "--bind", directory, other]).status == 0 else {
      try Test.cancel("this machine does not allow bind mounts")
    }
    folder.cleanUp { _ = try? Command.run(["umount", "-l", other]) }
    return other
  }

  /// Starts a daemon with this tree's rules and destination on another hot folder.
  fileprivate func watch(_ drop: String, state: String) throws -> Daemon {
    let state = "\(folder.path)/\(state)"
    let daemon = try Daemon(
      arguments: [
        "watch", "--in", drop, "--to", destination, "--rules", rules, "--state", state,
        "--no-listen",
      ], state: state)
    folder.cleanUp { daemon.kill() }
    return daemon
  }
}
