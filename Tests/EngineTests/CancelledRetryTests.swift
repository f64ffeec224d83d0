import Foundation
import Journal
import Logging
import ReadModel
import Rules
import TestSupport
import Testing

@testable import Ingest
@testable import Transfer

@Suite struct CancelledRetryTests {
  @Test func `a job that is cancelled before its retry is written down ends as cancelled`()
    async throws
  {
    let folder = try TemporaryFolder()
    let (drop, out) = (try folder.makeDirectory("drop"), try folder.makeDirectory("out"))
    let rules = RuleSet.parse(files: [("rules.yaml", Self.rules)])
    let journal = try Journal(stateDirectory: "\(folder.path)/state")
    let engine = try Engine(
      Engine.Configuration(
        hotFolders: [HotFolder(name: "drop", path: drop, destination: out)], rules: rules.rules,
        version: "test"),
      journal: journal, log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
      transfer: Transfer(
        workers: CopyWorkers(count: 1), faults: { point, _ in point == .read ? .invalid : nil }))
    let running = Task { try await engine.run() }
    await engine.ready()
    try FrameFactory.write(seed: 1, bytes: 100, to: "\(drop)/a.dat")
    let id = try await job(in: .failed, journal)

    // What the job did last is not over when the retry comes, and the cancel comes right behind it.
    let (hold, letGo) = AsyncStream.makeStream(of: Void.self)
    await engine.chain(id) { _ in for await _ in hold {} }
    await engine.apply(.retry(id, changed: nil))
    let reason = Reason(code: .user, message: "by hand", at: Timestamp(milliseconds: 0))
    await engine.apply(.cancel(id, reason))
    letGo.finish()
    #expect(try await job(in: .cancelled, journal) == id)

    engine.stop()
    try await running.value
    try await journal.close()
    try folder.remove()
  }

  private static let rules = """
    hotplate: 1
    rules:
      - { rule: all, match: '{shot}.dat', ready: { quiet: 20ms }, to: '{shot}.dat' }
    """

  /// Waits for a job that comes to a state.
  private func job(in state: JobState, _ journal: Journal) async throws -> JobID {
    var found: JobID?
    try await awaitState("a job to be \(state)", within: .seconds(10)) {
      found = try await journal.jobs().first { $0.state == state.rawValue }?.id
      return found != nil
    }
    return try #require(found)
  }
}
