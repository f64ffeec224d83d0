import Foundation
import Journal
import Logging
import Paths
import ReadModel
import Rules
import Synchronization
import TestSupport
import Watching

@testable import Ingest
@testable import Transfer

/// A delivery of three frames, a hot folder and a destination of one cell's own, and the real engine over them, which
/// the cell can hold at any moment of the job's life.
final class Stage: Sendable {
  static let frames = 3
  static let frameBytes = 3000

  let moment: Moment
  let folder: String
  var drop: String { "\(folder)/drop" }
  var destination: String { "\(folder)/destination" }
  var source: String { "\(drop)/show/sh010" }
  private let way: Way
  private let rules: RuleSet

  /// Where the job is held; nil for moments in which it is not under way.
  let gate = Gate()
  /// Where whatever comes after it is held, so that the destination can be looked at in between.
  let after = Gate()
  /// The job that the cell is about, once it is known.
  private let subject = Mutex<JobID?>(nil)
  private let engine = Mutex<Running?>(nil)

  private struct Running {
    let engine: Engine
    let journal: Journal
    let task: Task<Void, any Error>
  }

  init(_ way: Way, _ moment: Moment, in folder: String) throws {
    self.way = way
    self.moment = moment
    self.folder = folder
    for name in ["drop/show", "destination/shots/sh010/v000", "rules", "made"] {
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
    }
    try Stage.rules(way).write(
      toFile: "\(folder)/rules/10-test.yaml", atomically: true, encoding: .utf8)
    let loaded = RuleSet.load(directory: "\(folder)/rules")
    guard loaded.isClean else { throw Failure(loaded.rendered(color: false)) }
    rules = loaded.rules
    // What must not change: another version, and for `replace` what is to be replaced.
    try Stage.make("\(destination)/shots/sh010/v000", seed: 70) { "sh010_v000.\($0).exr" }
    if way == .replace {
      try Stage.make("\(destination)/shots/sh010/v001", seed: 80) { "sh010_v001.000\($0).exr" }
    }
    try Stage.make("\(folder)/made/sh010", seed: 10) { "sh010_v1.\($0).exr" }
    try Stage.make("\(folder)/made/first", seed: 90) { "first_v1.\($0).exr" }
  }

  private static func make(_ directory: String, seed: UInt64, name: (Int) -> String) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for frame in 1...frames {
      try FrameFactory.write(
        seed: seed + UInt64(frame), bytes: frameBytes, to: "\(directory)/\(name(frame))")
    }
  }

  /// What a frame of the delivery holds.
  static func content(_ frame: Int) -> UInt64 {
    contentDigest(FrameFactory.content(seed: 10 + UInt64(frame), bytes: frameBytes))
  }

  private static func rules(_ way: Way) -> String {
    let transfer =
      switch way {
      case .copy, .replace: "copy"
      case .move: "move"
      case .hardlink: "[hardlink, copy]"
      case .reflink: "[reflink, copy]"
      }
    return """
      hotplate: 1
      rules:
        - rule: renders
          match: '{shot}_v{version}.{frame}.exr'
          when: { count: 2+ }
          ready: { quiet: 20ms, whole: no }
          to: 'shots/{shot}/v{version:03d}/{shot}_v{version:03d}.{frame:04d}.exr'
          transfer: \(transfer)
          verify: readback
          conflict: \(way == .replace ? "replace" : "hold")
          examples:
            - { given: 'a_v1.[1-2].exr', becomes: 'shots/a/v001/a_v001.[0001-0002].exr' }
      """
  }

  /// Puts a directory of frames into the hot folder, all at once.
  func deliver(_ name: String) throws {
    guard rename("\(folder)/made/\(name)", "\(drop)/show/\(name)") == 0 else {
      throw Failure("rename: \(String(cString: strerror(errno)))")
    }
  }

  // MARK: The engine

  var running: Engine {
    get throws {
      guard let engine = engine.withLock({ $0?.engine }) else { throw Failure("no engine runs") }
      return engine
    }
  }

  /// A start as after an end or a crash, on what the last one left.
  ///
  /// - Parameter isHeld: whether the gates count; afterwards everything goes its way.
  func start(isHeld: Bool = true) async throws {
    let journal = try Journal(stateDirectory: "\(folder)/state")
    var limits = Intake.Limits()
    // Where one has to wait in the queue, another is under way.
    limits.running = moment == .queued ? 1 : 2
    let atCall: FaultHook = { [weak self] point, path in
      self?.hold(point, path)
      return nil
    }
    let betweenSteps: Engine.Hold = { [weak self] point, id in await self?.hold(point, id) }
    let transfer = Transfer(workers: CopyWorkers(count: 1), faults: isHeld ? atCall : nil)
    let log = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let hotFolder = HotFolder(name: "drop", path: drop, destination: destination)
    let configuration = Engine.Configuration(
      hotFolders: [hotFolder], rules: rules, limits: limits, version: "test")
    let engine = try Engine(
      configuration, journal: journal, log: log, transfer: transfer,
      hold: isHeld ? betweenSteps : nil)
    let task = Task { try await engine.run() }
    self.engine.withLock { $0 = Running(engine: engine, journal: journal, task: task) }
    await engine.ready()
  }

  /// SIGTERM, and the end of the process.
  ///
  /// - Parameter whileStopping: called when the engine has been told and may not have ended.
  func stop(whileStopping: () -> Void = {}) async throws {
    guard let running = engine.withLock({ $0 }) else { return }
    running.engine.stop()
    whileStopping()
    try await running.task.value
    try await running.journal.close()
    engine.withLock { $0 = nil }
  }

  /// What a task does between two steps of a job.
  private func hold(_ point: HoldPoint, _ id: JobID) async {
    guard let subject = subject.withLock({ $0 }) else {
      // The first job that is staged is the one in question, but where another keeps it in the queue.
      return await holdFirst(point, id)
    }
    if id == subject { return await holdSubject(point) }
    if point == .beforeStaging { await after.pass() }
  }

  private func holdFirst(_ point: HoldPoint, _ id: JobID) async {
    if moment == .queued {
      if point == .beforeStaging { await gate.pass() }
      return
    }
    subject.withLock { $0 = id }
    await holdSubject(point)
  }

  private func holdSubject(_ point: HoldPoint) async {
    switch (moment, point) {
    case (.staged, .beforeProbe), (.atCommit, .beforeCommit): await gate.pass()
    default: break
    }
  }

  /// What a copying thread does at a call.
  private func hold(_ point: FaultPoint, _ path: RelativePath) {
    let number = path.components.last.flatMap { name in
      String(decoding: name.bytes, as: UTF8.self).split(separator: ".").dropLast().last
        .flatMap { Int($0) }
    }
    let isFirstCall: Set<FaultPoint> = way.isLink ? [.link] : [.clone, .write]
    let isHere =
      switch moment {
      case .firstByte: isFirstCall.contains(point) && number == 1
      case .betweenFrames: isFirstCall.contains(point) && number == 2
      case .stopped: isFirstCall.contains(point) && number == 2
      case .lastByte: point == .syncFile && number == 3
      // A link is read for its digest before this; anything else is read back from the disk here.
      case .hashed: point == (way.isLink ? .syncFile : .readBack) && number == 2
      case .publishing: point == .rename
      case .removingSources: point == .claim && number == 2
      case .unseen, .waiting, .queued, .staged, .atCommit, .done: false
      }
    if isHere { gate.passOnThread() }
  }

  // MARK: Looking

  /// The job in question: of `sh010`, the first.
  func job() async throws -> ReadModel.JobView? {
    let all = try await jobs().filter { $0.source.pattern?.text.hasPrefix("sh010") == true }
    let job = all.min { $0.id < $1.id }
    if let job { subject.withLock { $0 = $0 ?? job.id } }
    return job
  }

  func jobs() async throws -> [ReadModel.JobView] { try await running.jobs(JobQuery(limit: 50)) }

  /// Directories of Hotplate's own, anywhere.
  func traces() -> [String] {
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return names.filter { $0.split(separator: "/").last?.hasPrefix(".hotplate-") == true }
  }
}
