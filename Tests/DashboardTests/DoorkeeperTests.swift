import NIOCore
import Testing

@testable import Dashboard

@Suite struct DoorkeeperTests {
  @Test(arguments: ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
  func `a request that changes something must be JSON`(type: String) async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let headers = ["Host: localhost"] + (type.isEmpty ? [] : ["Content-Type: \(type)"])
      let answer = try await post(server, "/api/v1/jobs/aaaa/cancel", "{}", headers: headers)
      try expectError(answer, 415, "json-only")
      #expect(engine.asked.cancelled.isEmpty)
    }
  }

  @Test func `JSON may name its character set`() async throws {
    try await withServer { server in
      let headers = ["Host: localhost", "Content-Type: Application/JSON; charset=utf-8"]
      let answer = try await post(server, "/api/v1/jobs/aaaa/cancel", "{}", headers: headers)
      #expect(answer.status == 202)
    }
  }

  @Test(arguments: ["null", "http://evil.example", "https://localhost", "http://localhost:81"])
  func `a foreign origin is refused`(origin: String) async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let headers = ["Host: localhost", "Content-Type: application/json", "Origin: \(origin)"]
      let answer = try await post(server, "/api/v1/jobs/aaaa/cancel", "{}", headers: headers)
      try expectError(answer, 403, "foreign-origin")
      #expect(engine.asked.cancelled.isEmpty)
    }
  }

  @Test(arguments: ["evil.example", "localhost.evil.example", "127.0.0.1", "localhost."])
  func `the socket serves no host but localhost`(host: String) async throws {
    try await withServer { server in
      let answer = try await exchange(
        server, "GET /api/v1/health HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
      try expectError(answer, 403, "foreign-host")
    }
  }

  @Test(arguments: [
    "GET /api/v1/health HTTP/1.0\r\nConnection: close\r\n\r\n",
    "GET /api/v1/health HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
  ])
  func `the socket needs no host`(request: String) async throws {
    try await withServer { server in
      let answer = try await exchange(server, request)
      #expect(answer.status == 200)
    }
  }

  @Test func `loopback serves its own names, and its own origin`() async throws {
    let engine = FakeEngine()
    try await withServer(engine, tcp: true) { server in
      let own = try #require(server.http).dropFirst("http://".count)
      for host in [own, "localhost:80", "[::1]:80", "LOCALHOST"] {
        let answer = try await exchange(
          server, tcp: true,
          "GET /api/v1/health HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
        #expect(answer.status == 200, "\(host)")
      }
      let answer = try await exchange(
        server, tcp: true,
        "POST /api/v1/jobs/aaaa/cancel HTTP/1.1\r\nHost: \(own)\r\nOrigin: http://\(own)\r\n"
          + "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
      #expect(answer.status == 202)
      #expect(engine.asked.by == ["127.0.0.1"])
    }
  }

  @Test(arguments: [
    "Host: evil.example", "Host: 127.0.0.1.evil.example", "Host: [::1", "Host: [::1].evil", "Host:",
    "X-No: host",
  ])
  func `a name that was rebound to loopback is refused`(header: String) async throws {
    try await withServer(tcp: true) { server in
      let answer = try await exchange(
        server, tcp: true, "GET /api/v1/health HTTP/1.1\r\n\(header)\r\nConnection: close\r\n\r\n")
      try expectError(answer, 403, "foreign-host")
    }
  }

  @Test(arguments: ["0.0.0.0", "192.168.1.4", "farm.example", ""])
  func `an address that others reach is not listened on`(host: String) {
    #expect(throws: DashboardError.notLoopback(host)) {
      try LoopbackAddress(host: host, port: 4280)
    }
  }

  @Test func `a body above the limit is refused`() async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let body = #"{"why": ""# + String(repeating: "x", count: 64 * 1024) + #""}"#
      let answer = try await post(server, "/api/v1/jobs/aaaa/cancel", body)
      try expectError(answer, 413, "too-large")
      #expect(engine.asked.cancelled.isEmpty)
    }
  }

  @Test func `a header above the limit is refused`() async throws {
    try await withServer { server in
      let answer = try await exchange(
        server,
        "GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nX-Big: "
          + String(repeating: "x", count: 17 * 1024) + "\r\nConnection: close\r\n\r\n")
      #expect(answer.status == 400)
    }
  }

  @Test(arguments: [
    "", "GET /api/v1/health HT", "GET /api/v1/health HTTP/1.1\r\nHost: localh",
    "POST /api/v1/cancel HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      + "Content-Length: 9\r\n\r\n{",
  ])
  func `a client that stops half-way is let go`(request: String) async throws {
    try await withServer(limits: Limits(idle: .milliseconds(100))) { server in
      // Ends when the server closes; a server that waits for ever fails it after the client's patience.
      let answer = try await exchange(server, request)
      #expect(answer.status != 200)
    }
  }
}
