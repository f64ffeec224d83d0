import Files
import Foundation
import Paths

/// A hot folder, a destination, rules and a state directory of one test's own, on one file system if not said otherwise.
public struct HotFolderTree: Sendable {
  public let folder: TemporaryFolder
  /// The hot folder.
  public let drop: String
  /// The destination.
  public let destination: String
  public let rules: String
  public let state: String

  /// - Parameters:
  ///   - rules: the text of the one rule file, `rules/10-test.yaml`.
  ///   - destinationFolder: where the destination lies, if elsewhere.
  public init(
    in folder: TemporaryFolder, rules text: String,
    destinationIn destinationFolder: TemporaryFolder? = nil
  ) throws {
    self.folder = folder
    drop = try folder.makeDirectory("drop")
    destination = try (destinationFolder ?? folder).makeDirectory("destination")
    rules = try folder.makeDirectory("rules")
    state = try folder.makeDirectory("state")
    try text.write(toFile: "\(rules)/10-test.yaml", atomically: true, encoding: .utf8)
  }

  /// Starts the daemon on this tree and waits for its `ready:` line.
  public func start(under wrapper: [String] = []) throws -> Daemon {
    let daemon = try launch(under: wrapper)
    try daemon.waitUntilReady()
    return daemon
  }

  /// Starts the daemon on this tree.
  ///
  /// - Parameter wrapper: a program and its arguments that runs the daemon, as `strace … --` does.
  public func launch(under wrapper: [String] = [], _ more: [String] = []) throws -> Daemon {
    let daemon = try Daemon(
      under: wrapper,
      arguments: [
        "watch", "--in", drop, "--to", destination, "--rules", rules, "--state", state,
      ] + (more.contains("--listen") ? [] : ["--no-listen"]) + more,
      state: state)
    folder.cleanUp { daemon.kill() }
    return daemon
  }

  /// Leaves an empty file behind, as `touch` does.
  public func touch(_ name: String) throws {
    try FrameFactory.write([], to: Array("\(drop)/\(name)".utf8))
  }

  /// Drops one short sequence, waits until its job is done, and gives that job.
  ///
  /// Arrivals are looked at in order, so that whatever came before it has been seen by then: where nothing must
  /// happen, this is what to wait for.
  @discardableResult
  public func passThrough(_ daemon: Daemon, shot: String = "after") throws -> JobView {
    try FrameFactory.sequence(in: "\(drop)/\(shot)", frames: 1...2, bytes: 100) {
      "\(shot)_v001.\($0).exr"
    }
    return try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix(shot) }
  }

  /// How many files lie in staging now, whole or in the making.
  public func stagedFiles() -> Int {
    leftovers(in: destination).reduce(0) { $0 + fileCount(in: "\($1)/tree") }
  }

  /// The directories of Hotplate's own: staging at the destination, claims in the hot folder.
  public func traces() -> [String] { leftovers(in: destination) + leftovers(in: drop) }
}

/// The names in a directory that `include` takes; none if it is not there.
public func names(in directory: String, where include: (FileName) -> Bool) -> [String] {
  guard let open = try? Descriptor.directory(at: directory), let entries = try? open.entries()
  else { return [] }
  return entries.filter { include($0.name) }.map { String(decoding: $0.name.bytes, as: UTF8.self) }
}

/// Where `.hotplate-…` lies at or below a directory that others may be changing.
private func leftovers(in directory: String) -> [String] {
  guard let open = try? Descriptor.directory(at: directory), let entries = try? open.entries()
  else { return [] }
  return entries.filter { $0.kind == .directory }.flatMap { entry in
    let path = "\(directory)/\(String(decoding: entry.name.bytes, as: UTF8.self))"
    return isStaging(entry.name) ? [path] : leftovers(in: path)
  }
}

/// Whether a name is one of Hotplate's own: `.hotplate-JOBID`.
public func isStaging(_ name: FileName) -> Bool { name.bytes.starts(with: ".hotplate-".utf8) }

/// Counts the files at and below a directory that others may be changing.
private func fileCount(in directory: String) -> Int {
  guard let open = try? Descriptor.directory(at: directory), let entries = try? open.entries()
  else { return 0 }
  return entries.reduce(0) { sum, entry in
    guard entry.kind == .directory else { return sum + 1 }
    return sum + fileCount(in: "\(directory)/\(String(decoding: entry.name.bytes, as: UTF8.self))")
  }
}
