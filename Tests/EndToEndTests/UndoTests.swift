import Files
import Foundation
import Paths
import TestSupport
import Testing

private let shot = "sh010"
private let frames = 12
private let bytes = 300_000

extension Promises {
  @Test(
    "undo takes back what a job published, a move has its sources again, and nothing comes again by itself, until retry",
    arguments: ["copy", "move", "hardlink", "symlink"])
  func undo(transfer: String) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(transfer: transfer))
      try tree.shell("mkdir", "-p", "\(tree.destination)/shots")
      let before = try TreeDigest(of: tree.destination)
      let (daemon, job, sources) = try tree.deliver()

      let outcome = try daemon.hotplate(["undo", job.id])
      #expect(outcome.status == 0, "\(outcome.out)\(outcome.err)")
      #expect(outcome.out.contains("done (undone)"))
      #expect(try TreeDigest(of: tree.destination).difference(from: before) == [])
      #expect(try TreeDigest(of: tree.drop).contents == sources)
      #expect(tree.hasNoTrace())
      let undone = try #require(try daemon.jobs().first { $0.id == job.id })
      #expect(undone.state == "done" && undone.frames.published == 0)
      #expect(undone.reason?.code == "undone" && undone.reason?.by != nil)
      let story = try daemon.hotplate(["show", job.id]).out
      #expect(story.contains("\(frames) published files removed"))
      #expect(story.contains("\(frames) sources put back") == (transfer == "move"))
      #expect(story.contains("2 directories removed"))

      // Not in this run, nor in the next.
      try tree.passThrough(daemon)
      try daemon.terminate()
      let next = try tree.start()
      try tree.passThrough(next, shot: "later")
      #expect(try next.jobs(of: shot) == [job.id])
      #expect(access("\(tree.destination)/shots/\(shot)", F_OK) != 0)
      let arrivals = try next.hotplate(["arrivals"]).out
      #expect(arrivals.contains("undone by hand"), "\(arrivals)")

      #expect(try next.hotplate(["undo", job.id]).status == 1, "nothing is left to undo")
      #expect(try next.hotplate(["retry", job.id]).status == 0)
      try next.waitForJob(in: "done") {
        $0.id != job.id && $0.source.directory.hasSuffix(shot)
      }
      if transfer != "symlink" {
        #expect(
          try TreeDigest(of: "\(tree.destination)/shots/\(shot)").contents.count == frames)
      }
      #expect(try next.hotplate(["retry", job.id]).status == 1, "it was tried again already")
    }
  }

  @Test("undo keeps and names what has changed since it was published, and takes back the rest")
  func undoInPart() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(transfer: "move"))
      let (daemon, job, sources) = try tree.deliver()
      let changed = published(shot, 1003)
      try Data([1, 2, 3]).write(to: URL(filePath: "\(tree.destination)/\(changed)"))
      try FrameFactory.write([4], to: Array("\(tree.destination)/shots/\(shot)/note".utf8))

      let outcome = try daemon.hotplate(["undo", job.id])
      #expect(outcome.status == 1)
      #expect(outcome.out.contains("done (undone in part)"))
      let left = try TreeDigest(of: tree.destination)
      #expect(
        Set(left.contents.keys) == [changed, RelativePath("shots/\(shot)/note")!])
      #expect(left.contents[changed] == contentDigest([1, 2, 3]))
      let back = try TreeDigest(of: tree.drop).contents
      #expect(back == sources.filter { !$0.key.description.contains(".3.") })
      let story = try daemon.hotplate(["show", job.id]).out
      #expect(story.contains("kept \(changed): changed since it was published"), "\(story)")
      #expect(tree.hasNoTrace())
      try tree.passThrough(daemon)
      #expect(try daemon.jobs(of: shot) == [job.id])
    }
  }

  @Test("undo touches nothing where a source is gone, and says which")
  func undoWithoutSource() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let (daemon, job, _) = try tree.deliver()
      let there = try TreeDigest(of: tree.destination)
      try tree.shell("rm", "--", "\(tree.drop)/\(shot)/\(shot)_v1.5.exr")
      let outcome = try daemon.hotplate(["undo", job.id])
      #expect(outcome.status == 1)
      #expect(outcome.err.contains("\(shot)_v1.5.exr is not in the hot folder any more"))
      // One that only its bytes betray.
      let source = "\(tree.drop)/\(shot)/\(shot)_v1.6.exr"
      try Data(FrameFactory.content(seed: 99, bytes: bytes)).write(to: URL(filePath: source))
      try tree.shell("cp", "--", source, "\(tree.drop)/\(shot)/\(shot)_v1.5.exr")
      try daemon.waitForJob(in: "held") { $0.source.directory.hasSuffix(shot) && $0.id != job.id }
      _ = try daemon.hotplate(["undo", job.id])
      #expect(try TreeDigest(of: tree.destination).difference(from: there) == [])
      #expect(
        try daemon.jobs().first { $0.id == job.id }.map { [$0.state, $0.reason?.code] }
          == ["done", "undo-refused"])
    }
  }

  @Test("undo leaves what another job counts on, and what was there before")
  func undoOfSharedFiles() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let (daemon, first, _) = try tree.deliver()
      try tree.shell("cp", "-r", "--", "\(tree.drop)/\(shot)", "\(tree.drop)/copy")
      let second = try daemon.waitForJob(in: "done") { $0.source.directory.hasSuffix("copy") }
      let there = try TreeDigest(of: tree.destination)
      let one = try daemon.hotplate(["undo", first.id])
      #expect(one.status == 1)
      #expect(one.err.contains("job \(second.id) delivered the same files to the same place"))
      let other = try daemon.hotplate(["undo", second.id])
      #expect(other.status == 1)
      #expect(other.err.contains("all of it was there before"))
      #expect(try TreeDigest(of: tree.destination).difference(from: there) == [])
    }
  }

  @Test(
    "a held version goes its way once the one that stands in it is undone and it is tried again")
  func undoMakesWay() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let (daemon, first, _) = try tree.deliver()
      try FrameFactory.sequence(in: "\(tree.drop)/new", frames: 21...23, bytes: 100) {
        "\(shot)_v1.\($0).exr"
      }
      let held = try daemon.waitForJob(in: "held") { $0.source.directory.hasSuffix("new") }
      #expect(try daemon.hotplate(["undo", first.id]).status == 0)
      #expect(try daemon.hotplate(["retry", held.id]).status == 0)
      let done = try waitForDone(daemon, held.id)
      #expect(done.frames.published == 3)
      #expect(try TreeDigest(of: tree.destination).contents.count == 3)
    }
  }

  @Test("retry takes a held job again once its way is free, and what was cancelled by hand")
  func retry() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let taken = "\(tree.destination)/\(published(shot, 1002))"
      try tree.shell("mkdir", "-p", "\(tree.destination)/shots/\(shot)/v001")
      try FrameFactory.write([7], to: Array(taken.utf8))
      let daemon = try tree.start()
      try tree.shell("mv", "--", try tree.make(shot, frames: 3, bytes: 100), tree.drop)
      let held = try daemon.waitForJob(in: "held")
      #expect(held.reason?.message.contains("hotplate retry") == true)
      #expect(try daemon.hotplate(["retry", held.id]).status == 0)
      try daemon.waitForJob(in: "held")
      try tree.shell("rm", "--", taken)
      #expect(try daemon.hotplate(["retry", held.id]).status == 0)
      let done = try waitForDone(daemon, held.id)
      #expect(done.frames.published == 3)

      try tree.shell(
        "mv", "--", try tree.make("sh020", frames: 3, bytes: 100), "\(tree.drop)/sh020")
      let waiting = try waitForJob(daemon, "sh020")
      let cancel = try daemon.hotplate(["cancel", waiting.id])
      try tree.passThrough(daemon)
      if cancel.status == 0 {
        #expect(try daemon.jobs(of: "sh020") == [waiting.id])
        #expect(try daemon.hotplate(["retry", waiting.id]).status == 0)
        try daemon.waitForJob(in: "done") {
          $0.id != waiting.id && $0.source.directory.hasSuffix("sh020")
        }
      }
    }
  }

  @Test(
    "without a daemon, and for a job that is none, retry and undo end with their documented status")
  func undoStatus() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let (daemon, job, _) = try tree.deliver()
      for command in ["retry", "undo"] {
        #expect(try daemon.hotplate([command, "ffffffff"]).status == 66)
        #expect(try daemon.hotplate([command]).status == 64)
      }
      #expect(try daemon.hotplate(["retry", job.id]).err.contains("it is done"))
      try daemon.terminate()
      for command in ["retry", "undo"] {
        #expect(try daemon.hotplate([command, job.id]).status == 69)
      }
    }
  }

  @Test(
    "kill -9 in the middle of an undo, again and again, then a start: it is undone, once, and no frame is lost",
    arguments: [
      Strike(transfer: "copy", call: "mkdirat"), Strike(transfer: "copy", call: "renameat2"),
      Strike(transfer: "copy", call: "unlinkat"), Strike(transfer: "copy", call: "fsync"),
      Strike(transfer: "copy", call: "pwrite64"),
      Strike(transfer: "move", call: "linkat"), Strike(transfer: "move", call: "renameat2"),
      Strike(transfer: "move", call: "unlinkat"), Strike(transfer: "move", call: "fsync"),
      Strike(transfer: "move", call: "fdatasync"),
    ])
  func killedUndo(at strike: Strike) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(transfer: strike.transfer))
      let (first, job, sources) = try tree.deliver()
      try first.terminate()
      var nth = 1
      var struck = 0
      var isUndone = false
      while !isUndone {
        let daemon = try tree.launch(under: strike.killer(at: nth))
        try waitUntil("the daemon to be ready or killed") {
          access("\(tree.state)/hotplate.sock", F_OK) == 0
            && (try? daemon.hotplate(["undo", job.id]).status) != 69 || !daemon.isRunning
        }
        let wasKilled = !daemon.isRunning
        if wasKilled { struck += 1 }
        #expect(try tree.lostFrames(sources) == [], "after a kill at \(strike) \(nth)")
        daemon.kill()
        isUndone = !wasKilled
        nth += 1 + nth / 3
        // Every thread counts for itself, so that later calls than those of an undo are not met.
        #expect(nth < 10_000)
      }
      #expect(struck > 0)

      let daemon = try tree.start()
      try waitUntil("the undo to end") {
        try daemon.jobs().first { $0.id == job.id }?.reason?.code == "undone"
      }
      #expect(try TreeDigest(of: tree.destination).contents == [:])
      #expect(access("\(tree.destination)/shots", F_OK) != 0)
      #expect(try TreeDigest(of: tree.drop).contents == sources)
      #expect(tree.hasNoTrace())
      try tree.passThrough(daemon)
      #expect(try daemon.jobs(of: shot) == [job.id], "it was taken again")
    }
  }
}

private func waitForDone(_ daemon: Daemon, _ id: String) throws -> JobView {
  var job: JobView?
  try waitUntil("job \(id) to be done") {
    job = try daemon.jobs().first { $0.id == id && $0.state == "done" }
    return job != nil
  }
  return job!
}

private func waitForJob(_ daemon: Daemon, _ shot: String) throws -> JobView {
  var job: JobView?
  try waitUntil("a job of \(shot)") {
    job = try daemon.jobs().first { $0.source.directory.hasSuffix(shot) }
    return job != nil
  }
  return job!
}

extension Daemon {
  fileprivate func jobs(of shot: String) throws -> [String] {
    try jobs().filter { $0.source.directory.hasSuffix(shot) }.map(\.id)
  }
}

extension HotFolderTree {
  /// Starts the daemon and has one delivery done.
  ///
  /// - Returns: with what lay in the hot folder before.
  fileprivate func deliver() throws -> (Daemon, JobView, [RelativePath: UInt64]) {
    try shell("mv", "--", try make(shot, frames: frames, bytes: bytes), "\(drop)/\(shot)")
    let sources = try TreeDigest(of: drop).contents
    let daemon = try start()
    let job = try daemon.waitForJob(in: "done")
    return (daemon, job, sources)
  }

  /// Frames that lie whole neither in the hot folder nor at the destination, be it on their way.
  fileprivate func lostFrames(_ sources: [RelativePath: UInt64]) throws -> [RelativePath] {
    let lying = Set(
      try TreeDigest(of: drop).contents.filter {
        !$0.key.components.contains(where: isStaging)
      }.values
    )
    .union(try TreeDigest(of: destination).contents.values)
    return sources.filter { !lying.contains($0.value) }.keys.sorted()
  }
}
