import Files
import Foundation
import Paths
import TestSupport
import Testing

extension Promises {
  @Test(
    "names that would lead out of the destination, or are too long for it, hold the arrival, which says why; nothing is made"
  )
  func refusedNames() async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try HotFolderTree(
        in: folder,
        rules: """
          hotplate: 1
          tokens: { dots: '[.]+' }
          rules:
            - rule: up
              match: 'a{dots}b_v1.{frame}.exr'
              ready: { quiet: 10ms }
              to: '{dots}/{dots}/{name}'
            - rule: long
              match: '{shot}_v2.{frame}.exr'
              ready: { quiet: 10ms }
              to: '{shot}/{shot}{shot}{shot}.{frame:04d}.exr'
          """)
      let long = String(repeating: "x", count: 100)
      for frame in 1...2 {
        try FrameFactory.write(seed: 1, bytes: 100, to: "\(tree.drop)/a..b_v1.\(frame).exr")
        try FrameFactory.write(seed: 1, bytes: 100, to: "\(tree.drop)/\(long)_v2.\(frame).exr")
      }
      let outcome = try tree.ingest()
      #expect(names(in: tree.destination) { _ in true } == [])
      #expect(
        Set(names(in: folder.path) { _ in true }) == ["drop", "destination", "rules", "state"])
      #expect(outcome.err.contains("'..', which is no name for a file"), "\(outcome.err)")
      #expect(outcome.err.contains("255"), "\(outcome.err)")
      #expect(try tree.journalledJobs().filter { $0.state == "done" }.isEmpty)
      #expect(tree.hasNoTrace())
    }
  }

  @Test(
    "a name of 255 bytes is staged and published as it is, from a directory deeper than a path can say",
    arguments: ["copy", "move"])
  func longNames(_ transfer: String) async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try HotFolderTree(
        in: folder,
        rules: """
          hotplate: 1
          rules:
            - rule: long
              match: '*.{frame}.exr'
              ready: { quiet: 10ms }
              to: 'in/{name}'
              transfer: \(transfer)
          """)
      let stem = String(repeating: "n", count: 255 - ".1.exr".utf8.count)
      let step = String(repeating: "d", count: 250)
      // 20 of them are more than PATH_MAX, 4096.
      let script = """
        cd "$1" && for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do mkdir "$2" && cd -P "$2" || exit 1; done
        printf one > "$3.1.exr" && printf two > "$3.2.exr"
        """
      try tree.shell("bash", "-c", script, "make", tree.drop, step, stem)
      let outcome = try tree.ingest()
      #expect(outcome.status == 0, "\(outcome.err.suffix(3000))")
      #expect(
        try TreeDigest(of: tree.destination).contents == [
          RelativePath("in/\(stem).1.exr")!: contentDigest(Array("one".utf8)),
          RelativePath("in/\(stem).2.exr")!: contentDigest(Array("two".utf8)),
        ])
      #expect(try tree.journalledJobs().map(\.state) == ["done"])
    }
  }

  @Test("a move of frames that have other names too leaves those as they are, and says so")
  func otherNames() async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try KilledJob.move.tree(in: folder)
      let other = "\(folder.path)/other.exr"
      try tree.shell("ln", "\(tree.drop)/sh010/sh010_v1.1.exr", other)
      let outcome = try tree.ingest()
      #expect(outcome.status == 0, "\(outcome.err)")
      try KilledJob.move.checkEnd(tree, "other names")
      #expect(
        FileManager.default.contents(atPath: other).map(Array.init)
          == FrameFactory.content(seed: 1, bytes: 3000))
      let job = try #require(try tree.journalledJobs().first)
      let shown = try Command.run([try Daemon.program, "show", job.id, "--state", tree.state]).out
      #expect(shown.contains("other names still hold 1 of the moved files"), "\(shown)")
    }
  }

  @Test(
    "a directory of many files that nobody wants keeps nothing else waiting, and costs bounded memory"
  )
  func crowdedDirectory() async throws {
    let count = isFullSize ? 1_000_000 : 30_000
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let crowd = try folder.makeDirectory("drop/crowd")
      for number in 0..<count {
        try FrameFactory.write([], to: Array("\(crowd)/\(number).txt".utf8))
      }
      try FrameFactory.sequence(in: "\(tree.drop)/sh010", frames: 1...3, bytes: 1000) {
        "sh010_v1.\($0).exr"
      }
      let daemon = try tree.start()
      try daemon.waitForJob(in: "done")
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents("sh010", frames: 3, bytes: 1000))
      #expect(daemon.peakBytes < 400_000_000 + 1500 * count)
    }
  }
}
