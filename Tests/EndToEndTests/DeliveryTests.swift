import Files
import Foundation
import Paths
import TestSupport
import Testing

extension Promises {
  @Test(
    "400 frames dropped with cp -r arrive byte-identical under new names, and no one ever sees a part of them"
  )
  func wholeDelivery() async throws {
    let bytes = isFullSize ? 12_000_000 : 256_000
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(quiet: isFullSize ? "5s" : "1s"))
      let made = try tree.make("sh010", frames: 400, bytes: bytes)
      // Something else lies at the destination already, so that the sequence's directory is made inside another.
      _ = try folder.makeDirectory("destination/shots/sh009")
      let daemon = try tree.start()
      let lister = try DestinationLister(
        tree.destination,
        expected: Dictionary(
          uniqueKeysWithValues: (1001...1400).map { (published("sh010", $0), bytes) }))

      try tree.shell("cp", "-r", "--", made, tree.drop)
      let job = try daemon.waitForJob(in: "done", within: .seconds(300))
      try waitUntil("the lister to see it") { lister.soFar.whole > 0 }
      let sightings = lister.stop()

      #expect(sightings.partial == [])
      #expect(sightings.looks > 10)
      #expect(job.frames.expected == 400)
      #expect(job.frames.published == 400)
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents("sh010", frames: 400, bytes: bytes))
      #expect(
        try TreeDigest(of: "\(tree.drop)/sh010").contents == TreeDigest(of: made).contents,
        "a copy leaves its source as it is")
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
    }
  }

  @Test("a burst of 50,000 files in 50 directories loses none")
  func burst() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(quiet: "1s"))
      let daemon = try tree.start()
      var expected: [RelativePath: UInt64] = [:]
      for shot in 100..<150 {
        try FrameFactory.sequence(in: "\(tree.drop)/sh\(shot)", frames: 1...1000, bytes: 64) {
          "sh\(shot)_v1.\($0).exr"
        }
        expected.merge(tree.expectedContents("sh\(shot)", frames: 1000, bytes: 64)) { $1 }
      }
      try waitUntil("50 jobs done; \(daemon.errors)", within: .seconds(240)) {
        try daemon.jobs().filter { $0.state == "done" }.count >= 50
      }
      let found = try TreeDigest(of: tree.destination).contents
      #expect(found.count == 50_000)
      #expect(found == expected)
      #expect(try daemon.jobs().count == 50)
    }
  }

  @Test("what was ingested once is not ingested again after a restart, nor after a second one")
  func restart() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let made = try tree.make("sh010", frames: 10, bytes: 1000)
      var daemon = try tree.start()
      try tree.shell("cp", "-r", "--", made, tree.drop)
      let first = try daemon.waitForJob(in: "done")
      let published = try TreeDigest(of: "\(tree.destination)/shots/sh010")

      for round in 1...2 {
        #expect(try daemon.terminate() == 0)
        daemon = try tree.start()
        try tree.passThrough(daemon, shot: "after\(round)")
        let jobs = try daemon.jobs()
        #expect(jobs.count == 1 + round)
        #expect(jobs.last?.id == first.id)
        #expect(try TreeDigest(of: "\(tree.destination)/shots/sh010") == published)
      }
    }
  }

  @Test("frames that arrived while no daemon ran are taken at the next start")
  func arrivalsWhileDown() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      try tree.shell("cp", "-r", "--", try tree.make("sh010", frames: 10, bytes: 1000), tree.drop)
      let daemon = try tree.start()
      try daemon.waitForJob(in: "done")
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents("sh010", frames: 10, bytes: 1000))
    }
  }

  @Test(
    "a frame written over while its delivery is copied arrives as it was written last, or its job says why not",
    arguments: Rewrite.allCases)
  func rewrittenFrame(_ rewrite: Rewrite) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let made = try tree.make("sh010", frames: 40, bytes: 8_000_000)
      if rewrite == .ofFrameInCopy {
        // Long to copy, so that it can be written to meanwhile.
        try tree.shell("rm", "--", "\(made)/sh010_v1.1.exr")
        try FrameFactory.write(seed: 1, bytes: 200_000_000, to: "\(made)/sh010_v1.1.exr")
      }
      let daemon = try tree.start()
      try tree.shell("mv", "--", made, "\(tree.drop)/sh010")
      try waitUntil("staging to come so far") { tree.stagedFiles() >= rewrite.stagedFiles }
      let frame = rewrite == .ofFrameToCome ? 40 : 1
      let path = "\(tree.drop)/sh010/sh010_v1.\(frame).exr"
      try FrameFactory.overwrite([UInt8](repeating: 0, count: 1_000_000), in: path)

      let job = try daemon.waitForJob(in: "done", "held", "failed", "cancelled")
      let name = RelativePath("sh010/sh010_v1.\(frame).exr")!
      let written = try #require(try TreeDigest(of: tree.drop).contents[name])
      let arrived = try TreeDigest(of: tree.destination).contents[published("sh010", 1000 + frame)]
      if job.state == "done" {
        #expect(arrived == written)
      } else {
        // By now it may have arrived with the job after that.
        #expect(arrived == nil || arrived == written)
        #expect(job.reason != nil)
      }
    }
  }
}

/// When a frame is written over.
enum Rewrite: CaseIterable {
  case ofFrameToCome, ofFrameInCopy, ofFrameCopied

  /// What has been begun by then. Frames are copied in their order, a few at a time: while the long first one is copied,
  /// others come and go.
  var stagedFiles: Int {
    switch self {
    case .ofFrameToCome: 1
    case .ofFrameInCopy: 4
    case .ofFrameCopied: 30
    }
  }
}
