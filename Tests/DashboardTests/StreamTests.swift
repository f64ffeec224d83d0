import Foundation
import NIOCore
import ReadModel
import Synchronization
import Testing

@testable import Dashboard

/// The live stream over real sockets.
@Suite struct StreamTests {
  private static func handshake(_ headers: [String] = []) -> String {
    let lines =
      headers.contains { $0.hasPrefix("Host:") } ? headers : ["Host: 127.0.0.1"] + headers
    return "GET /api/v1/stream HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
      + lines.joined(separator: "\r\n") + "\r\n\r\n"
  }

  @Test func `a client gets a snapshot, then each change, and hears of the end`() async throws {
    let engine = FakeEngine()
    let heard = Mutex<[WireFrame]>([])
    let client = Mutex<Int32>(-1)
    try await withServer(engine, tcp: true) { server in
      let socket = try await onOwnThread { () throws(Failed) in
        let socket = try connectTCP(server.http!)
        try sendAll(socket, Self.handshake())
        let head = try readHead(socket)
        #expect(head.hasPrefix("HTTP/1.1 101"))
        // RFC 6455, 1.3.
        #expect(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        let first = try readFrame(socket)
        heard.withLock { $0.append(first) }
        return socket
      }
      client.withLock { $0 = socket }
      engine.tell { $0.jobs = [FakeEngine.ended] }
      let second = try await onOwnThread { () throws(Failed) in try readFrame(socket) }
      heard.withLock { $0.append(second) }
    }
    // Still connected when the server was asked to end, which `withServer` waits for.
    let socket = client.withLock { $0 }
    defer { close(socket) }
    let last = try await onOwnThread { () throws(Failed) in try readFrame(socket) }
    let frames = heard.withLock { $0 }
    #expect(frames.map(\.opcode) == [1, 1])
    let types = try frames.map { try JSONDecoder().decode(Header.self, from: Data($0.payload)) }
    #expect(types.map(\.type) == ["snapshot", "job"])
    #expect(types[1].seq > types[0].seq)
    #expect(last.opcode == 8 && last.payload == [0x03, 0xe9], "going away: 1001")
  }

  private struct Header: Decodable {
    let type: String
    let seq: UInt64
  }

  @Test(arguments: [
    (["Origin: http://evil.example"], 403), (["Host: evil.example"], 403),
    (["Origin: null"], 403), (["Host: 127.0.0.1", "Host: 127.0.0.1"], 403),
    (["Sec-WebSocket-Version: 8"], 426), (["Content-Length: 3"], 426),
  ])
  func `a handshake that may not be is answered like any request`(
    headers: [String], status: Int
  ) async throws {
    try await withServer(tcp: true) { server in
      let answer = try await exchange(
        server, tcp: true, Self.handshake(headers + ["Connection: close"]) + "abc")
      #expect(answer.status == status)
      #expect(!answer.headers.contains("101"))
    }
  }

  @Test func `from another machine a handshake shows the token too`() async throws {
    try await withServer(token: "0123456789abcdef") { server in
      let refused = try await exchange(
        server, tcp: true, Self.handshake(["Connection: close"]))
      #expect(refused.status == 401)
      let head = try await onOwnThread { () throws(Failed) in
        let socket = try connectTCP(server.http!)
        defer { close(socket) }
        try sendAll(socket, Self.handshake(["Cookie: hotplate=0123456789abcdef"]))
        return try readHead(socket)
      }
      #expect(head.hasPrefix("HTTP/1.1 101"))
    }
  }

  @Test func `a frame above the limit and those against the protocol end the connection`()
    async throws
  {
    // (what is sent, the code it is closed with)
    let attacks: [([UInt8], [UInt8])] = [
      ([0x81, 0xff, 0, 0, 0, 0, 0, 0x80, 0, 0, 1, 2, 3, 4], [0x03, 0xf1]),
      ([0x09, 0x80, 1, 2, 3, 4], [0x03, 0xea]),
      ([0x81, 0x02, 0x68, 0x69], [0x03, 0xea]),
      ([0x83, 0x80, 1, 2, 3, 4], [0x03, 0xea]),
      ([0xc1, 0x80, 1, 2, 3, 4], [0x03, 0xea]),
      ([0x80, 0x80, 1, 2, 3, 4], [0x03, 0xea]),
    ]
    try await withServer(tcp: true) { server in
      for (bytes, code) in attacks {
        let frames = try await onOwnThread { () throws(Failed) in
          let socket = try connectTCP(server.http!)
          defer { close(socket) }
          try sendAll(socket, Self.handshake())
          _ = try readHead(socket)
          _ = try readFrame(socket)
          try sendAll(socket, bytes)
          return try readFrames(untilClosed: socket)
        }
        #expect(frames.last?.opcode == 8 && frames.last?.payload == code)
      }
    }
  }

  @Test func `a ping is answered, and what a client says is not listened to`() async throws {
    try await withServer(tcp: true) { server in
      let pong = try await onOwnThread { () throws(Failed) in
        let socket = try connectTCP(server.http!)
        defer { close(socket) }
        try sendAll(socket, Self.handshake())
        _ = try readHead(socket)
        _ = try readFrame(socket)
        // "hi", masked with zeros; then a ping.
        try sendAll(socket, [0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])
        try sendAll(socket, [0x89, 0x81, 0, 0, 0, 0, 0x21])
        return try readFrame(socket)
      }
      #expect(pong.opcode == 10 && pong.payload == [0x21])
    }
  }

  @Test func `who pings and reads no answer is let go before his answers fill the memory`()
    async throws
  {
    try await withServer(tcp: true) { server in
      let hasEnded = try await onOwnThread { () throws(Failed) in
        let socket = try connectTCP(server.http!)
        defer { close(socket) }
        try sendAll(socket, Self.handshake())
        let ping: [UInt8] = [0x89, 0xfd, 0, 0, 0, 0] + Array(repeating: 0x61, count: 125)
        let many = Array(repeating: ping, count: 1000).flatMap { $0 }
        // 128 MB at most; a send fails once the other end is closed.
        for _ in 0..<1000 {
          do { try sendAll(socket, many) } catch { return true }
        }
        return false
      }
      #expect(hasEnded)
    }
  }

  @Test func `a script that reads nothing does not keep the server from ending`() async throws {
    let engine = FakeEngine()
    let client = Mutex<Int32>(-1)
    let began = ContinuousClock.now
    try await withServer(engine) { server in
      let socket = try await onOwnThread { () throws(Failed) in
        let socket = try connectUnix(server.socket)
        try sendAll(socket, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        _ = try readHead(socket)
        return socket
      }
      client.withLock { $0 = socket }
      // More than any socket's buffer holds.
      engine.tell { $0.jobs = (0..<40_000).map { FakeEngine.job("\($0)", .held) } }
      while try await get(server, "/metrics").body.contains("snapshots_total 0") {}
    }
    close(client.withLock { $0 })
    #expect(ContinuousClock.now - began < .seconds(20))
  }

  @Test func `a client that answers no ping is let go`() async throws {
    var limits = Limits()
    limits.patience = .milliseconds(100)
    try await withServer(tcp: true, limits: limits) { server in
      let frames = try await onOwnThread { () throws(Failed) in
        let socket = try connectTCP(server.http!)
        defer { close(socket) }
        try sendAll(socket, Self.handshake())
        _ = try readHead(socket)
        return try readFrames(untilClosed: socket)
      }
      #expect(frames.map(\.opcode) == [1, 9])
    }
  }

  @Test(arguments: ["GET /api/v1/stream HTT", "", "GET / HTTP/1.1\r\nHost: 127.0"])
  func `who does not say in time what he wants is let go`(begun: String) async throws {
    var limits = Limits()
    limits.idle = .milliseconds(200)
    try await withServer(tcp: true, limits: limits) { server in
      let rest = try await onOwnThread { () throws(Failed) in
        let socket = try connectTCP(server.http!)
        defer { close(socket) }
        try sendAll(socket, begun)
        return try readToEnd(socket)
      }
      #expect(rest.isEmpty)
    }
  }

  @Test func `a body that comes drop by drop is not waited for`() async throws {
    var limits = Limits()
    limits.idle = .milliseconds(300)
    try await withServer(tcp: true, limits: limits) { server in
      let hasEnded = try await onOwnThread { () throws(Failed) in
        let socket = try connectTCP(server.http!)
        defer { close(socket) }
        try sendAll(
          socket,
          "POST /api/v1/cancel HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            + "Content-Length: 60000\r\n\r\n")
        // Each drop comes before the silence would be too long.
        for _ in 0..<60_000 {
          var drop = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
          if poll(&drop, 1, 50) > 0 { return true }
          try sendAll(socket, " ")
        }
        return false
      }
      #expect(hasEnded)
    }
  }

  @Test func `what stops being HTTP half-way gets one answer`() async throws {
    try await withServer(tcp: true) { server in
      for broken in [
        "Transfer-Encoding: xchunked\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
      ] {
        let answer = try await exchange(
          server, tcp: true,
          "POST /api/v1/cancel HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            + broken)
        #expect(answer.status == 400)
        #expect(answer.body.components(separatedBy: "HTTP/1.1").count == 1)
      }
    }
  }

  @Test func `more clients than there is place for are told to come again`() async throws {
    var limits = Limits()
    limits.clients = 1
    try await withServer(tcp: true, limits: limits) { server in
      let first = try await onOwnThread { () throws(Failed) in
        let socket = try connectTCP(server.http!)
        try sendAll(socket, Self.handshake())
        _ = try readHead(socket)
        _ = try readFrame(socket)
        return socket
      }
      defer { close(first) }
      let second = try await exchange(server, tcp: true, Self.handshake(["Connection: close"]))
      #expect(second.status == 503)
      let third = try await get(server, "/api/v1/events")
      #expect(third.status == 503)
    }
  }

  @Test func `scripts get the same as events, until the server ends`() async throws {
    let engine = FakeEngine()
    let reading = Mutex<Task<[UInt8], any Error>?>(nil)
    try await withServer(engine) { server in
      let (seen, see) = AsyncStream<Void>.makeStream()
      let task = Task {
        try await onOwnThread { () throws(Failed) in
          let socket = try connectUnix(server.socket)
          defer { close(socket) }
          try sendAll(socket, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
          let head = try readHead(socket)
          #expect(head.lowercased().contains("content-type: text/event-stream"))
          see.yield()
          return try readToEnd(socket)
        }
      }
      reading.withLock { $0 = task }
      for await _ in seen { break }
      engine.tell { $0.gone = [FakeEngine.running.id] }
    }
    let task = try #require(reading.withLock { $0 })
    let text = String(decoding: try await task.value, as: UTF8.self)
    #expect(text.contains("event: snapshot\nid: 1\ndata: {"))
  }
}
