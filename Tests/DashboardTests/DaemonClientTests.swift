import Dashboard
import Foundation
import ReadModel
import Testing

@testable import hotplate

/// The command's side of the API against the server's.
@Suite struct DaemonClientTests {
  @Test func `the command reads what the daemon serves`() async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let client = client(server)
      let query = JobQuery(states: [.done, .held], limit: 3, before: "0199")
      let jobs = try await client.jobs(query)
      #expect(jobs == [FakeEngine.ended, FakeEngine.running])
      #expect(engine.asked.queries == [query])
      let detail = try await client.job("AAAA")
      #expect(detail.job == FakeEngine.running)
      let health = try await client.health()
      #expect(health.ok)
      let arrivals = try await client.arrivals()
      #expect(arrivals.count == 1)
    }
  }

  @Test func `a cancel reaches the engine with its reason and its exact path`() async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let job = try await client(server).cancel(job: "aaaa", why: "wrong \"take\"")
      #expect(job == FakeEngine.running)
      let path = Array("/drop/".utf8) + [0xFF, 0x0A]
      let jobs = try await client(server).cancel(path: path, why: nil)
      #expect(jobs == [FakeEngine.running])
      #expect(engine.asked.paths == [ExactText(path)])
      #expect(engine.asked.whys == ["wrong \"take\"", nil])
    }
  }

  @Test(arguments: [
    ("cccc", CommandStatus.noSuchInput), ("0199", .noSuchInput), ("../health", .noSuchInput),
    ("a\r\nX: y", .noSuchInput), ("bbbb", .incomplete),
  ])
  func `each refusal ends the command with its own status`(job: String, status: CommandStatus)
    async throws
  {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let failure = await #expect(throws: Failure.self) {
        try await client(server).cancel(job: job, why: nil)
      }
      #expect(failure?.status == status)
      #expect(failure?.message.contains("\n") == false)
    }
  }

  @Test func `no daemon is told from a daemon that fails`() async throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let nobody = await #expect(throws: Failure.self) {
      try await DaemonClient(stateDirectory: directory).jobs(JobQuery())
    }
    #expect(nobody?.status == .noDaemon)
    #expect(nobody?.remedy?.contains("hotplate watch") == true)
    try await withServer(FakeEngine(broken: true)) { server in
      let broken = await #expect(throws: Failure.self) {
        try await client(server).jobs(JobQuery())
      }
      #expect(broken == Failure(.incomplete, "the journal does not answer"))
    }
  }

  @Test func `a socket that a crash left is no daemon`() async throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) {
      $0.copyBytes(from: (directory + "/hotplate.sock").utf8)
    }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(left, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(bound == 0)
    close(left)
    let failure = await #expect(throws: Failure.self) {
      try await DaemonClient(stateDirectory: directory).health()
    }
    #expect(failure?.status == .noDaemon)
    #expect(failure?.message == "no daemon answers in \(directory)")
  }

  @Test func `without a daemon the journal is read, and without both it is said`() async throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let failure = await #expect(throws: Failure.self) { try await JobSource.open(directory) }
    #expect(failure?.status == .noDaemon)
    let journal = JobSource.journal(FakeEngine())
    let detail = try await journal.job("aaaa")
    #expect(detail.job == FakeEngine.running)
    for unknown in ["cccc", "0199", "%"] {
      let failure = await #expect(throws: Failure.self) { try await journal.job(unknown) }
      #expect(failure?.status == .noSuchInput)
    }
  }

  private func client(_ server: BoundAddresses) -> DaemonClient {
    DaemonClient(stateDirectory: String(server.socket.dropLast("/hotplate.sock".count)))
  }
}
