import Files
import Foundation
import Paths
import TestSupport
import Testing

private let shot = "sh010"
/// Three pieces: a writer is held in the middle.
private let bytes = 2_500_000
private let secret = FrameFactory.content(seed: 99, bytes: 500)

extension Promises {
  @Test(
    "what is done to a source in the middle of its copy is seen: no frame arrives mixed, nothing outside is read, and what lies there then arrives",
    arguments: Way.allCases, Mischief.allCases)
  func sourceChangedMidCopy(_ way: Way, _ mischief: Mischief) async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try way.tree(in: folder)
      try FrameFactory.sequence(in: "\(tree.drop)/\(shot)", frames: 1...3, bytes: bytes) {
        "\(shot)_v1.\($0).exr"
      }
      let gate = way.gate(folder)
      let daemon = try tree.start(under: gate.wrapper)
      try waitUntil("the middle of frame 2; \(daemon.errors)") { try gate.struck() != nil }
      try mischief.happen(to: 2, in: tree)
      try gate.open()

      let left = mischief.framesLeft
      if left.isEmpty {
        try daemon.waitForJob(in: "cancelled")
        try tree.passThrough(daemon)
      } else {
        try waitUntil(
          "what is left to arrive; \(daemon.errors)"
        ) {
          try daemon.jobs().contains { $0.state == "done" && $0.frames.published == left.count }
        }
      }
      let arrived = try TreeDigest(of: tree.destination).entries
        .filter {
          $0.key.isAtOrBelow(RelativePath("shots/\(shot)")!) && $0.value.kind != .directory
        }
      #expect(
        arrived.mapValues(\.digest)
          == Dictionary(
            uniqueKeysWithValues: left.map {
              (published(shot, 1000 + $0.key), contentDigest($0.value))
            }))
      for job in try daemon.jobs() where job.state != "done" {
        #expect(job.state == "cancelled", "\(job.summary)")
        #expect(mischief.reasons.contains(job.reason?.code ?? ""), "\(job.summary)")
      }
      if let name = mischief.named {
        #expect(try daemon.hotplate(["arrivals"]).out.contains(name))
      }
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
      #expect(
        FileManager.default.contents(atPath: "\(folder.path)/secret").map(Array.init) == secret)
    }
  }

  @Test(
    "what is put in the way at the destination in the middle of a copy is neither followed nor replaced, and once it is gone the job is done",
    arguments: Obstacle.allCases)
  func plantedMidCopy(_ obstacle: Obstacle) async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try Way.copy.tree(in: folder)
      try FrameFactory.sequence(in: "\(tree.drop)/\(shot)", frames: 1...3, bytes: bytes) {
        "\(shot)_v1.\($0).exr"
      }
      let gate = Way.copy.gate(folder)
      var daemon = try tree.start(under: gate.wrapper)
      try waitUntil("the middle of frame 2; \(daemon.errors)") { try gate.struck() != nil }
      try obstacle.plant(in: tree)
      let before = try TreeDigest(of: tree.destination).entries.filter {
        !$0.key.components.contains(where: isStaging)
      }
      try gate.open()

      let job = try daemon.waitForJob(in: "held", "failed")
      #expect(job.reason?.message.isEmpty == false)
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
      #expect(try TreeDigest(of: tree.destination).entries == before)
      #expect(names(in: "\(folder.path)/elsewhere") { _ in true } == [])
      #expect(
        FileManager.default.contents(atPath: "\(folder.path)/secret").map(Array.init) == secret)

      daemon.kill()
      try tree.shell("rm", "-rf", "--", "\(tree.destination)/shots")
      daemon = try tree.start()
      try waitUntil("it to be done; \(daemon.errors)") {
        try daemon.jobs().contains { $0.state == "done" }
      }
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents(shot, frames: 3, bytes: bytes))
    }
  }
}

/// How a frame gets to its destination.
enum Way: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case copy, move
  case moveAcross = "move to another file system"

  var testDescription: String { rawValue }

  fileprivate func tree(in folder: TemporaryFolder) throws -> HotFolderTree {
    try FrameFactory.write(secret, to: Array("\(folder.path)/secret".utf8))
    _ = try folder.makeDirectory("elsewhere")
    let transfer = self == .copy ? "copy" : "move"
    var other: TemporaryFolder?
    if self == .moveAcross {
      // The one place in memory, the other on the disk.
      let elsewhere = try TemporaryFolder()
      folder.cleanUp { try? elsewhere.remove() }
      other = elsewhere
    }
    return try HotFolderTree(in: folder, rules: rules(transfer: transfer), destinationIn: other)
  }

  /// Holds it in the middle of the bytes of frame 2; a link has none, and is held before it is looked at again.
  fileprivate func gate(_ folder: TemporaryFolder) -> CallGate {
    self == .move
      ? CallGate(.hold(1), calls: ["fdatasync"], about: ["*/drop/*_v1.2.exr"], in: folder)
      : CallGate(.hold(2), calls: ["pwrite64"], about: ["*/tree/*.1002.exr"], in: folder)
  }
}

enum Mischief: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case truncated, grown
  case rewritten = "rewritten with its old size and times"
  case savedOver = "saved over by a rename"
  case becameSymlink = "replaced by a symlink"
  case becameFIFO = "replaced by a FIFO"
  case becameDirectory = "replaced by a directory"
  case removed
  case movedAway = "moved away"
  case folderRemoved = "removed with its directory"
  case folderBecameSymlink = "its directory replaced by a symlink to the same frames"

  var testDescription: String { rawValue }

  private static let other = FrameFactory.content(seed: 77, bytes: bytes)

  fileprivate func happen(to frame: Int, in tree: HotFolderTree) throws {
    let directory = "\(tree.drop)/\(shot)"
    let path = "\(directory)/\(shot)_v1.\(frame).exr"
    let outside = tree.folder.path
    switch self {
    case .truncated: try tree.shell("truncate", "-s", "1000000", path)
    case .grown: try tree.shell("truncate", "-s", "2600000", path)
    case .rewritten:
      try tree.shell("cp", "-p", "--attributes-only", path, "\(outside)/times")
      try FrameFactory.overwrite(Self.other, in: path)
      try tree.shell("touch", "-r", "\(outside)/times", path)
    case .savedOver:
      try FrameFactory.write(Self.other, to: Array("\(outside)/new".utf8))
      try tree.shell("mv", "\(outside)/new", path)
    case .becameSymlink:
      try tree.shell("ln", "-sfn", "\(outside)/secret", path)
    case .becameFIFO:
      try tree.shell("rm", path)
      try tree.shell("mkfifo", path)
    case .becameDirectory:
      try tree.shell("rm", path)
      try tree.shell("mkdir", path)
    case .removed: try tree.shell("rm", path)
    case .movedAway: try tree.shell("mv", path, "\(outside)/moved.exr")
    case .folderRemoved: try tree.shell("rm", "-r", directory)
    case .folderBecameSymlink:
      try tree.shell("mv", directory, "\(outside)/\(shot)")
      try tree.shell("ln", "-s", "\(outside)/\(shot)", directory)
    }
  }

  /// What lies in the hot folder then, and so has to arrive.
  fileprivate var framesLeft: [Int: [UInt8]] {
    var frames = Dictionary(
      uniqueKeysWithValues: [1, 2, 3].map {
        ($0, FrameFactory.content(seed: UInt64($0), bytes: bytes))
      })
    switch self {
    case .truncated: frames[2] = Array(frames[2]!.prefix(1_000_000))
    case .grown: frames[2]! += [UInt8](repeating: 0, count: 100_000)
    case .rewritten, .savedOver: frames[2] = Self.other
    case .becameSymlink, .becameFIFO, .becameDirectory, .removed, .movedAway: frames[2] = nil
    case .folderRemoved, .folderBecameSymlink: frames = [:]
    }
    return frames
  }

  /// What its job may say.
  fileprivate var reasons: [String] {
    switch self {
    case .truncated, .grown, .rewritten, .savedOver: ["source-changed"]
    // A name that holds something else is changed or gone, as the events come.
    case .becameSymlink, .becameFIFO, .becameDirectory: ["source-changed", "frame-removed"]
    case .removed: ["frame-removed"]
    case .movedAway: ["source-moved", "frame-removed"]
    case .folderRemoved: ["source-removed"]
    case .folderBecameSymlink: ["source-moved"]
    }
  }

  /// What `arrivals` has to name.
  fileprivate var named: String? {
    switch self {
    case .becameSymlink, .becameFIFO: "\(shot)_v1.2.exr"
    case .folderBecameSymlink: shot
    default: nil
    }
  }
}

enum Obstacle: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case file = "a file under a frame's name"
  case symlink = "a symlink under a frame's name"
  case directory = "a directory under a frame's name"
  case symlinkedDirectory = "a symlink under its directory's name"
  case fileAsDirectory = "a file under its directory's name"

  var testDescription: String { rawValue }

  fileprivate func plant(in tree: HotFolderTree) throws {
    let name = "\(tree.destination)/\(published(shot, 1002))"
    let outside = tree.folder.path
    let directory = (name as NSString).deletingLastPathComponent
    switch self {
    case .file:
      try tree.shell("mkdir", "-p", directory)
      try FrameFactory.write(seed: 5, bytes: 500, to: name)
    case .symlink:
      try tree.shell("mkdir", "-p", directory)
      try tree.shell("ln", "-s", "\(outside)/secret", name)
    case .directory: try tree.shell("mkdir", "-p", name)
    case .symlinkedDirectory:
      try tree.shell("ln", "-s", "\(outside)/elsewhere", "\(tree.destination)/shots")
    case .fileAsDirectory:
      try FrameFactory.write(seed: 5, bytes: 500, to: "\(tree.destination)/shots")
    }
  }
}
