import Files
import Foundation
import Glibc
import Paths
import TestSupport

/// The directories, the rules and the small file system of one soak.
final class SoakGround {
  /// How a rule treats the frames of a drop, and where they go.
  enum Kind: String, CaseIterable {
    case strangers, copies, replacements, moves, links, narrow, far

    /// What the names of its frames begin with.
    var letter: Character { rawValue.first! }
    /// Whether its frames go to the small file system.
    var isNarrow: Bool { self == .narrow || self == .far }
    /// A link shares its bytes with its source: whoever writes over one in place changes both.
    var mayBeWrittenInPlace: Bool { self != .moves && self != .links && self != .far }
  }

  let path: String
  let drop: String
  /// Where owners make frames and where they move them away to; the same file system as the hot folder.
  let made: String
  let outside: String
  let wide: String
  /// On the small file system; nil where none can be mounted.
  let narrow: String?
  let state: String
  let configuration: String
  let program: String

  private let mount: String
  private let narrowBytes = 64 << 20

  init(in directory: String, program: String) throws {
    self.program = program
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    guard let resolved = realpath(directory, nil) else { throw SystemError("realpath", directory) }
    defer { free(resolved) }
    path = String(cString: resolved) + "/hotplate-soak-\(getpid())"
    drop = "\(path)/drop"
    made = "\(path)/made"
    outside = "\(path)/outside"
    wide = "\(path)/wide"
    state = "\(path)/state"
    mount = "\(path)/narrow"
    configuration = "\(path)/hotplate.yaml"
    for place in [drop, made, outside, wide, state, mount, "\(path)/rules"] {
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    }
    let mounting = ["mount", "-t", "tmpfs", "-o", "size=\(narrowBytes)", "hotplate-soak", mount]
    let isMounted = try geteuid() == 0 && Command.run(mounting).status == 0
    narrow = isMounted ? "\(mount)/shows" : nil
    if let narrow {
      try FileManager.default.createDirectory(atPath: narrow, withIntermediateDirectories: true)
    }
    try rules.write(toFile: "\(path)/rules/10-soak.yaml", atomically: true, encoding: .utf8)
    try """
    roots: { default: wide\(isMounted ? ", narrow: narrow/shows" : "") }
    hot_folders: [{ path: drop }]
    rules: rules
    state: state
    workers: 2

    """.write(toFile: configuration, atomically: true, encoding: .utf8)
  }

  /// Unmounts and, if all went well, removes everything.
  func leave(removing: Bool) {
    if narrow != nil {
      if !removing { _ = try? Command.run(["cp", "-a", mount, "\(path)/narrow-as-it-was"]) }
      _ = try? Command.run(["umount", "-l", mount])
    }
    if removing { _ = try? Command.run(["rm", "-rf", "--one-file-system", "--", path]) }
  }

  var kinds: [Kind] { Kind.allCases.filter { narrow != nil || !$0.isNarrow } }
  var destinations: [String] { [wide] + (narrow.map { [$0] } ?? []) }

  private var rules: String {
    let ways: [(Kind, String)] = [
      (.copies, ""), (.replacements, "conflict: replace"), (.moves, "transfer: move"),
      (.links, "transfer: hardlink"), (.narrow, "root: narrow"),
      (.far, "root: narrow\n    transfer: move"),
    ]
    return "hotplate: 1\nrules:\n"
      + ways.filter { kinds.contains($0.0) }.map { kind, way in
        """
          - rule: \(kind.rawValue)
            match: '\(kind.letter){shot}.{frame}.raw'
            ready: { quiet: 300ms }
            to: '\(kind.rawValue)/{shot}/\(kind.letter){shot}.{frame:05d}.raw'
            \(way)

        """
      }.joined()
  }

  func name(_ kind: Kind, _ shot: String, _ frame: Int) -> String {
    "\(kind.letter)\(shot).\(frame).raw"
  }

  /// The directory in which the frames of a shot belong; nil where no rule takes them.
  func destination(_ kind: Kind, _ shot: String) -> String? {
    if kind == .strangers { return nil }
    return "\(kind.isNarrow ? narrow! : wide)/\(kind.rawValue)/\(shot)"
  }

  func destination(_ kind: Kind, _ shot: String, _ frame: Int) -> String? {
    let digits = String(String(100_000 + frame).dropFirst())
    return destination(kind, shot).map { "\($0)/\(kind.letter)\(shot).\(digits).raw" }
  }

  // MARK: The small file system

  private var ballast: String { "\(mount)/ballast" }

  /// Leaves no more than `room` bytes of it.
  func fill(leaving room: Int) throws {
    guard narrow != nil, let free = try? freeBytes(), free > room else { return }
    let file = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0 else { return }
    defer { close(file) }
    // What does not fit any more by now is no matter: it is full then.
    _ = posix_fallocate(file, 0, off_t(free - room))
  }

  func empty() { unlink(ballast) }

  private func freeBytes() throws -> Int {
    var status = statvfs()
    guard statvfs(mount, &status) == 0 else { throw SystemError("statvfs", mount) }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }

  /// Whether deliveries take up so much of it that what waits may not fit.
  var isNarrowCrowded: Bool {
    narrow != nil && ((try? freeBytes()).map { $0 < narrowBytes / 2 } ?? false)
  }

  // MARK: The commands

  func hotplate(_ arguments: [String]) throws -> Command.Outcome {
    try Command.run([program] + arguments + ["--state", state])
  }

  /// The newest jobs, or all; nil while no daemon answers.
  func jobs(newest limit: Int? = nil) throws -> [JobView]? {
    let outcome = try hotplate(["jobs", "--json"] + (limit.map { ["--limit", "\($0)"] } ?? []))
    guard outcome.status == 0 else { return nil }
    return try JSONDecoder().decode([JobView].self, from: Data(outcome.out.utf8))
  }

  struct Arrival: Decodable {
    let source: JobView.Place
    let reason: JobView.Reason
  }

  func arrivals() throws -> [Arrival]? {
    let outcome = try hotplate(["arrivals", "--json"])
    guard outcome.status == 0 else { return nil }
    return try JSONDecoder().decode([Arrival].self, from: Data(outcome.out.utf8))
  }
}
