import Files
import Foundation
import Paths
import ReadModel
import TestSupport
import Testing

@testable import Ingest
@testable import Transfer

@Suite("what a cancel comes to, whatever it is, whenever it comes, however frames are brought")
struct CancelMatrixTests {
  @Test(
    "every cell of the table of cancels holds: outcome, reason, destination, sources, receipt",
    arguments: Way.allCases, Trigger.allCases)
  func row(way: Way, trigger: Trigger) async throws {
    let place = try Ground(for: way)
    defer { place.remove() }
    for moment in Moment.allCases {
      if moment == .removingSources, way != .move { continue }
      let expected = Expected(trigger, moment)
      if expected == .impossible { continue }
      do {
        let cell = try Cell(trigger, moment, way, expected, in: place.folder(moment.rawValue))
        try await cell.run()
      } catch {
        Issue.record("\(way), \(trigger), \(moment): \(error)")
      }
    }
  }

  @Test("the README tells the same of every cancel as the table that is tested")
  func readme() throws {
    let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: top.appending(path: "README.md"), encoding: .utf8)
    #expect(text.contains(cancelTable), "the table under \"Cancel it\" is another")
  }
}

/// One cell of the table: a delivery that something happens to at one moment.
private struct Cell {
  let trigger: Trigger
  let moment: Moment
  let way: Way
  let expected: Expected
  let stage: Stage
  /// The destination and the delivery before anything happened.
  let before: TreeDigest
  let sources: TreeDigest

  init(
    _ trigger: Trigger, _ moment: Moment, _ way: Way, _ expected: Expected, in folder: String
  ) throws {
    (self.trigger, self.moment, self.way, self.expected) = (trigger, moment, way, expected)
    stage = try Stage(way, moment, in: folder)
    before = try TreeDigest(of: stage.destination)
    sources = try TreeDigest(of: "\(folder)/made/sh010")
  }

  private var name: Comment { "\(way), \(trigger), \(moment)" }

  func run() async throws {
    let writer = try await reachMoment()
    try await pullTrigger()
    if let writer { close(writer) }
    if expected == .noJob {
      try await rest()
      #expect(try await stage.job() == nil, name)
      #expect(try TreeDigest(of: stage.destination).difference(from: before) == [], name)
    } else {
      try await endedJob()
    }
    #expect(stage.traces() == [], name)
    try await stage.stop()
  }

  // MARK: Up to the moment

  /// - Returns: the descriptor of a writer that keeps the delivery waiting.
  private func reachMoment() async throws -> Int32? {
    var writer: Int32?
    switch moment {
    case .unseen: try await beforeItIsSeen()
    case .waiting:
      writer = open("\(stage.folder)/made/sh010/sh010_v1.2.exr", O_WRONLY | O_CLOEXEC)
      try await stage.start()
      try stage.deliver("sh010")
      try await jobIs { $0.state == .waiting && $0.frames.expected == Stage.frames }
    case .queued:
      try await stage.start()
      try stage.deliver("first")
      try await stage.gate.reached("before another's staging")
      try stage.deliver("sh010")
      try await jobIs { $0.state == .queued }
    case .done:
      try await stage.start()
      try stage.deliver("sh010")
      try await jobIs { $0.state == .done }
    default:
      try await stage.start()
      try stage.deliver("sh010")
      try await stage.gate.reached("\(moment)")
      try await jobIs { _ in true }
      if moment == .stopped { try await end() }
    }
    return writer
  }

  private func beforeItIsSeen() async throws {
    if trigger.isSentinel || trigger == .cancelPath || trigger == .terminated {
      try await stage.start()
    } else {
      try stage.deliver("sh010")
    }
    if trigger.isSentinel { mkdir(stage.source, 0o755) }
  }

  private func jobIs(_ condition: (ReadModel.JobView) -> Bool) async throws {
    var seen = "not there"
    do {
      try await awaitState("the job to come", within: .seconds(20)) {
        guard let job = try await stage.job() else { return false }
        seen = "\(job.state) \(job.reason?.message ?? "")"
        return condition(job)
      }
    } catch {
      throw Failure("\(error); it is \(seen)")
    }
  }

  // MARK: The moment

  private func pullTrigger() async throws {
    if trigger == .terminated {
      if moment != .stopped { try await end() }
      if moment == .unseen { try stage.deliver("sh010") }
      return try await stage.start(isHeld: false)
    }
    let job = moment == .unseen || moment == .stopped ? nil : try await stage.job()
    try await act(on: job)
    switch moment {
    case .unseen where trigger.isSentinel:
      try await stage.running.watcher.barrier()
      try deliverInto()
    case .unseen where trigger == .cancelPath: try stage.deliver("sh010")
    case .unseen: try await stage.start()
    case .stopped: try await stage.start()
    default:
      try await stage.running.watcher.barrier()
      if case .cancelled = expected, let job { try await cancelIsRecorded(job.id) }
      // What keeps it in the queue goes on once the destination was looked at.
      if moment != .queued { stage.gate.open() }
    }
  }

  private func act(on job: ReadModel.JobView?) async throws {
    switch trigger {
    case .sentinel: try touch("\(stage.source)/.cancel")
    case .sentinelAbove: try touch("\(stage.drop)/show/.cancel")
    case .stemSentinel: try touch("\(stage.source)/sh010_v1.cancel")
    case .removed: try shell("rm", "-rf", "--", stage.source)
    case .renamed: try shell("mv", "--", stage.source, "\(stage.drop)/show/better")
    case .movedOut: try shell("mv", "--", stage.source, "\(stage.folder)/made/away")
    case .frameRemoved:
      // A move may have taken it away before.
      try shell("rm", "-f", "--", "\(stage.source)/sh010_v1.3.exr")
    case .cancelJob:
      let answer = try await stage.running.cancel(job: job?.id ?? "", why: "wrong take", by: "test")
      switch (answer, expected) {
      case (.accepted, .cancelled), (.tooLate, .done): break
      default: Issue.record("\(name.rawValue): the answer was \(answer)")
      }
    case .cancelPath:
      let path = ExactText(stage.source)
      let reached = try await stage.running.cancel(path: path, why: "wrong take", by: "test")
      if case .cancelled = expected {
        #expect(reached.map(\.id) == [job?.id], name)
      } else {
        #expect(reached.isEmpty, name)
      }
    case .terminated: break
    }
  }

  private func cancelIsRecorded(_ id: JobID) async throws {
    let engine = try stage.running
    try await awaitState("the cancel to be decided", within: .seconds(20)) {
      await engine.isCancelled(id)
    }
    await engine.cancelRow(of: id)
  }

  /// SIGTERM while the job is where it is.
  private func end() async throws {
    let engine = try stage.running
    let id = try await stage.job()?.id
    async let ended: Void = stage.stop()
    if let id, stage.gate.isReached, moment != .queued {
      try await awaitState("the writers to be told", within: .seconds(20)) {
        await engine.isStopped(id)
      }
    }
    stage.gate.open()
    try await ended
  }

  // MARK: What came of it

  private func endedJob() async throws {
    try await jobIs { $0.state.isFinal || $0.state == .held }
    let job = try #require(try await stage.job())
    switch expected {
    case .cancelled(let code):
      #expect(job.state == .cancelled, name)
      #expect(job.reason?.code.rawValue == code, name)
      #expect(try TreeDigest(of: stage.destination).difference(from: before) == [], name)
      try await sourcesLieWhereTheyShould()
      try await receiptIsRight(job)
      stage.gate.open()
      stage.after.open()
      try await whatIsTakenAnew()
    default:
      #expect(job.state == .done, "\(name.rawValue): \(job.reason?.message ?? "")")
      stage.after.open()
      try await rest()
      try destinationHolds(framesThatCame(at: job.frames.published))
    }
  }

  /// Of what a job took when a frame was removed before.
  private func framesThatCame(at count: Int) -> ClosedRange<Int> {
    let expected = trigger == .frameRemoved && [.unseen, .waiting].contains(moment) ? 2 : 3
    #expect(count == expected, name)
    return 1...max(1, count)
  }

  private func whatIsTakenAnew() async throws {
    guard let frames = trigger.framesTakenAnew else {
      try await rest()
      #expect(try await otherJobs().isEmpty, name)
      return
    }
    try await awaitState("what is left to be taken anew", within: .seconds(20)) {
      try await otherJobs().contains { $0.state == .done && $0.frames.published == frames }
    }
    try await rest()
    #expect(try await otherJobs().count == 1, name)
    try destinationHolds(1...frames)
  }

  /// Jobs of the same frames that were not cancelled.
  private func otherJobs() async throws -> [ReadModel.JobView] {
    try await stage.jobs().filter { job in
      job.state != .cancelled && job.source.pattern?.text.hasPrefix("sh010") == true
    }
  }

  private func sourcesLieWhereTheyShould() async throws {
    let place =
      switch trigger {
      case .removed: nil as String?
      case .renamed: "\(stage.drop)/show/better"
      case .movedOut: "\(stage.folder)/made/away"
      default: stage.source
      }
    guard let place else { return }
    let now = try TreeDigest(of: place)
    for (path, entry) in sources.entries
    where trigger != .frameRemoved || path != RelativePath("sh010_v1.3.exr") {
      #expect(now.entries[path] == entry, "\(name.rawValue): \(path)")
    }
  }

  private func receiptIsRight(_ job: ReadModel.JobView) async throws {
    let receipt = try await stage.running.job(job.id)?.cancel
    let cancel = try #require(receipt, name)
    // One that waited had no plan yet, and nothing of it had been touched.
    if moment == .waiting {
      #expect(cancel.sources == nil && cancel.removed.files == 0, name)
      return
    }
    let kept = trigger.framesKept
    if trigger == .removed, moment == .queued, let sources = cancel.sources {
      // Nothing holds this cancel back: it may be over while `rm` is still at work.
      #expect(sources.missing > 0 && sources.kept + sources.missing == Stage.frames, name)
    } else {
      #expect(cancel.sources == CancelView.Sources(kept: kept, missing: Stage.frames - kept), name)
    }
    let staged: ClosedRange<Int> =
      switch moment {
      case .queued: 0...0
      case .firstByte: 0...1
      case .betweenFrames, .stopped, .hashed: 1...2
      case .lastByte: 2...3
      default: 3...3
      }
    #expect(staged.contains(cancel.removed.files), "\(name.rawValue): \(cancel.removed)")
    #expect(cancel.removed.bytes <= Int64(cancel.removed.files * Stage.frameBytes), name)
    let seconds = cancel.seconds
    #expect((seconds.removed != nil) == (moment != .queued), "\(name.rawValue): \(seconds)")
    #expect(seconds.recorded != nil && seconds.ended >= seconds.recorded!, name)
  }

  private func destinationHolds(_ frames: ClosedRange<Int>) throws {
    var contents = before.contents
    for frame in frames {
      contents[RelativePath("shots/sh010/v001/sh010_v001.000\(frame).exr")!] = Stage.content(frame)
    }
    let now = try TreeDigest(of: stage.destination).contents
      .filter { !$0.key.description.hasPrefix("shots/first") }
    #expect(now == contents, name)
    let untouched = before.entries.filter { $0.key.description.contains("v000") }
    let all = try TreeDigest(of: stage.destination).entries
    #expect(untouched.allSatisfy { all[$0.key] == $0.value }, name)
  }

  /// Waits until nothing is under way any more.
  private func rest() async throws {
    let engine = try stage.running
    await engine.watcher.barrier()
    try await awaitState("the engine to come to rest", within: .seconds(20)) {
      await engine.isIdle
    }
  }

  // MARK: Doing

  /// Frame by frame into a directory that stands.
  private func deliverInto() throws {
    for frame in 1...Stage.frames {
      let name = "sh010_v1.\(frame).exr"
      guard rename("\(stage.folder)/made/sh010/\(name)", "\(stage.source)/\(name)") == 0 else {
        throw Failure("rename: \(String(cString: strerror(errno)))")
      }
    }
  }

  private func touch(_ path: String) throws { try FrameFactory.write([], to: Array(path.utf8)) }

  private func shell(_ words: String...) throws {
    let outcome = try Command.run(words)
    guard outcome.status == 0 else { throw Failure("\(words): \(outcome.err)") }
  }
}

extension Engine {
  fileprivate func isCancelled(_ id: JobID) -> Bool {
    intake.jobs[id].map { $0.state == .cancelling } ?? true
  }

  /// Waits until the cancel stands in the journal, or is over.
  fileprivate func cancelRow(of id: JobID) async { _ = await cancelRows[id]?.value }

  fileprivate func isStopped(_ id: JobID) -> Bool { runner.board.isRaised(id) }

  fileprivate var isIdle: Bool { intake.isAtRest && chains.isEmpty && unsynced == 0 }
}
