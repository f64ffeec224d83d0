import Files
import Foundation
import Paths
import TestSupport
import Testing

/// One rule with these lines added; the quiet time is short.
private func rules(_ more: String, to: String = "shots/{shot}/v{version:03d}/{name}") -> String {
  """
  hotplate: 1
  defaults: { ready: { quiet: 200ms } }
  rules:
    - rule: renders
      match: '{shot}_v{version}.{frame}.exr'
      to: '\(to)'
  \(more.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))
  """
}

extension HotFolderTree {
  /// Real frames, as a renderer leaves them.
  fileprivate func render(_ shot: String, _ count: Int) throws {
    let folder = try folder.makeDirectory("drop/\(shot)")
    for frame in 1...count {
      try shell(
        "oiiotool", "--create", "64x64", "3", "--noise:type=uniform", "-d", "half", "-o",
        "\(folder)/\(shot)_v1.\(frame).exr")
    }
  }

  fileprivate func arrivals(_ daemon: Daemon) throws -> String {
    try daemon.hotplate(["arrivals"]).out
  }

  fileprivate func inode(_ path: String) throws -> UInt64 {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw Failure("no \(path)") }
    return UInt64(status.st_ino)
  }
}

extension Promises {
  @Test(
    "an EXR that ends early keeps its sequence waiting, is named with what it lacks, and goes when it is rewritten"
  )
  func truncatedFrame() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(""))
      let daemon = try tree.start()
      try tree.render("whole", 2)
      try tree.shell("mkdir", "\(tree.drop)/cut")
      let frame = "\(tree.drop)/cut/cut_v1.1.exr"
      try tree.shell("sh", "-c", "head -c 5000 '\(tree.drop)/whole/whole_v1.1.exr' > '\(frame)'")
      try waitUntil("the cut frame to be named; \(daemon.errors)") {
        let text = try tree.arrivals(daemon)
        return text.contains("cut_v1.1.exr is not whole")
      }
      try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("whole") }
      #expect(access("\(tree.destination)/shots/cut", F_OK) != 0)
      let cut = try #require(try daemon.jobs().first { $0.source.directory.hasSuffix("cut") })
      let strip = try tree.get("/api/v1/jobs/\(cut.id)/strip")
      #expect(strip.contains(#""runs":[["damaged",1]]"#), "\(strip)")

      try tree.shell("cp", "--", "\(tree.drop)/whole/whole_v1.1.exr", frame)
      try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("cut") }
    }
  }

  @Test("a delivery waits until its manifest's digests are right, and says which file is not")
  func manifest() async throws {
    try await inTemporaryFolder { folder in
      let text = """
        hotplate: 1
        defaults: { together: '/{package}/', ready: { quiet: 200ms, manifest: '*.md5' } }
        rules:
          - rule: frames
            match: '{shot}_v{version}.{frame}.dat'
            to: '{package}/{name}'
        """
      let tree = try HotFolderTree(in: folder, rules: text)
      let made = try folder.makeDirectory("made/pkg")
      for frame in 1...3 {
        try FrameFactory.write(seed: UInt64(frame), bytes: 5000, to: "\(made)/sh_v1.\(frame).dat")
      }
      try tree.shell("sh", "-c", "cd '\(made)' && md5sum *.dat > ../all.md5")
      let daemon = try tree.start()
      try tree.shell("cp", "-r", "--", made, tree.drop)
      try tree.shell(
        "sh", "-c", "printf x | dd of='\(tree.drop)/pkg/sh_v1.2.dat' conv=notrunc status=none")
      try waitUntil("it to wait for the manifest; \(daemon.errors)") {
        try tree.arrivals(daemon).contains("waiting for a manifest")
      }
      try tree.shell("cp", "--", "\(folder.path)/made/all.md5", "\(tree.drop)/pkg/")
      try waitUntil("the wrong file to be named; \(daemon.errors)") {
        let text = try tree.arrivals(daemon)
        return text.contains("sh_v1.2.dat has another")
      }
      #expect(try TreeDigest(of: tree.destination).entries.isEmpty)
      try tree.shell("cp", "--", "\(made)/sh_v1.2.dat", "\(tree.drop)/pkg/")
      try daemon.waitForJob(in: "done")
      #expect(
        try TreeDigest(of: "\(tree.destination)/pkg").contents == TreeDigest(of: made).contents)
    }
  }

  @Test("manifests side by side in one folder each speak of their own sequence only")
  func manifestsSideBySide() async throws {
    try await inTemporaryFolder { folder in
      let text = rules("ready: { quiet: 200ms, manifest: '*.md5' }").replacingOccurrences(
        of: "exr", with: "dat")
      let tree = try HotFolderTree(in: folder, rules: text)
      let made = try folder.makeDirectory("made/in")
      for shot in ["aa", "bb"] {
        try FrameFactory.sequence(in: made, frames: 1...2, bytes: 100) { "\(shot)_v1.\($0).dat" }
        try tree.shell("sh", "-c", "cd '\(made)' && md5sum \(shot)_v1.* > \(shot).md5")
      }
      let daemon = try tree.start()
      try tree.shell("cp", "-r", "--", made, tree.drop)
      try waitUntil("both to be done; \(daemon.errors)") {
        try daemon.jobs().filter { $0.state == "done" }.count == 2
      }
    }
  }

  @Test(
    "version-up goes beside what is there under the next number, and so does a layer that comes later"
  )
  func versionUp() async throws {
    try await inTemporaryFolder { folder in
      let text = """
        hotplate: 1
        rules:
          - rule: layers
            match: '{shot}_{layer}_v{version}.{frame}.exr'
            ready: { quiet: 200ms }
            conflict: version-up
            to: '{shot}/v{version:03d}/{layer}/{shot}_{layer}_v{version:03d}.{frame:04d}.exr'
        """
      let tree = try HotFolderTree(in: folder, rules: text)
      try FrameFactory.sequence(
        in: "\(tree.destination)/sh/v001/rgba", frames: 1...2, bytes: 10
      ) { "sh_rgba_v001.000\($0).exr" }
      _ = try folder.makeDirectory("destination/sh/v006")
      let before = try TreeDigest(of: tree.destination)
      var daemon = try tree.start()
      try FrameFactory.sequence(in: "\(tree.drop)/in", frames: 1...3, bytes: 500) {
        "sh_rgba_v1.\($0).exr"
      }
      let first = try daemon.waitForJob(in: "done")
      #expect(first.destination?.directory == "\(tree.destination)/sh/v007/rgba")
      #expect(first.destination?.pattern == "sh_rgba_v007.#.exr")

      // The choice is remembered over a restart.
      try daemon.terminate()
      daemon = try tree.start()
      try FrameFactory.sequence(in: "\(tree.drop)/in", frames: 1...3, bytes: 500) {
        "sh_z_v1.\($0).exr"
      }
      let second = try daemon.waitForJob(in: "done") { $0.id != first.id }
      #expect(second.destination?.directory == "\(tree.destination)/sh/v007/z")
      let after = try TreeDigest(of: tree.destination)
      #expect(before.entries.allSatisfy { after.entries[$0.key] == $0.value })

      // A late frame of the first layer joins it.
      try FrameFactory.write(seed: 9, bytes: 500, to: "\(tree.drop)/in/sh_rgba_v1.4.exr")
      let third = try daemon.waitForJob(in: "done") { ![first.id, second.id].contains($0.id) }
      #expect(third.destination?.directory == "\(tree.destination)/sh/v007/rgba")

      // A changed one takes the whole layer along under the next number; what was published stays.
      let published = try TreeDigest(of: "\(tree.destination)/sh/v007")
      try FrameFactory.overwrite([1, 2, 3], in: "\(tree.drop)/in/sh_rgba_v1.2.exr")
      let fourth = try daemon.waitForJob(in: "done") {
        ![first.id, second.id, third.id].contains($0.id)
      }
      #expect(fourth.destination?.directory == "\(tree.destination)/sh/v008/rgba")
      #expect(fourth.frames.published == 4)
      #expect(try TreeDigest(of: "\(tree.destination)/sh/v007") == published)
    }
  }

  @Test(
    "replace puts each new frame in the place of the old one, and a cancel before that leaves the old ones"
  )
  func replace() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules("conflict: replace"))
      let place = "\(tree.destination)/shots/sh/v001"
      try FrameFactory.sequence(in: place, frames: 1...40, bytes: 2_000_000) { "sh_v1.\($0).exr" }
      let before = try TreeDigest(of: tree.destination)
      let made = try folder.makeDirectory("made/sh")
      for frame in 1...40 {
        try FrameFactory.write(
          seed: UInt64(1000 + frame), bytes: 2_000_000, to: "\(made)/sh_v1.\(frame).exr")
      }
      let daemon = try tree.start()
      try tree.shell("cp", "-r", "--", made, tree.drop)
      try waitUntil("a few frames in staging; \(daemon.errors)") { tree.stagedFiles() >= 3 }
      try tree.touch("sh/.cancel")
      let cancelled = try daemon.waitForJob(in: "cancelled")
      try waitUntil("no trace") { tree.hasNoTrace() }
      #expect(try TreeDigest(of: tree.destination).difference(from: before) == [])

      try tree.shell("rm", "--", "\(tree.drop)/sh/.cancel")
      try daemon.waitForJob(in: "done") { $0.id != cancelled.id && $0.state != "cancelled" }
      #expect(try TreeDigest(of: place).contents == TreeDigest(of: made).contents)
      try waitUntil("no trace") { tree.hasNoTrace() }
    }
  }

  @Test(
    "each way of transfer does what it says, and the job tells which was used for each frame",
    arguments: ["hardlink", "symlink", "[reflink, hardlink, copy]", "reflink"])
  func transfers(_ transfer: String) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules("transfer: \(transfer)"))
      let daemon = try tree.start()
      try FrameFactory.sequence(in: "\(tree.drop)/sh", frames: 1...3, bytes: 5000) {
        "sh_v1.\($0).exr"
      }
      let probe = try Command.run([
        "cp", "--reflink=always", "--", "\(tree.drop)/sh/sh_v1.1.exr", "\(folder.path)/probe",
      ])
      let clones = probe.status == 0
      let job = try daemon.waitForJob(in: "done", "failed")
      let published = "\(tree.destination)/shots/sh/v001/sh_v1.2.exr"
      let source = "\(tree.drop)/sh/sh_v1.2.exr"
      let detail = try daemon.hotplate(["show", job.id, "--json"]).out
      let methods =
        (try JSONSerialization.jsonObject(with: Data(detail.utf8)) as? [String: Any])?["methods"]
        as? [String]
      switch transfer {
      case "hardlink":
        #expect(try tree.inode(published) == tree.inode(source))
        #expect(methods == ["link", "link", "link"])
      case "symlink":
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: published) == source)
        #expect(methods == ["symlink", "symlink", "symlink"])
      case "reflink" where !clones:
        #expect(job.state == "failed")
        #expect(job.reason?.message.contains("reflink") == true)
        #expect(try TreeDigest(of: tree.destination).entries.isEmpty)
      default:
        #expect(job.state == "done")
        #expect(methods == Array(repeating: clones ? "clone" : "link", count: 3))
      }

      // A link changes its source's ctime; that is no new frame.
      guard job.state == "done" else { return }
      try daemon.terminate()
      let next = try tree.start()
      try tree.passThrough(next)
      #expect(try next.jobs().count == 2)
    }
  }

  @Test(
    "a rule's root picks the place that the configuration gives it; one that is not there holds the sequence"
  )
  func roots() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules("root: '{shot}'", to: "in/{name}"))
      _ = try folder.makeDirectory("moon")
      let config = """
        roots: { default: destination, moon: '${HOTPLATE_TEST_ROOT}/moon' }
        hot_folders: [{ path: drop }]
        state: state
        """
      try config.write(
        toFile: "\(folder.path)/hotplate.yaml", atomically: true, encoding: .utf8)
      let daemon = try Daemon(
        under: ["env", "HOTPLATE_TEST_ROOT=\(folder.path)"],
        arguments: ["watch", "--config", "\(folder.path)/hotplate.yaml", "--no-listen"],
        state: tree.state)
      folder.cleanUp { daemon.kill() }
      try daemon.waitUntilReady()
      for shot in ["moon", "mars"] {
        try FrameFactory.sequence(in: "\(tree.drop)/\(shot)", frames: 1...2, bytes: 100) {
          "\(shot)_v1.\($0).exr"
        }
      }
      try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("moon") }
      #expect(try TreeDigest(of: "\(folder.path)/moon").contents.count == 2)
      let held = try daemon.waitForJob(in: "held") { $0.source.directory.hasSuffix("mars") }
      #expect(held.reason?.message.contains("no root 'mars'") == true)
      #expect(try TreeDigest(of: tree.destination).entries.isEmpty)

      let unset = try Daemon(
        arguments: [
          "watch", "--config", "\(folder.path)/hotplate.yaml", "--state", "\(folder.path)/x",
        ],
        state: "\(folder.path)/x")
      #expect(try unset.waitForExit() == 65)
      #expect(unset.errors.contains("${HOTPLATE_TEST_ROOT} is not set"))
    }
  }
}
