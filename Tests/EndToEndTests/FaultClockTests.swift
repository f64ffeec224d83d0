import Files
import Foundation
import Paths
import TestSupport
import Testing

extension Promises {
  @Test(
    "a clock that jumps a day, on or back, starts no sequence early and stalls none, and ids still rise"
  )
  func clockJumps() async throws {
    try await inTemporaryFolder { folder in
      let quiet = Duration.seconds(2)
      let tree = try HotFolderTree(in: folder, rules: rules(quiet: "2s"))
      let clock = "\(folder.path)/clock"
      let seconds = { (jump: Int) in withUnsafeBytes(of: Int64(jump)) { Array($0) } }
      try FrameFactory.write(seconds(0), to: Array(clock.utf8))
      let library = (try Daemon.program as NSString).deletingLastPathComponent + "/libfalseclock.so"
      let daemon = try tree.start(under: ["env", "LD_PRELOAD=\(library)", "FALSECLOCK=\(clock)"])
      var created: [String] = []
      for (number, jump) in [86_400, -86_400, 0].enumerated() {
        let shot = "sh01\(number)"
        let dropped = ContinuousClock.now
        try FrameFactory.sequence(in: "\(tree.drop)/\(shot)", frames: 1...2, bytes: 1000) {
          "\(shot)_v1.\($0).exr"
        }
        // Seen by the old time, and settled by the new one.
        try daemon.waitForJob(in: "waiting") { $0.source.directory.hasSuffix(shot) }
        try FrameFactory.overwrite(seconds(jump), in: clock)
        try daemon.waitForJob(in: "done", within: .seconds(30)) {
          $0.source.directory.hasSuffix(shot)
        }
        #expect(ContinuousClock.now - dropped >= quiet)
        created.append(try #require(daemon.jobs().first).created)
      }
      let jobs = try daemon.jobs()
      #expect(jobs.map { $0.source.directory.suffix(5) } == ["sh012", "sh011", "sh010"])
      #expect(jobs.map(\.id) == jobs.map(\.id).sorted(by: >))
      // It did jump: the third was seen two days before the second.
      #expect(created[2] < created[0] && created[0] < created[1])
    }
  }

  @Test(
    "frames of 1965, 1970 and 2050 are settled, copied and moved like others, keep their times and are not taken again",
    arguments: ["copy", "move"])
  func oddTimes(_ transfer: String) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(transfer: transfer, quiet: "10ms"))
      let made = try tree.make("sh010", frames: 4, bytes: 3000)
      let times = [
        "1965-03-04 05:06:07.25Z", "1970-01-01 00:00:00Z", "2050-01-01 00:00:00.5Z", "2037-12-31Z",
      ]
      for (frame, time) in zip(1..., times) {
        try tree.shell("touch", "-d", time, "\(made)/sh010_v1.\(frame).exr")
      }
      let before = try TreeDigest(of: made).entries
      try tree.shell("cp", "-pr", made, tree.drop)
      for _ in 1...2 {
        let outcome = try tree.ingest()
        #expect(outcome.status == 0, "\(outcome.err)")
        let after = try TreeDigest(of: tree.destination).entries
        for frame in 1...4 {
          let old = before[RelativePath("sh010_v1.\(frame).exr")!]
          #expect(after[published("sh010", 1000 + frame)]?.digest == old?.digest)
          #expect(after[published("sh010", 1000 + frame)]?.modified == old?.modified)
        }
        #expect(try tree.journalledJobs().map(\.state) == ["done"])
      }
      #expect(try TreeDigest(of: tree.drop).contents.count == (transfer == "move" ? 0 : 4))
    }
  }

  @Test(
    "a storm of renames, names swapped over and over, ends in one job for what lies there at its end"
  )
  func renameStorm() async throws {
    let swaps = isFullSize ? 10_000 : 3000
    try await inTemporaryFolder { folder in
      var numbers = SeededNumbers()
      let tree = try HotFolderTree(in: folder, rules: rules(quiet: "1s"))
      let daemon = try tree.start()
      let directory = "\(tree.drop)/sh010"
      try FrameFactory.sequence(in: directory, frames: 1...20, bytes: 1000) { "sh010_v1.\($0).exr" }
      func name(_ frame: Int) -> String { "\(directory)/sh010_v1.\(frame).exr" }
      for _ in 1...swaps {
        let (a, b) = (
          Int.random(in: 1...20, using: &numbers), Int.random(in: 1...20, using: &numbers)
        )
        // Out of the sequence, and back under the other's name.
        #expect(rename(name(a), "\(directory)/.swap") == 0)
        if a != b { #expect(rename(name(b), name(a)) == 0) }
        #expect(rename("\(directory)/.swap", name(b)) == 0)
      }
      try daemon.waitForJob(in: "done")
      try tree.passThrough(daemon)
      let sources = try TreeDigest(of: tree.drop).contents
      let arrived = try TreeDigest(of: tree.destination).contents
      for frame in 1...20 {
        let there = arrived[published("sh010", 1000 + frame)]
        #expect(
          there == sources[RelativePath("sh010/sh010_v1.\(frame).exr")!], "seed \(numbers.seed)")
      }
      let ended = try daemon.jobs().filter { $0.source.directory.hasSuffix("sh010") }
      #expect(ended.map(\.state) == ["done"], "seed \(numbers.seed): \(ended.map(\.summary))")
    }
  }

  @Test("what comes while the kernel's queue of events runs over is delivered, once")
  func overflow() async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let daemon = try tree.start()
      let noise = try folder.makeDirectory("drop/noise")
      try tree.passThrough(daemon, shot: "before")
      try tree.overflow(daemon, in: noise) {
        try FrameFactory.sequence(in: "\(tree.drop)/sh010", frames: 1...3, bytes: 1000) {
          "sh010_v1.\($0).exr"
        }
      }
      try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("sh010") }
      try tree.passThrough(daemon)
      #expect(try tree.metric("hotplate_event_overflows_total") > 0)
      #expect(
        try daemon.jobs().map { $0.source.directory.split(separator: "/").last } == [
          "after", "sh010", "before",
        ])
      #expect(
        try TreeDigest(of: tree.destination).contents.filter {
          $0.key.isAtOrBelow(RelativePath("shots/sh010")!)
        }
          == tree.expectedContents("sh010", frames: 3, bytes: 1000))
    }
  }
}

extension HotFolderTree {
  /// Has the kernel's queue of events run over, in a directory that is watched; what `meanwhile` does is not told.
  func overflow(_ daemon: Daemon, in directory: String, meanwhile: () throws -> Void = {}) throws {
    let limit = try String(
      contentsOfFile: "/proc/sys/fs/inotify/max_queued_events", encoding: .utf8)
    daemon.stopForNow()
    defer { daemon.goOn() }
    // Each is two events.
    for number in 0...(Int(limit.filter(\.isNumber)) ?? 16_384) {
      try FrameFactory.write([], to: Array("\(directory)/n\(number)".utf8))
    }
    try meanwhile()
  }
}
