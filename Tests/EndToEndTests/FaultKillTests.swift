import Files
import Foundation
import Paths
import Synchronization
import TestSupport
import Testing

private let shot = "sh010"
private let frames = 2
private let bytes = 3000

/// Of the journal's own writes every so many is struck, each other call always; with `HOTPLATE_FULL=1` every one. A write
/// to SQLite's log that its commit has not followed is as good as none.
private let journalStep = isFullSize ? 1 : 3

extension Promises {
  @Test(
    "kill -9 at every call that changes a file, and in the recovery from it again: nothing is half seen, nothing lost, and it ends done, once",
    arguments: KilledJob.allCases)
  func killedAtEveryCall(_ job: KilledJob) async throws {
    let clean = try await job.cleanRun()
    let outside = clean.filter { !$0.isJournals }
    let journals = clean.filter(\.isJournals)
    let numbers =
      outside.map(\.number)
      + journals.indices.filter { $0 % journalStep == 0 }.map { journals[$0].number }
    let report = Mutex(Report())
    try await inLanes(numbers.sorted()) { number in
      try await job.strike(at: number, recovery: number, report)
    }
    // Threads do not always call in the same order: what went by each time is struck by its name.
    for kind in Set(outside.map(\.kind)).subtracting(report.withLock { $0.struck.map(\.kind) }) {
      try await job.strike(at: kind, report)
    }
    let said = report.withLock { $0 }
    print("killed at every call, \(job): \(said.summary(of: clean))")
    let missed = Set(outside.map(\.kind)).subtracting(said.struck.map(\.kind))
    #expect(missed == [])
    #expect(said.endedDone == said.runs)
    #expect(said.struckInRecovery > 0)
  }

  @Test("ingest where nothing is left to do ends with 0, however early that is")
  func idleIngest() async throws {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      for _ in 1...12 {
        let outcome = try tree.ingest()
        #expect(outcome.status == 0, "\(outcome.err)")
      }
    }
  }
}

/// Runs `body` with each item, in two lanes: the programs mostly wait.
func inLanes<Item: Sendable>(
  _ items: [Item], lanes: Int = 2, _ body: @escaping @Sendable (Item) async throws -> Void
) async throws {
  let turn = Turn()
  try await withThrowingTaskGroup(of: Void.self) { group in
    for _ in 0..<lanes {
      group.addTask {
        while true {
          let index = turn.next()
          guard index < items.count else { return }
          try await body(items[index])
        }
      }
    }
    try await group.waitForAll()
  }
}

private final class Turn: Sendable {
  private let count = Atomic(0)
  func next() -> Int { count.add(1, ordering: .relaxed).oldValue }
}

/// What a job does whose every call is struck.
enum KilledJob: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case copy, move, replace

  var testDescription: String { rawValue }

  private var rules: String {
    switch self {
    case .copy, .move: EndToEndTests.rules(transfer: rawValue, quiet: "10ms")
    case .replace: EndToEndTests.rules(transfer: "copy\n    conflict: replace", quiet: "10ms")
    }
  }

  func tree(in folder: TemporaryFolder, bytes: Int = bytes) throws -> HotFolderTree {
    let tree = try HotFolderTree(in: folder, rules: rules)
    try FrameFactory.sequence(in: "\(tree.drop)/\(shot)", frames: 1...frames, bytes: bytes) {
      "\(shot)_v1.\($0).exr"
    }
    if self == .replace {
      try FrameFactory.sequence(
        in: "\(tree.destination)/shots/\(shot)/v001", frames: 1001...1000 + frames, bytes: bytes
      ) { "\(shot)_v001.\($0).exr" }
    }
    return tree
  }

  private func gate(_ deed: CallGate.Deed, _ folder: TemporaryFolder, _ name: String) -> CallGate {
    CallGate(deed, about: ["\(folder.path)/*"], in: folder, name: name)
  }

  /// The calls of a run that nothing disturbs.
  func cleanRun() async throws -> [CallGate.Call] {
    try await inTemporaryFolder(in: quickPlace) { folder in
      let tree = try tree(in: folder)
      let gate = gate(.count, folder, "clean")
      let outcome = try tree.ingest(under: gate.wrapper)
      guard outcome.status == 0 else { throw Failure("a run without a kill: \(outcome.err)") }
      try checkEnd(tree, "no kill")
      return try gate.told()
    }
  }

  /// Kills a job at the call of that number, the next start at another, and lets the third end it.
  fileprivate func strike(at number: Int, recovery: Int, _ report: borrowing Mutex<Report>)
    async throws
  {
    let result = try await inTemporaryFolder(in: quickPlace) { folder in
      let first = gate(.kill(number), folder, "first")
      let second = gate(.kill(1 + recovery % 97), folder, "second")
      return try run(in: folder, [first, second])
    }
    report.withLock { $0.add(result) }
  }

  fileprivate func strike(at kind: String, _ report: borrowing Mutex<Report>) async throws {
    let words = kind.split(separator: " ", maxSplits: 1)
    let about = words[1].split(separator: " -> ").last.map(String.init) ?? "*"
    let result = try await inTemporaryFolder(in: quickPlace) { folder in
      let gate = CallGate(
        .kill(1), calls: [String(words[0])], about: [about], without: [about + "/*"], in: folder,
        name: "kind")
      return try run(in: folder, [gate])
    }
    report.withLock { $0.add(result) }
  }

  private func run(in folder: TemporaryFolder, _ gates: [CallGate]) throws -> [CallGate.Call?] {
    let tree = try tree(in: folder)
    var struck: [CallGate.Call?] = []
    for gate in gates {
      let outcome = try tree.ingest(under: gate.wrapper)
      struck.append(try gate.struck())
      let story = "after \(struck.compactMap { $0 }): \(outcome.err)"
      #expect(outcome.status == (struck.last! == nil ? 0 : 128 + SIGKILL), "\(story)")
      try checkBetween(tree, story)
    }
    let outcome = try tree.ingest()
    #expect(outcome.status == 0, "after \(struck.compactMap { $0 }): \(outcome.err)")
    try checkEnd(tree, "after \(struck.compactMap { $0 })")
    return struck
  }

  /// What must hold at any moment, whoever looks.
  func checkBetween(_ tree: HotFolderTree, _ story: String, bytes: Int = bytes) throws {
    let sources = try TreeDigest(of: tree.drop).contents
    let arrived = try TreeDigest(of: tree.destination).contents
    for frame in 1...frames {
      let new = contentDigest(FrameFactory.content(seed: UInt64(frame), bytes: bytes))
      let old = contentDigest(FrameFactory.content(seed: UInt64(1000 + frame), bytes: bytes))
      let source = sources[RelativePath("\(shot)/\(shot)_v1.\(frame).exr")!]
      let final = arrived[published(shot, 1000 + frame)]
      switch self {
      case .copy: #expect(source == new && (final == nil || final == new), "\(story)")
      case .move:
        #expect(final == nil || final == new, "\(story)")
        #expect(source == new || final == new, "frame \(frame) is nowhere \(story)")
      case .replace: #expect(source == new && (final == old || final == new), "\(story)")
      }
    }
  }

  /// Once a start has come to its end.
  ///
  /// - Parameters:
  ///   - afterFailure: whether jobs before the one that is done may have failed.
  ///   - mayKeep: whether sources or old frames may have been kept, because a sync failed.
  func checkEnd(
    _ tree: HotFolderTree, _ story: String, bytes: Int = bytes, afterFailure: Bool = false,
    mayKeep: Bool = false
  ) throws {
    let expected = tree.expectedContents(shot, frames: frames, bytes: bytes)
    let arrived = try TreeDigest(of: tree.destination).contents
      .filter { !mayKeep || !$0.key.components.contains(where: isStaging) }
    #expect(arrived == expected, "\(story)")
    let sources = try TreeDigest(of: tree.drop).contents
    #expect(sources.count == (self == .move ? 0 : frames) || mayKeep, "\(story)")
    #expect(tree.traces() == [] || mayKeep && self == .replace, "\(story)")
    let jobs = try tree.journalledJobs()
    let states = jobs.map(\.state)
    let isOver = states.first == "done" && states.dropFirst().allSatisfy { $0 == "failed" }
    #expect(afterFailure ? isOver : states == ["done"], "\(story): \(jobs.map(\.summary))")
    #expect(jobs.first?.frames.published == frames, "\(story)")
    #expect(jobs.first?.durable == true || mayKeep, "\(story)")
  }
}

private struct Report: Sendable {
  var struck: [CallGate.Call] = []
  var runs = 0
  var endedDone = 0
  var struckInRecovery = 0
  var starts = 0

  mutating func add(_ calls: [CallGate.Call?]) {
    runs += 1
    endedDone += 1
    starts += calls.count + 1
    struck += calls.compactMap { $0 }
    if calls.count > 1, calls[1] != nil { struckInRecovery += 1 }
  }

  func summary(of clean: [CallGate.Call]) -> String {
    let journals = clean.count(where: \.isJournals)
    let names = Dictionary(grouping: struck.filter { !$0.isJournals }, by: \.name)
      .map { "\($0.value.count) \($0.key)" }.sorted()
    return """
      a run makes \(clean.count) calls, \(journals) of them the journal's; \(runs) jobs killed, \
      \(struckInRecovery) of them again in their recovery, \(starts) starts, \(endedDone) done once; struck: \
      \(struck.count(where: \.isJournals)) of the journal's, \(names.joined(separator: ", "))
      """
  }
}

extension CallGate.Call {
  fileprivate var isJournals: Bool { path.contains("/state") }

  /// The call and its path without what is different in each run, as a pattern of paths.
  fileprivate var kind: String {
    var text = "\(self)"
    text.replace(/hotplate-test-[A-Za-z0-9]+/, with: "*")
    text.replace(/hotplate-[0-9a-f-]{36}/, with: "hotplate-*")
    text.replace(/[0-9]+\.exr/, with: "*")
    return text
  }
}
