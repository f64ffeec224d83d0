import Files
import Foundation
import Glibc
import Paths
import TestSupport
import Testing

private let shot = "sh010"
private let frames = 12
private let bytes = 1_000_000

/// Copies slowly enough to be met half-way; renames too.
private let slowly = [
  "strace", "-D", "-f", "-qqq", "-e", "signal=none", "-e", "trace=pwrite64,renameat2", "-o",
  "/dev/null", "-e", "inject=pwrite64:delay_exit=40000", "-e",
  "inject=renameat2:delay_enter=300000", "--",
]

/// What a volume is made of.
enum VolumeKind: String, Sendable, CaseIterable, CustomTestStringConvertible {
  case tmpfs, ext4

  var testDescription: String { rawValue }

  /// Those that this machine can mount; it is said which are left out. A disk behind a loop device only at full size.
  static let there = (isFullSize ? allCases : [.tmpfs]).filter { kind in
    let isThere = kind == .tmpfs || hasLoopDevices
    if !isThere { print("skipped: \(kind): mkfs.ext4 or a loop device is missing") }
    return isThere
  }

  private static let hasLoopDevices =
    access("/dev/loop-control", W_OK) == 0
    && ["/usr/sbin", "/sbin"].contains { access("\($0)/mkfs.ext4", X_OK) == 0 }
}

/// How a volume goes while the directory under it stays writable.
enum Departure: String, Sendable, CaseIterable, CustomTestStringConvertible {
  case umount = "umount"
  case lazily = "umount -l"
  case covered = "another mounted over it"

  var testDescription: String { rawValue }

  /// Those that the kernel grants while files on the volume are open.
  static let whileBusy = [Departure.lazily, .covered]
}

/// A file system that is mounted at a directory, goes, and comes back.
private struct Volume {
  let point: String
  private let mounting: [String]

  init(_ kind: VolumeKind, at point: String, in folder: TemporaryFolder) throws {
    self.point = point
    let name = (point as NSString).lastPathComponent
    switch kind {
    case .tmpfs:
      // A tmpfs lives as long as it is mounted: it stays aside, and is bound to where it is used.
      let aside = try folder.makeDirectory("aside-\(name)")
      try sh("mount", "-t", "tmpfs", "-o", "size=64m", "none", aside)
      folder.cleanUp { umount2(aside, Int32(MNT_DETACH)) }
      mounting = ["mount", "--bind", aside, point]
    case .ext4:
      let image = "\(folder.path)/\(name).img"
      try sh("truncate", "-s", "64M", image)
      try sh("mkfs.ext4", "-q", "-F", "-m", "0", image)
      mounting = ["mount", "-o", "loop", image, point]
    }
    folder.cleanUp { while umount2(point, Int32(MNT_DETACH)) == 0 {} }
    try comeBack()
  }

  func leave(_ how: Departure) throws {
    switch how {
    case .umount: try sh("umount", point)
    case .lazily: try sh("umount", "--lazy", point)
    case .covered: try sh("mount", "-t", "tmpfs", "-o", "size=1m", "none", point)
    }
  }

  /// - Returns: what lay in the directory that stood there meanwhile.
  @discardableResult
  func comeBack(from how: Departure? = nil) throws -> [String] {
    let found = names(in: point) { _ in true }
    if how == .covered { try sh("umount", "--lazy", point) } else { try run(mounting) }
    return found
  }
}

private func sh(_ words: String...) throws { try run(words) }

private func run(_ words: [String]) throws {
  let outcome = try Command.run(words)
  guard outcome.status == 0 else { throw Failure("\(words): \(outcome.err)") }
}

extension Daemon {
  /// Waits until a job is paused for want of a mount.
  fileprivate func waitUntilOffline() throws {
    var seen: [JobView] = []
    do {
      try waitUntil("a job that is offline") {
        seen = try jobs()
        if let ended = seen.first(where: \.hasEnded) {
          throw Failure("a job ended as \(ended.state)")
        }
        return seen.contains { $0.over == "offline" }
      }
    } catch { throw Failure("\(error): \(seen.map(\.summary)); it said:\n\(errors)") }
  }

  /// Waits until `arrivals` says that a hot folder is not there.
  fileprivate func waitUntilAway() throws {
    var outcome: Command.Outcome?
    do {
      try waitUntil("a hot folder that is not there") {
        outcome = try hotplate(["arrivals"])
        return outcome?.out.contains("is not there") == true
      }
    } catch { throw Failure("\(error): \(outcome?.out ?? ""); it said:\n\(errors)") }
  }
}

extension HotFolderTree {
  /// The one job ends as done, with every byte in its place, and nothing lies in what stood there meanwhile.
  fileprivate func expectDone(_ daemon: Daemon, underneath: [String]) throws {
    try daemon.waitForJob(in: "done")
    #expect(try daemon.jobs().map(\.state) == ["done"])
    #expect(
      try TreeDigest(of: destination).contents
        == expectedContents(shot, frames: frames, bytes: bytes))
    #expect(underneath == [])
    try waitUntil("staging to be gone") { hasNoTrace() }
  }

  fileprivate func bytesOfFrames() throws -> [RelativePath: UInt64] {
    try TreeDigest(of: "\(drop)/\(shot)").contents
  }
}

@Suite(
  "mounts that come and go", .serialized,
  .enabled(if: geteuid() == 0, "skipped: only root may mount"))
struct MountTests {
  @Test(
    "frames that wait when their volume goes are kept, and are ingested when it is back",
    arguments: VolumeKind.there, Departure.allCases)
  func sourceGoesWhileWaiting(kind: VolumeKind, how: Departure) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(quiet: "3s"))
      let volume = try Volume(kind, at: tree.drop, in: folder)
      let daemon = try tree.start()
      let made = try tree.make(shot, frames: frames, bytes: bytes)
      try tree.shell("cp", "-r", "--", made, "\(tree.drop)/\(shot)")
      try waitUntil("an arrival that waits") { try daemon.jobs().map(\.state) == ["waiting"] }
      let waiting = try daemon.jobs()[0].id
      try volume.leave(how)
      try daemon.waitUntilAway()
      #expect(try daemon.jobs().map(\.state) == ["waiting"])
      // Lies where the volume is mounted at other times: none of it is taken.
      try FrameFactory.sequence(in: "\(tree.drop)/below", frames: 1...2, bytes: 10) {
        "below_v1.\($0).exr"
      }
      try sh("rm", "-r", "\(tree.drop)/below")
      let underneath = try volume.comeBack(from: how)
      try tree.expectDone(daemon, underneath: underneath)
      #expect(try daemon.jobs()[0].id == waiting)
    }
  }

  @Test(
    "a job whose source's volume goes while it stages pauses, and ends as done when it is back",
    arguments: VolumeKind.there, Departure.whileBusy)
  func sourceGoesWhileStaging(kind: VolumeKind, how: Departure) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try Volume(kind, at: tree.drop, in: folder)
      let made = try tree.make(shot, frames: frames, bytes: bytes)
      try tree.shell("cp", "-r", "--", made, "\(tree.drop)/\(shot)")
      let sources = try tree.bytesOfFrames()
      let daemon = try tree.start(under: slowly)
      try waitUntil("some frames in staging") { tree.stagedFiles() >= 3 }
      try volume.leave(how)
      try daemon.waitUntilOffline()
      #expect(try TreeDigest(of: tree.destination).contents.keys.allSatisfy { $0.isStaged })
      let underneath = try volume.comeBack(from: how)
      try tree.expectDone(daemon, underneath: underneath)
      #expect(try tree.bytesOfFrames() == sources)
    }
  }

  @Test(
    "a job whose destination goes while it stages pauses, writes nothing underneath, and ends as done when it is back",
    arguments: VolumeKind.there, Departure.whileBusy)
  func destinationGoesWhileStaging(kind: VolumeKind, how: Departure) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try Volume(kind, at: tree.destination, in: folder)
      let made = try tree.make(shot, frames: frames, bytes: bytes)
      try tree.shell("cp", "-r", "--", made, "\(tree.drop)/\(shot)")
      let daemon = try tree.start(under: slowly)
      try waitUntil("some frames in staging") { tree.stagedFiles() >= 3 }
      try volume.leave(how)
      try daemon.waitUntilOffline()
      let underneath = try volume.comeBack(from: how)
      try tree.expectDone(daemon, underneath: underneath)
    }
  }

  @Test(
    "a destination that goes at the commit leaves whole frames or none, and the job ends as done when it is back",
    arguments: VolumeKind.there, Departure.whileBusy)
  func destinationGoesAtTheCommit(kind: VolumeKind, how: Departure) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(transfer: "move"))
      let volume = try Volume(kind, at: tree.destination, in: folder)
      let made = try tree.make(shot, frames: frames, bytes: bytes)
      try tree.shell("cp", "-r", "--", made, "\(tree.drop)/\(shot)")
      let daemon = try tree.start(under: slowly)
      try waitUntil("all frames in staging") { tree.stagedFiles() >= frames }
      try volume.leave(how)
      try daemon.waitUntilOffline()
      let underneath = try volume.comeBack(from: how)
      try tree.expectDone(daemon, underneath: underneath)
      #expect(try TreeDigest(of: tree.drop).contents == [:])
    }
  }

  @Test(
    "a destination that went before the job began gets nothing underneath, and all of it when it is back",
    arguments: VolumeKind.there, Departure.allCases)
  func destinationGoesBefore(kind: VolumeKind, how: Departure) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try Volume(kind, at: tree.destination, in: folder)
      let daemon = try tree.start()
      try volume.leave(how)
      let made = try tree.make(shot, frames: frames, bytes: bytes)
      try tree.shell("mv", "--", made, "\(tree.drop)/\(shot)")
      try daemon.waitUntilOffline()
      let underneath = try volume.comeBack(from: how)
      try tree.expectDone(daemon, underneath: underneath)
    }
  }

  @Test(
    "a cancel of a job whose destination is away is not reported before its staging is gone",
    arguments: VolumeKind.there)
  func cancelledWhileAway(kind: VolumeKind) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try Volume(kind, at: tree.destination, in: folder)
      let made = try tree.make(shot, frames: frames, bytes: bytes)
      try tree.shell("cp", "-r", "--", made, "\(tree.drop)/\(shot)")
      let daemon = try tree.start(under: slowly)
      try waitUntil("some frames in staging") { tree.stagedFiles() >= 3 }
      try volume.leave(.lazily)
      try daemon.waitUntilOffline()
      try tree.touch("\(shot)/.cancel")
      try daemon.waitForJob(in: "cancelling")
      let underneath = try volume.comeBack()
      try daemon.waitForJob(in: "cancelled")
      #expect(underneath == [])
      #expect(try TreeDigest(of: tree.destination).contents == [:])
      #expect(tree.hasNoTrace())
    }
  }

  @Test(
    "an interrupted job whose destination is not mounted at the next start waits for it",
    arguments: VolumeKind.there)
  func destinationMissingAtStart(kind: VolumeKind) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try Volume(kind, at: tree.destination, in: folder)
      let made = try tree.make(shot, frames: frames, bytes: bytes)
      try tree.shell("cp", "-r", "--", made, "\(tree.drop)/\(shot)")
      var daemon = try tree.start(under: slowly)
      try waitUntil("some frames in staging") { tree.stagedFiles() >= 3 }
      // Its receipts are written by then: they say where it staged.
      try daemon.terminate()
      try volume.leave(.umount)
      daemon = try tree.start()
      try daemon.waitUntilOffline()
      let underneath = try volume.comeBack()
      try tree.expectDone(daemon, underneath: underneath)
    }
  }

  @Test(
    "a daemon that starts before its volumes are mounted waits for them, and writes nothing in their places",
    arguments: VolumeKind.there)
  func startedTooEarly(kind: VolumeKind) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let destination = try Volume(kind, at: tree.destination, in: folder)
      let source = try Volume(kind, at: tree.drop, in: folder)
      try tree.start().terminate()
      try destination.leave(.umount)
      try source.leave(.umount)

      let daemon = try tree.start()
      try daemon.waitUntilAway()
      #expect(try source.comeBack() == [])
      let made = try tree.make(shot, frames: frames, bytes: bytes)
      try tree.shell("cp", "-r", "--", made, "\(tree.drop)/\(shot)")
      try daemon.waitUntilOffline()
      try tree.expectDone(daemon, underneath: try destination.comeBack())
    }
  }

  @Test("with --accept-unmounted, a directory counts where a volume was mounted before")
  func acceptedUnmounted() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let destination = try Volume(.tmpfs, at: tree.destination, in: folder)
      try tree.start().terminate()
      try destination.leave(.umount)
      let made = try tree.make(shot, frames: frames, bytes: bytes)
      try tree.shell("cp", "-r", "--", made, "\(tree.drop)/\(shot)")

      var daemon = try tree.launch(under: [], ["--accept-unmounted"])
      try daemon.waitForJob(in: "done")
      try daemon.terminate()
      // From here on it is what it is.
      daemon = try tree.start()
      try tree.passThrough(daemon)
      #expect(
        try daemon.jobs().filter { $0.source.directory.hasSuffix(shot) }.map(\.state) == ["done"])
    }
  }

  @Test(
    "an idle daemon keeps nobody from unmounting, and a second daemon off the folder all the same",
    arguments: VolumeKind.there)
  func idle(kind: VolumeKind) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let source = try Volume(kind, at: tree.drop, in: folder)
      let target = try Volume(kind, at: tree.destination, in: folder)
      let daemon = try tree.start()
      try tree.passThrough(daemon)
      func second() throws -> Command.Outcome {
        try Command.run([
          "timeout", "60", try Daemon.program, "watch", "--in", tree.drop, "--to",
          tree.destination, "--rules", tree.rules, "--state",
          try folder.makeDirectory("second"), "--no-listen",
        ])
      }
      for _ in 0..<2 {
        #expect(try second().status == 75)
        try source.leave(.umount)
        try target.leave(.umount)
        try daemon.waitUntilAway()
        try source.comeBack()
        try target.comeBack()
        try waitUntil("the hot folder to be watched again") {
          try !daemon.hotplate(["arrivals"]).out.contains("is not there")
        }
      }
      try tree.passThrough(daemon, shot: "again")
    }
  }

  @Test(
    "a hot folder with a marker may be unmounted at the start; what lies underneath is not taken",
    arguments: VolumeKind.there)
  func markerMissingAtStart(kind: VolumeKind) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      try """
      roots: { default: \(tree.destination) }
      hot_folders: [{ path: \(tree.drop), mount_marker: .this-is-the-volume }]
      rules: \(tree.rules)
      state: \(tree.state)
      """.write(toFile: "\(folder.path)/hotplate.yaml", atomically: true, encoding: .utf8)
      try FrameFactory.sequence(in: "\(tree.drop)/below", frames: 1...2, bytes: 10) {
        "below_v1.\($0).exr"
      }
      let daemon = try Daemon(
        arguments: ["watch", "--config", "\(folder.path)/hotplate.yaml"], state: tree.state)
      folder.cleanUp { daemon.kill() }
      try daemon.waitUntilReady()
      try daemon.waitUntilAway()
      let made = try tree.make(shot, frames: frames, bytes: bytes)
      let volume = try Volume(kind, at: tree.drop, in: folder)
      try tree.shell("cp", "-r", "--", made, "\(tree.drop)/\(shot)")
      #expect(try daemon.jobs().isEmpty)
      try tree.touch(".this-is-the-volume")
      try tree.expectDone(daemon, underneath: [])
      // Not even while it is still mounted.
      try sh("rm", "\(tree.drop)/.this-is-the-volume")
      try daemon.waitUntilAway()
      try sh("rm", "-r", "\(tree.drop)/\(shot)")
      try volume.leave(.umount)
      #expect(try daemon.jobs().map(\.state) == ["done"])
      #expect(names(in: "\(tree.drop)/below") { _ in true }.count == 2)
    }
  }
}

@Suite("hot folders that are removed", .serialized)
struct RemovedRootTests {
  @Test(
    "a hot folder removed on the same mount cancels its jobs, and is taken up again when it is made anew"
  )
  func removed() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let made = try tree.make(shot, frames: frames, bytes: bytes)
      try tree.shell("cp", "-r", "--", made, "\(tree.drop)/\(shot)")
      let daemon = try tree.start(under: slowly)
      try waitUntil("some frames in staging") { tree.stagedFiles() >= 3 }
      try tree.shell("mv", "--", tree.drop, "\(folder.path)/away")
      let job = try daemon.waitForJob(in: "cancelled")
      #expect(job.reason?.code == "source-moved")
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
      _ = try folder.makeDirectory("drop")
      try waitUntil("the hot folder to be watched again") {
        try !daemon.hotplate(["arrivals"]).out.contains("is gone")
      }
      try tree.passThrough(daemon)
    }
  }
}

extension RelativePath {
  fileprivate var isStaged: Bool { components.contains(where: isStaging) }
}
