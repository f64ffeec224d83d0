import Foundation
import NIOCore
import Testing

@testable import Dashboard

@Suite struct ListenerTests {
  @Test func `the socket is its owner's alone and goes with the server`() async throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await withServer(directory: directory) { server in
      #expect(server.socket == directory + "/hotplate.sock")
      #expect(server.http == nil)
      var status = stat()
      #expect(lstat(server.socket, &status) == 0)
      #expect(status.st_mode == S_IFSOCK | 0o600)
      let left = try entries(directory)
      #expect(left == ["hotplate.sock"])
    }
    let left = try entries(directory)
    #expect(left == [])
  }

  @Test func `what a crash left is replaced`() async throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try FileManager.default.createDirectory(
      atPath: directory + "/.hotplate.sock.new", withIntermediateDirectories: false)
    for leftover in ["/hotplate.sock", "/.hotplate.sock.new/s"] {
      #expect(FileManager.default.createFile(atPath: directory + leftover, contents: nil))
    }
    try await withServer(directory: directory) { server in
      let answer = try await get(server, "/api/v1/health")
      #expect(answer.status == 200)
    }
  }

  @Test func `a state directory of any length will do`() async throws {
    let top = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: top) }
    let directory = top + "/" + String(repeating: "long/", count: 40)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try await withServer(directory: directory) { server in
      let answer = try await get(server, "/api/v1/health")
      #expect(answer.status == 200)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func `a client that keeps its connection does not keep the server`() async throws {
    var client: Int32 = -1
    try await withServer(limits: Limits(idle: .hours(1))) { server in
      client = try connectUnix(server.socket)
      // A whole answer proves that the connection before it was accepted.
      _ = try await get(server, "/api/v1/health")
    }
    let socket = client
    let rest = try await onOwnThread { () throws(Failed) in try readToEnd(socket) }
    close(client)
    #expect(rest == [])
  }

  @Test func `a free port is picked and told`() async throws {
    try await withServer(tcp: true) { server in
      let url = try #require(server.http)
      #expect(url.wholeMatch(of: /http:\/\/127\.0\.0\.1:[1-9][0-9]*/) != nil)
      let answer = try await exchange(
        server, tcp: true,
        "GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
      #expect(answer.status == 200)
    }
  }

  @Test func `a port in use is an error that names it, and no socket is left`() async throws {
    try await withServer(tcp: true) { first in
      let port = try #require(first.http?.split(separator: ":").last.flatMap { Int($0) })
      let directory = try temporaryDirectory()
      defer { try? FileManager.default.removeItem(atPath: directory) }
      let second = DashboardServer(
        engine: FakeEngine(), stateDirectory: directory,
        tcp: try ListenAddress(host: "127.0.0.1", port: port), logger: silent
      ) { _ in Issue.record("it cannot listen") }
      let error = try await #require(throws: DashboardError.self) { try await second.run() }
      #expect("\(error)".contains("http://127.0.0.1:\(port)"))
      let left = try entries(directory)
      #expect(left == [])
    }
  }

  @Test func `a state directory that is not there is an error that names it`() async throws {
    let server = DashboardServer(
      engine: FakeEngine(), stateDirectory: "/nowhere/at/all", logger: silent)
    let error = try await #require(throws: DashboardError.self) { try await server.run() }
    #expect(
      error == .stateDirectory("/nowhere/at/all", because: "No such file or directory"))
  }
}

private func entries(_ directory: String) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: directory)
}
