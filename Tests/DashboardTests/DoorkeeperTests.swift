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

  @Test(arguments: ["0.0.0.0", "192.168.1.4", "farm.example", "::"])
  func `an address that others reach is no loopback`(host: String) throws {
    #expect(try !ListenAddress(host: host, port: 4280).isLoopback)
    #expect(throws: DashboardError.noAddress(host)) {
      try ListenAddress(host: host, port: 65536)
    }
  }

  @Test(arguments: [
    ("Authorization: Bearer 0123456789abcdef", 200),
    ("authorization: bearer 0123456789abcdef", 200),
    ("Cookie: other=1; hotplate=0123456789abcdef", 200),
    ("Authorization: Bearer 0123456789abcdeF", 401),
    ("Authorization: Bearer 0123456789abcde", 401), ("Authorization: Basic 0123456789abcdef", 401),
    // The wrong one is shown, whatever the other is.
    ("Authorization: Bearer x\r\nCookie: hotplate=0123456789abcdef", 401),
    ("Cookie: hotplate=", 401), ("X-No: token", 401),
  ])
  func `another machine shows the token, or nothing`(header: String, status: Int) async throws {
    try await withServer(token: "0123456789abcdef") { server in
      for path in ["/api/v1/health", "/api/v1/jobs", "/metrics", "/api/v1/openapi.yaml"] {
        let answer = try await exchange(
          server, tcp: true,
          "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(header)\r\nConnection: close\r\n\r\n")
        #expect(answer.status == status, "\(path)")
      }
      let page = try await exchange(
        server, tcp: true, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
      #expect(page.status == 200)
      let local = try await get(server, "/api/v1/health")
      #expect(local.status == 200, "the socket asks for none")
    }
  }

  @Test func `the token is changed into a cookie that scripts cannot read`() async throws {
    try await withServer(token: "0123456789abcdef") { server in
      func session(_ body: String) async throws -> Answer {
        try await exchange(
          server, tcp: true,
          "POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)")
      }
      let right = try await session(#"{"token": "0123456789abcdef"}"#)
      #expect(right.status == 204)
      #expect(
        right.headers.contains(
          "set-cookie: hotplate=0123456789abcdef; path=/; httponly; samesite=strict"))
      let wrong = try await session(#"{"token": "0123456789abcdee"}"#)
      try expectError(wrong, 401, "token-wanted")
      #expect(!wrong.headers.contains("set-cookie"))
    }
  }

  @Test(arguments: [
    ("evil.example", 403), ("127.0.0.1.evil.example", 403), ("127.0.0.1", 200),
    ("10.1.2.3:80", 200),
    ("[fd00::1]:4280", 200), ("localhost", 200), ("127.0.0.1:1.evil.example", 403),
    ("127.0.0.1:80:80", 403),
    ("127.0.0.1\r\nHost: 127.0.0.1", 403), ("1.2.3", 403), ("1.2.3.400", 403),
  ])
  func `for other machines, names are those of this one and addresses are free`(
    host: String, status: Int
  ) async throws {
    try await withServer(token: "0123456789abcdef") { server in
      let answer = try await exchange(
        server, tcp: true,
        "GET /api/v1/health HTTP/1.1\r\nHost: \(host)\r\nAuthorization: Bearer 0123456789abcdef\r\n"
          + "Connection: close\r\n\r\n")
      #expect(answer.status == status)
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
