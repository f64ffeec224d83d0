import Files
import Foundation
import Paths
import TestSupport
import Testing

private let half = 500_000

extension Promises {
  @Test(
    "a delivery larger than its destination's room waits, says how much is missing, leaves no trace, and goes on when there is room",
    needsMounts)
  func waitsForRoom() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try SmallVolume.tmpfs(at: tree.destination, "size=1m", in: folder)
      let daemon = try tree.start()
      try tree.drop("sh010", frames: 4, bytes: half)
      let waiting = try daemon.waitForFull()
      #expect(waiting.state == "queued")
      #expect(waiting.reason?.code == "destination-full")
      #expect(waiting.reason?.message.contains("it takes 2.1 MB, 1.1 MB are free") == true)
      #expect(waiting.reason?.message.contains("are missing") == true)
      #expect(try TreeDigest(of: tree.destination).entries.isEmpty)
      try volume.remount("size=8m")
      let done = try daemon.waitForJob(in: "done")
      #expect(done.over == nil)
      #expect(done.reason == nil)
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents("sh010", frames: 4, bytes: half))
    }
  }

  @Test("ingest waits for room, and ends when all is delivered", needsMounts)
  func ingestWaitsForRoom() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try SmallVolume.tmpfs(at: tree.destination, "size=1m", in: folder)
      try tree.drop("sh010", frames: 4, bytes: half)
      let ingest = try Daemon(
        arguments: [
          "ingest", "--in", tree.drop, "--to", tree.destination, "--rules", tree.rules, "--state",
          tree.state,
        ], state: tree.state)
      folder.cleanUp { ingest.kill() }
      try waitUntil("it to wait") {
        try ingest.hotplate(["jobs", "--json"]).out.contains("destination-full")
      }
      try volume.remount("size=8m")
      #expect(try ingest.waitForExit() == 0, "\(ingest.errors)")
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents("sh010", frames: 4, bytes: half))
    }
  }

  @Test(
    "while one destination is full, smaller deliveries to it and all to another one are published",
    needsMounts)
  func othersGoOn() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(
        in: folder,
        rules: """
          hotplate: 1
          rules:
            - rule: to-wide
              match: 'wide{shot}.{frame}.exr'
              ready: { quiet: 200ms }
              root: wide
              to: 'in/{name}'
            - rule: to-narrow
              match: '{shot}.{frame}.exr'
              ready: { quiet: 200ms }
              to: 'in/{name}'
          """)
      let volume = try SmallVolume.tmpfs(at: tree.destination, "size=1m", in: folder)
      let wide = try folder.makeDirectory("wide")
      try
        "roots: { default: destination, wide: wide }\nhot_folders: [{ path: drop }]\nstate: state\n"
        .write(toFile: "\(folder.path)/hotplate.yaml", atomically: true, encoding: .utf8)
      let daemon = try Daemon(
        arguments: ["watch", "--config", "\(folder.path)/hotplate.yaml", "--no-listen"],
        state: tree.state)
      folder.cleanUp { daemon.kill() }
      try daemon.waitUntilReady()
      func drop(_ name: String, frames: Int) throws {
        try FrameFactory.sequence(in: "\(tree.drop)/\(name)", frames: 1...frames, bytes: half) {
          "\(name).\($0).exr"
        }
      }
      try drop("large", frames: 4)
      try daemon.waitForFull()
      try drop("wideshot", frames: 4)
      try drop("small", frames: 1)
      try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("wideshot") }
      try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("small") }
      #expect(try TreeDigest(of: wide).contents.count == 4)
      let large = try #require(daemon.jobs().first { $0.source.directory.hasSuffix("large") })
      #expect(large.over == "full")
      try volume.remount("size=8m")
      try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("large") }
      #expect(try TreeDigest(of: tree.destination).contents.count == 5)
    }
  }

  @Test("a destination without inodes is full like one without blocks", needsMounts)
  func noInodes() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try SmallVolume.tmpfs(at: tree.destination, "size=4m,nr_inodes=12", in: folder)
      let daemon = try tree.start()
      try tree.drop("sh010", frames: 20, bytes: 1000)
      let waiting = try daemon.waitForFull()
      #expect(waiting.reason?.message.contains("files and directories") == true)
      try volume.remount("nr_inodes=100")
      try daemon.waitForJob(in: "done")
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents("sh010", frames: 20, bytes: 1000))
    }
  }

  @Test(
    "deliveries that are too much for an 8 MB disk together never half-fill it: each is there whole or waits, until there is room",
    needsMounts)
  func takeTurns() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try SmallVolume.ext4(at: tree.destination, megabytes: 8, in: folder)
      let daemon = try tree.start()
      for shot in ["sh010", "sh020", "sh030", "sh040"] {
        try tree.drop(shot, frames: 3, bytes: half)
      }
      var cleared = 0
      while true {
        var jobs: [JobView] = []
        try waitUntil("another delivery; \(jobs.map(\.summary)) \(daemon.errors)") {
          jobs = try daemon.jobs()
          return jobs.count == 4 && jobs.allSatisfy { $0.state == "done" || $0.over == "full" }
            && jobs.count { $0.state == "done" } > cleared
        }
        #expect(tree.hasNoTrace())
        let published = names(in: "\(tree.destination)/shots") { _ in true }
        for shot in published {
          let frames = names(in: "\(tree.destination)/shots/\(shot)/v001") { _ in true }
          #expect(frames.count == 3)
        }
        if jobs.allSatisfy({ $0.state == "done" }) { break }
        try tree.shell("rm", "-r", "\(tree.destination)/shots/\(published[0])")
        cleared += 1
      }
      #expect(cleared > 0)
      withExtendedLifetime(volume) {}
    }
  }

  @Test(
    "hard links and moves within one file system need no room: a full disk takes them", needsMounts,
    arguments: ["hardlink", "move"])
  func linksNeedNoRoom(transfer: String) async throws {
    try await inTemporaryFolder { folder in
      let inner = try folder.makeDirectory("volume")
      let volume = try SmallVolume.tmpfs(at: inner, "size=2m", in: folder)
      let tree = try HotFolderTree(in: folder, rules: rules(transfer: transfer))
      let (drop, destination) = ("\(inner)/drop", "\(inner)/destination")
      try tree.shell("mkdir", drop, destination)
      let daemon = try Daemon(
        arguments: [
          "watch", "--in", drop, "--to", destination, "--rules", tree.rules, "--state", tree.state,
          "--no-listen",
        ], state: tree.state)
      folder.cleanUp { daemon.kill() }
      try daemon.waitUntilReady()
      try tree.shell("cp", "-r", "--", try tree.make("sh010", frames: 3, bytes: half), drop)
      // The receipt in staging takes a block.
      try volume.fill("filler")
      try tree.shell("truncate", "-s", "-8192", "\(inner)/filler")
      try daemon.waitForJob(in: "done")
      #expect(
        try TreeDigest(of: destination).contents
          == tree.expectedContents("sh010", frames: 3, bytes: half))
    }
  }

  @Test("a sparse delivery takes the room of its blocks, not of its size", needsMounts)
  func sparse() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try SmallVolume.tmpfs(at: tree.destination, "size=1m", in: folder)
      let daemon = try tree.start()
      let made = try tree.make("sh010", frames: 3, bytes: 100_000)
      for frame in 1...3 {
        try tree.shell("truncate", "-s", "4M", "\(made)/sh010_v1.\(frame).exr")
      }
      try tree.shell("mv", "--", made, "\(tree.drop)/sh010")
      let job = try daemon.waitForJob(in: "done")
      #expect(job.frames.published == 3)
      withExtendedLifetime(volume) {}
    }
  }

  @Test(
    "a quota that shows in no free space pauses its delivery, which is staged again later and arrives whole"
  )
  func overQuota() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      // Each thread that copies is refused once, behind the bytes of its first frame.
      let daemon = try tree.start(under: [
        "strace", "-D", "-f", "-qqq", "-e", "signal=none", "-e", "trace=utimensat", "-o",
        "/dev/null", "-e", "inject=utimensat:error=EDQUOT:when=1", "--",
      ])
      try tree.drop("sh010", frames: 6, bytes: 20_000)
      let waiting = try daemon.waitForFull()
      #expect(waiting.reason?.message.contains("quota") == true)
      try waitUntil("its room to be given back") { tree.hasNoTrace() }
      try daemon.waitForJob(in: "done")
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents("sh010", frames: 6, bytes: 20_000))
    }
  }

  @Test(
    "a publication that meets a full disk pauses in committing, tells why, and ends as done")
  func fullAtPublication() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let daemon = try tree.start(under: [
        "strace", "-D", "-f", "-qqq", "-e", "signal=none", "-e", "trace=renameat2", "-o",
        "/dev/null", "-e", "inject=renameat2:error=ENOSPC:when=1", "--",
      ])
      try tree.drop("sh010", frames: 3, bytes: 20_000)
      let job = try daemon.waitForJob(in: "done")
      #expect(job.over == nil)
      #expect(job.reason == nil)
      let history = try daemon.hotplate(["show", job.id]).out
      #expect(history.contains("No space left on device"))
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents("sh010", frames: 3, bytes: 20_000))
    }
  }

  @Test(
    "a destination that becomes read-only holds its delivery with the reason, which goes on by itself once it is writable",
    needsMounts)
  func readOnly() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try SmallVolume.tmpfs(at: tree.destination, "size=8m", in: folder)
      let daemon = try tree.start()
      try volume.remount("ro")
      try tree.drop("sh010", frames: 3, bytes: 20_000)
      let held = try daemon.waitForJob(in: "held")
      #expect(held.reason?.code == "destination")
      #expect(held.reason?.message.contains("Read-only file system") == true)
      #expect(held.reason?.message.contains("mount it writable") == true)
      try volume.remount("rw")
      try waitUntil("it to be done; \(daemon.errors)") { try daemon.jobs()[0].state == "done" }
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents("sh010", frames: 3, bytes: 20_000))
    }
  }

  @Test(
    "a destination that loses its permission holds its delivery, `ingest` says so with exit 1, and the next one delivers",
    needsMounts)
  func noPermission() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      _ = try SmallVolume.ext4(at: tree.destination, megabytes: 8, in: folder)
      let shots = try folder.makeDirectory("destination/shots")
      folder.cleanUp { _ = try? Command.run(["chattr", "-i", shots]) }
      try tree.shell("chattr", "+i", shots)
      try tree.drop("sh010", frames: 3, bytes: 20_000)
      let ingest = [
        try Daemon.program, "ingest", "--in", tree.drop, "--to", tree.destination, "--rules",
        tree.rules, "--state", tree.state,
      ]
      let refused = try Command.run(ingest)
      #expect(refused.status == 1)
      #expect(refused.err.contains("held: "))
      #expect(refused.err.contains("Operation not permitted"))
      #expect(tree.hasNoTrace())
      try tree.shell("chattr", "-i", shots)
      #expect(try Command.run(ingest).status == 0)
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents("sh010", frames: 3, bytes: 20_000))
    }
  }

  @Test(
    "a daemon starts on a full destination, keeps what waits over a kill -9, and a cancel ends the waiting",
    needsMounts)
  func killedWhileFull() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let volume = try SmallVolume.tmpfs(
        at: tree.destination, "size=1m,nr_inodes=2", in: folder)
      try volume.fill("filler")
      var daemon = try tree.start()
      for shot in ["sh010", "sh020"] { try tree.drop(shot, frames: 3, bytes: 20_000) }
      try waitUntil("both to wait") { try daemon.jobs().count { $0.over == "full" } == 2 }
      daemon.kill()
      daemon = try tree.start()
      try waitUntil("both to wait again; \(daemon.errors)") {
        try daemon.jobs().count { $0.over == "full" } == 2
      }
      try tree.touch("sh010/.cancel")
      try daemon.waitForJob(in: "cancelled") { $0.source.directory.hasSuffix("sh010") }
      try volume.remount("size=4m,nr_inodes=100")
      try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("sh020") }
      try tree.shell("rm", "\(tree.destination)/filler")
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents("sh020", frames: 3, bytes: 20_000))
    }
  }

  @Test(
    "with 64 descriptors a thousand frames in a hundred directories and three more deliveries arrive, and nothing fails"
  )
  func fewDescriptors() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(
        in: folder,
        rules: """
          hotplate: 1
          rules:
            - rule: packages
              match: 'package/{part}/f.{frame}.exr'
              together: '/package/'
              ready: { quiet: 500ms }
              to: 'packages/{part}/f.{frame}.exr'
            - rule: shots
              match: '{shot}.{frame}.exr'
              ready: { quiet: 500ms }
              to: 'shots/{shot}/{name}'
          """)
      let daemon = try tree.start(under: ["prlimit", "--nofile=64", "--"])
      for part in 1...100 {
        try FrameFactory.sequence(
          in: "\(tree.drop)/package/part\(part)", frames: 1...10, bytes: 3000
        ) { "f.\($0).exr" }
      }
      for shot in ["a", "b", "c"] {
        try FrameFactory.sequence(in: "\(tree.drop)/\(shot)", frames: 1...20, bytes: half) {
          "\(shot).\($0).exr"
        }
      }
      try waitUntil("four deliveries; \(daemon.errors)", within: .seconds(120)) {
        try daemon.jobs().count { $0.state == "done" } == 4
      }
      #expect(try daemon.jobs().count == 4)
      #expect(try TreeDigest(of: tree.destination).contents.count == 1060)
    }
  }
}

extension HotFolderTree {
  /// Drops a sequence that ``rules(transfer:quiet:)`` takes, all of it at once.
  fileprivate func drop(_ shot: String, frames: Int, bytes: Int) throws {
    try shell("mv", "--", try make(shot, frames: frames, bytes: bytes), "\(drop)/\(shot)")
  }
}

extension Daemon {
  /// Waits until a job waits for room.
  @discardableResult
  fileprivate func waitForFull() throws -> JobView {
    var found: JobView?
    try waitUntil("a job that waits for room; \(errors)") {
      found = try jobs().first { $0.over == "full" }
      return found != nil
    }
    return found!
  }
}
