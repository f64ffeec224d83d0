import Foundation
import Logging
import NIOCore
import ServiceLifecycle

@testable import Dashboard

/// Runs a server on a state directory, by default a new one, and `body` once it says that it listens.
func withServer(
  _ engine: FakeEngine = FakeEngine(), tcp: Bool = false, token: String? = nil,
  limits: Limits = Limits(), directory: String? = nil, _ body: (BoundAddresses) async throws -> Void
) async throws {
  let own = try directory == nil ? temporaryDirectory() : nil
  defer { if let own { try? FileManager.default.removeItem(atPath: own) } }
  let (bound, announce) = AsyncStream<BoundAddresses>.makeStream()
  let server = DashboardServer(
    engine: engine, stateDirectory: directory ?? own!,
    tcp: tcp || token != nil
      ? try ListenAddress(host: token == nil ? "127.0.0.1" : "127.0.0.2", port: 0) : nil,
    token: token.flatMap { AccessToken($0) }, logger: silent, limits: limits
  ) { announce.yield($0) }
  let group = ServiceGroup(services: [server], logger: silent)
  async let running: Void = {
    defer { announce.finish() }
    try await group.run()
  }()
  var failure: (any Error)?
  for await addresses in bound {
    do { try await body(addresses) } catch { failure = error }
    await group.triggerGracefulShutdown()
  }
  try await running
  if let failure { throw failure }
}

let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

func temporaryDirectory() throws -> String {
  var template = Array("/tmp/hotplate-api-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw Failed("mkdtemp") }
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

struct Failed: Error, CustomStringConvertible {
  let description: String

  init(_ call: String) { description = "\(call): \(String(cString: strerror(errno)))" }
}

struct Answer: Sendable {
  let status: Int
  let headers: String
  let body: String
}

/// Sends exactly these bytes, then reads until the server closes; by hand, so that any request can be made.
func exchange(_ address: BoundAddresses, tcp: Bool = false, _ request: String) async throws
  -> Answer
{
  let reply = try await onOwnThread { () throws(Failed) in
    let socket = try tcp ? connectTCP(address.http!) : connectUnix(address.socket)
    defer { close(socket) }
    var rest = Array(request.utf8)[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes {
        send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      // The server may close before it has read all of a request that it refuses.
      guard sent > 0 else { break }
      rest = rest.dropFirst(sent)
    }
    return try readToEnd(socket)
  }
  let text = String(decoding: reply, as: UTF8.self)
  let parts = text.components(separatedBy: "\r\n\r\n")
  let status = parts[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
  return Answer(
    status: status, headers: parts[0].lowercased(),
    body: parts.dropFirst().joined(separator: "\r\n\r\n"))
}

/// Not on the threads that the server runs its own blocking calls on: it could wait for us there.
func onOwnThread<Value: Sendable>(
  _ body: @escaping @Sendable () throws(Failed) -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread {
      continuation.resume(with: Result { () throws(Failed) in try body() })
    }
  }
}

func get(_ address: BoundAddresses, _ path: String) async throws -> Answer {
  try await exchange(
    address, "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

func post(
  _ address: BoundAddresses, _ path: String, _ body: String,
  headers: [String] = ["Host: localhost", "Content-Type: application/json"]
) async throws -> Answer {
  let lines = headers + ["Content-Length: \(body.utf8.count)", "Connection: close"]
  return try await exchange(
    address, "POST \(path) HTTP/1.1\r\n\(lines.joined(separator: "\r\n"))\r\n\r\n\(body)")
}

/// Reads until the server closes.
func readToEnd(_ socket: Int32) throws(Failed) -> [UInt8] {
  // A server that hangs makes a failed test, not a hanging one.
  var patience = timeval(tv_sec: 20, tv_usec: 0)
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  var reply: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = recv(socket, &buffer, buffer.count, 0)
    guard count >= 0 || errno == ECONNRESET else { throw Failed("recv") }
    guard count > 0 else { return reply }
    reply += buffer.prefix(count)
  }
}

func connectUnix(_ path: String) throws(Failed) -> Int32 {
  // The directory by descriptor, as the path may be longer than a socket address holds.
  let directory = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY)
  defer { close(directory) }
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  let short = "/proc/self/fd/\(directory)/\((path as NSString).lastPathComponent)"
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: short.utf8) }
  return try connected(AF_UNIX, &address, MemoryLayout<sockaddr_un>.size)
}

func connectTCP(_ url: String) throws(Failed) -> Int32 {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(url.split(separator: ":").last.flatMap { UInt16($0) }!.bigEndian)
  address.sin_addr.s_addr =
    UInt32(url.contains("127.0.0.2") ? 0x7F00_0002 : 0x7F00_0001).bigEndian
  return try connected(AF_INET, &address, MemoryLayout<sockaddr_in>.size)
}

private func connected<Address>(
  _ family: Int32, _ address: inout Address, _ size: Int
) throws(Failed) -> Int32 {
  let socket = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  let result = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(socket, $0, socklen_t(size))
    }
  }
  guard result == 0 else {
    defer { close(socket) }
    throw Failed("connect")
  }
  return socket
}
