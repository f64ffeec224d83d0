import Files
import Foundation
import Glibc
import Paths
import TestSupport
import Testing

/// Root may read everything, unless it is told not to.
private let unprivileged =
  geteuid() == 0
  ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"] : []

/// What an odd sentinel reaches, and what the daemon cannot look at.
extension Promises {
  enum OddSentinel: String, CaseIterable, Sendable {
    case file, otherCase, dangling, outwards, directory, gigabyte
  }

  @Test(
    "a sentinel in a sub-directory cancels what lies there and no more, whatever it is, and is neither read, followed nor taken",
    arguments: OddSentinel.allCases)
  func sentinelScope(_ sentinel: OddSentinel) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let made = try folder.makeDirectory("made")
      for shot in ["sa010", "sb010"] {
        try FrameFactory.sequence(in: "\(made)/\(shot)", frames: 1...3, bytes: 1000) {
          "\(shot)_v1.\($0).exr"
        }
      }
      try FrameFactory.sequence(in: "\(made)/elsewhere", frames: 1...3, bytes: 1000) {
        "so010_v1.\($0).exr"
      }
      let place = "\(made)/sa010/\(sentinel == .otherCase ? ".CANCEL" : ".cancel")"
      switch sentinel {
      case .file, .otherCase: try FrameFactory.write([], to: Array(place.utf8))
      case .dangling: try tree.shell("ln", "-s", "nothing", place)
      case .outwards: try tree.shell("ln", "-s", "\(made)/elsewhere", place)
      case .directory: try tree.shell("cp", "-r", "\(made)/elsewhere", place)
      case .gigabyte: try tree.shell("truncate", "-s", "1G", place)
      }
      let daemon = try tree.start()
      let before = try TreeDigest(of: "\(made)/sa010")
      try tree.shell("mv", "--", "\(made)/sa010", "\(made)/sb010", tree.drop)
      try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("sb010") }
      try tree.passThrough(daemon)
      #expect(
        Set(names(in: "\(tree.destination)/shots") { _ in true }) == ["sb010", "after"])
      #expect(
        try daemon.jobs().allSatisfy {
          $0.state == "cancelled"
            || ["sb010", "after"].contains(where: $0.source.directory.hasSuffix)
        })
      #expect(try TreeDigest(of: "\(tree.drop)/sa010") == before)
      let account = try String(contentsOfFile: "/proc/\(daemon.process)/io", encoding: .utf8)
      let read = account.split(separator: "\n").first.flatMap { Int($0.dropFirst("rchar: ".count)) }
      #expect(try #require(read) < 100_000_000, "the sentinel was read")
    }
  }

  @Test(
    "a directory that may not be read is named, and read as soon as it may be")
  func unreadableDirectory() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(quiet: "1h"))
      try FrameFactory.sequence(in: "\(tree.drop)/sh010/sub", frames: 1...3, bytes: 1000) {
        "sh010_v1.\($0).exr"
      }
      let daemon = try tree.start(under: unprivileged)
      let waiting = try daemon.waitForJob(in: "waiting")
      try tree.shell("chmod", "0", "\(tree.drop)/sh010")
      try daemon.terminate()
      let again = try tree.start(under: unprivileged)
      let arrivals = try again.hotplate(["arrivals"])
      #expect(arrivals.out.contains("sh010"), "\(arrivals.out)")
      #expect(arrivals.out.contains("cannot be read: Permission denied"), "\(arrivals.out)")
      #expect(try again.jobs().isEmpty, "something is known of what cannot be seen")
      // Tried again by itself.
      try tree.shell("chmod", "755", "\(tree.drop)/sh010")
      let back = try again.waitForJob(in: "waiting")
      #expect(back.source.pattern == waiting.source.pattern)
    }
  }
  @Test("what waits below a directory that may not be read any more is not taken for removed")
  func unreadableWhileWatched() async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(quiet: "1h"))
      try FrameFactory.sequence(in: "\(tree.drop)/sh010/sub", frames: 1...3, bytes: 1000) {
        "sh010_v1.\($0).exr"
      }
      let noise = try folder.makeDirectory("drop/noise")
      let daemon = try tree.start(under: unprivileged)
      let waiting = try daemon.waitForJob(in: "waiting")
      try tree.shell("chmod", "0", "\(tree.drop)/sh010")
      // Lost events have the daemon look at everything again.
      try tree.overflow(daemon, in: noise)
      try waitUntil("it to be named") {
        try daemon.hotplate(["arrivals"]).out.contains("cannot be read: Permission denied")
      }
      #expect(try tree.metric("hotplate_event_overflows_total") > 0)
      #expect(try daemon.jobs().map(\.id) == [waiting.id])
      #expect(try daemon.jobs().map(\.state) == ["waiting"])
      try tree.shell("chmod", "755", "\(tree.drop)/sh010")
      try waitUntil("it to be read again") {
        try !daemon.hotplate(["arrivals"]).out.contains("cannot be read")
      }
      #expect(try daemon.jobs().map(\.id) == [waiting.id])
    }
  }
}
