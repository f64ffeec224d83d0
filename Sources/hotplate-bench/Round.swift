import Foundation
import Glibc
import TestSupport

/// One arrival after another, moved into the hot folder and out of it again.
struct Round {
  static let rules = """
    hotplate: 1
    rules:
      - rule: rounds
        match: '{shot}/frame.{frame}.exr'
        to: '{shot}/frame.{frame:04d}.exr'
        ready: { quiet: 20ms, whole: no }
    """

  let tree: HotFolderTree
  let daemon: Daemon
  let outside: String
  let source: Frames

  /// - Returns: seconds that a whole delivery takes, from its staging to its publication.
  func whole(_ name: String) throws -> Double {
    try source.warm("\(outside)/frames")
    sync()
    try move("\(outside)/frames", "\(tree.drop)/\(name)")
    let began = try waitForStaging()
    let published = "\(tree.destination)/\(name)"
    while access(published, F_OK) != 0 {
      guard seconds(now() - began) < 60 else { throw BenchmarkError("\(name) is not published") }
      usleep(200)
    }
    let took = seconds(now() - began)
    try waitUntil("staging to be gone") { tree.traces().isEmpty }
    try move("\(tree.drop)/\(name)", "\(outside)/frames")
    try execute("rm", "-rf", "--", published)
    return took
  }

  func waitForStaging() throws -> Int {
    let since = now()
    while tree.stagingName.isEmpty {
      guard seconds(now() - since) < 60 else { throw BenchmarkError("nothing is staged") }
      usleep(200)
    }
    return now()
  }

  func move(_ from: String, _ to: String) throws {
    guard rename(from, to) == 0 else {
      throw BenchmarkError("rename \(from) \(to): \(String(cString: strerror(errno)))")
    }
  }
}

extension HotFolderTree {
  /// Of the one job that is under way; empty without one.
  var stagingName: String {
    names(in: destination, where: isStaging).first ?? ""
  }
}
