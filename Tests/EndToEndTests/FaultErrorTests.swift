import Files
import Foundation
import Paths
import Synchronization
import TestSupport
import Testing

private let shot = "sh010"

extension Promises {
  @Test(
    "an error from any call on the frames, once or for good, loses no frame and shows none in part: the job is done, has failed or says why it waits, and is done when the disk is well again",
    arguments: KilledJob.allCases)
  func errorsAtEveryCall(_ job: KilledJob) async throws {
    let report = Mutex(ErrorReport())
    for call in FailingCall.allCases {
      let made = try await call.count(in: job)
      if made == 0 {
        report.withLock { $0.notMade.append(call.rawValue) }
        continue
      }
      try await inLanes(call.injuries(made), lanes: 6) { injury in
        try await inTemporaryFolder(in: quickPlace) { folder in
          let outcome = try injury.inflict(on: job, in: folder)
          report.withLock { $0.add(outcome) }
        }
      }
    }
    let said = report.withLock { $0 }
    print("an error from every call, \(job): \(said.summary)")
    #expect(said.struck > 20)
  }

  @Test(
    "frames that the disk does not give up are each named with the byte, and a passing error of it is not noticed"
  )
  func unreadableFrames() async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      // Nothing looks into the files before they are copied.
      let tree = try HotFolderTree(in: folder, rules: rules(quiet: "10ms, whole: no"))
      try FrameFactory.sequence(in: "\(tree.drop)/\(shot)", frames: 1...5, bytes: 2_500_000) {
        "\(shot)_v1.\($0).exr"
      }
      for (bad, from, byte) in [([2, 4], 1, 0), ([3], 2, 1 << 20)] {
        let gate = CallGate(
          .fail(EIO, from: from), calls: ["pread64"], about: bad.map { "*_v1.\($0).exr" },
          in: folder, name: "bad from \(from)")
        let outcome = try tree.ingest(under: gate.wrapper)
        #expect(outcome.status == 1)
        let failed = try #require(try tree.journalledJobs().first)
        #expect(failed.state == "failed")
        #expect(failed.reason?.code == "io")
        let message = failed.reason?.message ?? ""
        #expect(message.hasPrefix("\(bad.count) file"), "\(message)")
        for frame in 1...5 {
          let isNamed = message.contains("_v1.\(frame).exr at byte \(byte): ")
          #expect(isNamed == bad.contains(frame), "\(message)")
        }
        // Asked for again, but not for ever.
        #expect(try gate.told().count == from - 1 + 3 * bad.count)
        #expect(tree.hasNoTrace())
        #expect(names(in: tree.destination) { _ in true } == [])
      }

      let passing = CallGate(
        .fail(EIO, from: 3, times: 2), calls: ["pread64"], about: ["*_v1.2.exr"], in: folder,
        name: "passing")
      let second = try tree.ingest(under: passing.wrapper)
      #expect(second.status == 0, "\(second.err)")
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents(shot, frames: 5, bytes: 2_500_000))
    }
  }

  @Test(
    "a frame that cannot be looked into keeps its sequence back, and arrivals names it and the byte"
  )
  func unreadableBeginning() async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try KilledJob.copy.tree(in: folder)
      for (times, status) in [(nil, 1), (1, 0)] as [(Int?, Int32)] {
        let gate = CallGate(
          .fail(EIO, times: times), calls: ["pread64"], about: ["*/drop/*_v1.2.exr"], in: folder,
          name: "\(status)")
        let outcome = try tree.ingest(under: gate.wrapper)
        #expect(outcome.status == status, "\(outcome.err)")
        #expect(outcome.err.contains("_v1.2.exr at byte 0: ") == (status != 0))
        #expect(outcome.err.contains("_v1.1.exr") == false)
      }
      try KilledJob.copy.checkEnd(tree, "the disk is well again")
    }
  }

  @Test(
    "a sync that failed is not believed when it passes the second time: a move keeps its sources, and says so"
  )
  func failedSyncOfAMove() async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try KilledJob.move.tree(in: folder)
      let sources = try TreeDigest(of: tree.drop)
      // The directory of the final names, once they are there.
      let gate = CallGate(
        .fail(EIO, times: 1), calls: ["fsync"], about: ["*/destination/shots/\(shot)/v001"],
        in: folder)
      let first = try tree.ingest(under: gate.wrapper)
      #expect(try gate.struck() != nil)
      #expect(first.status == 0, "\(first.err)")
      let job = try #require(try tree.journalledJobs().first)
      #expect(job.state == "done")
      #expect(!job.durable)
      #expect(try TreeDigest(of: tree.drop).difference(from: sources) == [])
      let shown = try Command.run([try Daemon.program, "show", job.id, "--state", tree.state]).out
      #expect(shown.contains("the sources stay: ") && shown.contains("fsync"))
      #expect(tree.hasNoTrace())

      // Nor is it in the next life.
      #expect(try tree.ingest().status == 0)
      #expect(try TreeDigest(of: tree.drop).difference(from: sources) == [])
      #expect(try tree.journalledJobs().count == 1)
    }
  }

  @Test(
    "a source whose own sync failed is not moved by a link to it: its bytes are written anew")
  func failedSyncOfASource() async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try KilledJob.move.tree(in: folder)
      let before = try TreeDigest(of: tree.drop).entries
      let gate = CallGate(
        .fail(EIO, times: 1), calls: ["fdatasync"], about: ["*/drop/*_v1.2.exr"], in: folder)
      let outcome = try tree.ingest(under: gate.wrapper)
      #expect(outcome.status == 0, "\(outcome.err)")
      #expect(try gate.struck() != nil)
      let after = try TreeDigest(of: tree.destination).entries
      for (frame, isLink) in [(1, true), (2, false)] {
        let old = before[RelativePath("\(shot)/\(shot)_v1.\(frame).exr")!]
        let new = after[published(shot, 1000 + frame)]
        #expect((old?.inode == new?.inode) == isLink)
        #expect(old?.digest == new?.digest)
      }
    }
  }

  @Test("a copy whose background sync failed is never called durable, by the next start neither")
  func failedBackgroundSync() async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try KilledJob.copy.tree(in: folder)
      let gate = CallGate(
        .fail(EIO, times: 1), calls: ["fsync"], about: ["*/v001/*.1002.exr"], in: folder)
      for wrapper in [try gate.wrapper, []] {
        let outcome = try tree.ingest(under: wrapper)
        #expect(outcome.status == 0, "\(outcome.err)")
        let jobs = try tree.journalledJobs()
        #expect(jobs.map(\.state) == ["done"])
        #expect(jobs.map(\.durable) == [false])
      }
      #expect(try gate.struck() != nil)
    }
  }

  @Test("a copy whose sync failed is never published: its bytes are staged anew")
  func failedSyncOfACopy() async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try KilledJob.replace.tree(in: folder)
      let before = try TreeDigest(of: tree.destination)
      let gate = CallGate(
        .fail(EIO, times: 1), calls: ["fdatasync"], about: ["*/tree/*.1002.exr"], in: folder)
      let first = try tree.ingest(under: gate.wrapper)
      #expect(first.status == 1)
      #expect(try tree.journalledJobs().map(\.state) == ["failed"])
      #expect(try TreeDigest(of: tree.destination).difference(from: before) == [])
      #expect(try tree.ingest().status == 0)
      #expect(
        try TreeDigest(of: tree.destination).contents
          == tree.expectedContents(shot, frames: 2, bytes: 3000))
    }
  }
}

/// The calls that are made to fail, on frames and their directories; the journal's are other tests'.
private enum FailingCall: String, CaseIterable {
  case pread64, pwrite64, fsync, fdatasync, renameat2, linkat, unlinkat, mkdirat, openat2, statx
  case fallocate

  private func gate(_ deed: CallGate.Deed, _ folder: TemporaryFolder) -> CallGate {
    let places = ["\(folder.path)/drop*", "\(folder.path)/destination*"]
    return CallGate(deed, calls: [rawValue], about: places, in: folder)
  }

  /// Small files are not set aside for.
  fileprivate var bytes: Int { self == .fallocate ? 1_200_000 : 3000 }

  /// How often a job that nothing disturbs makes it.
  func count(in job: KilledJob) async throws -> Int {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try job.tree(in: folder, bytes: bytes)
      let gate = gate(.count, folder)
      let outcome = try tree.ingest(under: gate.wrapper)
      guard outcome.status == 0 else { throw Failure(outcome.err) }
      return try gate.told().count
    }
  }

  func injuries(_ made: Int) -> [Injury] {
    let moments = isFullSize ? [1, 2, 3, made] : [1, made]
    let errors = isFullSize ? [EIO, ENOSPC, EDQUOT] : [EIO]
    var all: [Injury] = []
    for errno in errors {
      for moment in Set(moments).sorted() {
        for isLasting in [false, true] where isFullSize || !isLasting || moment == 1 {
          all.append(Injury(call: self, errno: errno, from: moment, isLasting: isLasting))
        }
      }
    }
    return all
  }

  struct Injury: Sendable, CustomStringConvertible {
    let call: FailingCall
    let errno: Int32
    let from: Int
    let isLasting: Bool

    var description: String {
      "\(call) \(String(cString: strerror(errno))) at \(from)\(isLasting ? " and on" : "")"
    }

    func inflict(on job: KilledJob, in folder: TemporaryFolder) throws -> Outcome {
      let tree = try job.tree(in: folder, bytes: call.bytes)
      let gate = call.gate(.fail(errno, from: from, times: isLasting ? nil : 1), folder)
      let daemon = try tree.startIngest(under: gate.wrapper)
      var outcome = Outcome(injury: self, wasStruck: false, ended: .byItself)
      var said = ""
      try waitUntil("an end, or a word why not; \(job), \(self): \(daemon.errors)") {
        guard daemon.isRunning else { return true }
        said = try tree.whyItWaits(daemon)
        return !said.isEmpty
      }
      try job.checkBetween(tree, "\(job), \(self): \(daemon.errors)", bytes: call.bytes)
      if daemon.isRunning {
        // The disk is well again.
        outcome.ended = .afterWaiting
        try gate.open()
      }
      let status = try daemon.waitForExit()
      let story = "\(job), \(self); \(said); \(daemon.errors)"
      outcome.wasStruck = try gate.struck() != nil
      #expect(status < 128, "a crash: \(story)")
      if status != 0 {
        outcome.ended = .failed
        #expect(daemon.errors.contains(String(cString: strerror(errno))), "no reason: \(story)")
      }
      try job.checkBetween(tree, story, bytes: call.bytes)
      let next = try tree.ingest()
      #expect(next.status == 0, "the next start: \(next.err); \(story)")
      try job.checkEnd(
        tree, story, bytes: call.bytes, afterFailure: true,
        mayKeep: call == .fsync || call == .fdatasync)
      return outcome
    }
  }

  struct Outcome: Sendable {
    enum End: Sendable { case byItself, afterWaiting, failed }
    let injury: Injury
    var wasStruck: Bool
    var ended: End
  }
}

private struct ErrorReport: Sendable {
  var notMade: [String] = []
  var struck = 0
  private var lines: [String: [String]] = [:]

  mutating func add(_ outcome: FailingCall.Outcome) {
    guard outcome.wasStruck else { return }
    struck += 1
    let end =
      switch outcome.ended {
      case .byItself: "done in the same run"
      case .afterWaiting: "waited, said why, and went on"
      case .failed: "failed or refused to start, and was done in the next run"
      }
    lines[end, default: []].append("\(outcome.injury)")
  }

  var summary: String {
    let ends = lines.sorted { $0.key < $1.key }.map {
      "\n  \($0.value.count) \($0.key): \($0.value.sorted().joined(separator: ", "))"
    }
    return "\(struck) errors met; it makes no \(notMade.joined(separator: ", "))\(ends.joined())"
  }
}

extension HotFolderTree {
  /// `hotplate ingest`, which may take long.
  func startIngest(under wrapper: [String]) throws -> Daemon {
    let daemon = try Daemon(
      under: wrapper,
      arguments: [
        "ingest", "--in", drop, "--to", destination, "--rules", rules, "--state", state,
        "--no-listen",
      ], state: state)
    folder.cleanUp { daemon.kill() }
    return daemon
  }

  /// What a running daemon says of jobs that are not at their end, and of what is no job; empty if there is nothing to
  /// say.
  func whyItWaits(_ daemon: Daemon) throws -> String {
    let listed = try daemon.hotplate(["jobs", "--json"])
    // Not listening yet, or no longer.
    guard listed.status == 0 else { return "" }
    let jobs = try JSONDecoder().decode([JobView].self, from: Data(listed.out.utf8))
    return jobs.filter { !$0.hasEnded }.compactMap { $0.reason?.message }.joined(separator: "; ")
  }
}
