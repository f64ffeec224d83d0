import Dashboard
import Foundation
import ReadModel
import Testing

/// The real command against a server with an engine of fixed answers.
@Suite struct CommandLineTests {
  @Test func `jobs prints one array and nothing else`() async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let run = try await hotplate(["jobs", "--json", "--state-of", "held", "done"], server)
      #expect(run.status == 0)
      #expect(run.error == "")
      let jobs = try JSON.decode([JobView].self, from: Array(run.output.utf8))
      #expect(jobs == [FakeEngine.ended, FakeEngine.running])
      #expect(engine.asked.queries == [JobQuery(states: [.held, .done], limit: 500)])
    }
  }

  @Test func `jobs prints a table without colours into a pipe`() async throws {
    try await withServer { server in
      let run = try await hotplate(["jobs"], server)
      #expect(
        run.output == """
          JOB       STATE                   RULE     FRAMES        BYTES  SOURCE → DESTINATION
          0000bbbb  done (not yet durable)  renders     0/3  0 B of 12 B  /drop/a.@.exr 1-3 → /drop/a.@.exr
          0000aaaa  staging                 renders     0/3  0 B of 12 B  /drop/a.@.exr 1-3 → /drop/a.@.exr

          """)
    }
  }

  @Test func `show prints the plan and the history`() async throws {
    try await withServer { server in
      let run = try await hotplate(["show", "aaaa"], server)
      #expect(run.status == 0)
      #expect(run.output.contains("plan\n  /drop/a → /shows/a\n"))
      #expect(run.output.contains("waiting  first frame seen\n"))
    }
  }

  @Test func `cancel tells of each job, and ends with what went worst`() async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let good = try await hotplate(["cancel", "aaaa", "--why", "wrong take"], server)
      #expect(good.status == 0)
      #expect(good.output == "0000aaaa  staging  /drop/a.@.exr 1-3\n")
      let late = try await hotplate(["cancel", "bbbb", "aaaa"], server)
      #expect(late.status == 1)
      #expect(late.output == "0000aaaa  staging  /drop/a.@.exr 1-3\n")
      #expect(late.error == "hotplate: error: 0000bbbb: it was published at 09:15\n")
      let unknown = try await hotplate(["cancel", "bbbb", "cccc"], server)
      #expect(unknown.status == 66)
      #expect(unknown.output == "")
      #expect(engine.asked.cancelled.count == 4)
    }
  }

  @Test(arguments: ["retry", "undo"])
  func `retry and undo tell of each job, and end with what went worst`(command: String)
    async throws
  {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let good = try await hotplate([command, "bbbb"], server)
      #expect(good.output == "0000bbbb  done (not yet durable)  /drop/a.@.exr 1-3\n")
      // An undo of which the job does not say that it is over was none.
      #expect(good.status == (command == "retry" ? 0 : 1))
      let refused = try await hotplate([command, "aaaa", "bbbb"], server)
      #expect(refused.status == 1)
      #expect(refused.error.hasPrefix("hotplate: error: 0000aaaa: it is "))
      #expect(try await hotplate([command, "cccc"], server).status == 66)
      let asked = command == "retry" ? engine.asked.retried : engine.asked.undone
      #expect(asked == [FakeEngine.ended.id, FakeEngine.running.id, FakeEngine.ended.id])
    }
  }

  @Test func `cancel by path sends the path as the shell gave it`() async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let run = try await hotplate(["cancel", "--path", "/drop/./sh010/"], server)
      #expect(run.status == 0)
      #expect(engine.asked.paths == ["/drop/sh010"])
    }
  }

  @Test(
    arguments: [
      (["jobs"], 69), (["show", "aaaa"], 69), (["cancel", "aaaa"], 69),
      (["retry", "aaaa"], 69), (["undo", "aaaa"], 69), (["retry"], 64), (["undo"], 64),
      (["cancel"], 64), (["jobs", "--state-of", "asleep"], 64), (["no-such-command"], 64),
      (["jobs", "--help"], 0), (["--version"], 0),
    ] as [([String], Int32)])
  func `without a daemon each command ends with its documented status`(
    arguments: [String], status: Int32
  ) async throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let run = try await hotplate(arguments, stateDirectory: directory)
    #expect(run.status == status)
    // Nothing but asked-for output goes to standard output.
    #expect(run.output.isEmpty == (status != 0))
    #expect(run.error.isEmpty == (status == 0))
    if status == 69 { #expect(run.error.hasPrefix("hotplate: error: no daemon answers in /")) }
  }
}

private struct Run: Sendable {
  let status: Int32
  let output: String
  let error: String
}

private func hotplate(_ arguments: [String], _ server: BoundAddresses) async throws -> Run {
  let directory = String(server.socket.dropLast("/hotplate.sock".count))
  return try await hotplate(arguments, stateDirectory: directory)
}

/// The command finds the state directory by the environment, so that arguments are only what a test is about.
private func hotplate(_ arguments: [String], stateDirectory: String) async throws -> Run {
  let home = try temporaryDirectory()
  defer { try? FileManager.default.removeItem(atPath: home) }
  try FileManager.default.createSymbolicLink(
    atPath: home + "/hotplate", withDestinationPath: stateDirectory)
  let process = Process()
  process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
    .resolvingSymlinksInPath().deletingLastPathComponent().appendingPathComponent("hotplate")
  process.arguments = arguments
  process.environment = ["XDG_STATE_HOME": home]
  let files = ["output", "error"].map { home + "/" + $0 }
  for file in files { try Data().write(to: URL(fileURLWithPath: file)) }
  process.standardOutput = FileHandle(forWritingAtPath: files[0])
  process.standardError = FileHandle(forWritingAtPath: files[1])
  try await withCheckedThrowingContinuation {
    (continuation: CheckedContinuation<Void, any Error>) in
    process.terminationHandler = { _ in continuation.resume() }
    do { try process.run() } catch { continuation.resume(throwing: error) }
  }
  let texts = try files.map { try String(contentsOfFile: $0, encoding: .utf8) }
  return Run(status: process.terminationStatus, output: texts[0], error: texts[1])
}
