import Foundation
import Glibc
import Synchronization

/// Clients of the live stream: most read all they get, on one thread and as cheaply as it goes; some never do.
final class Crowd: Sendable {
  private let readers: [Int32]
  private let silent: [Int32]
  private let state = Mutex((received: 0, ended: 0, isOver: false))
  private let done = DispatchSemaphore(value: 0)

  /// - Parameter silent: how many of `count` never read.
  init(_ count: Int, silent: Int, at address: Address) throws {
    var sockets: [Int32] = []
    for _ in 0..<count { sockets.append(try Self.connected(to: address)) }
    self.silent = Array(sockets.prefix(silent))
    readers = Array(sockets.dropFirst(silent))
    Thread.detachNewThread { [self] in read() }
  }

  /// - Returns: bytes that the readers got.
  @discardableResult
  func leave() -> Int {
    state.withLock { $0.isOver = true }
    done.wait()
    for socket in silent {
      // Behind all that was sent lies its end, if it has one.
      var bytes = [UInt8](repeating: 0, count: 1 << 16)
      var count = recv(socket, &bytes, bytes.count, Int32(MSG_DONTWAIT))
      while count > 0 { count = recv(socket, &bytes, bytes.count, Int32(MSG_DONTWAIT)) }
      if count == 0 || errno == ECONNRESET { state.withLock { $0.ended += 1 } }
      close(socket)
    }
    for socket in readers { close(socket) }
    return state.withLock { $0.received }
  }

  /// How many the daemon had let go.
  var ended: Int { state.withLock { $0.ended } }

  private func read() {
    defer { done.signal() }
    var polled = readers.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while !state.withLock({ $0.isOver }) {
      guard poll(&polled, nfds_t(polled.count), 100) > 0 else { continue }
      var received = 0
      for index in polled.indices where polled[index].revents != 0 {
        let count = recv(polled[index].fd, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count > 0 {
          received += count
          answerPing(in: buffer.prefix(count), on: polled[index].fd)
        } else if count == 0 || errno != EAGAIN {
          polled[index].fd = -1
          state.withLock { $0.ended += 1 }
        }
      }
      state.withLock { $0.received += received }
    }
  }

  /// A ping is two bytes and comes by itself: only a text's frame is cut in pieces.
  private func answerPing(in bytes: ArraySlice<UInt8>, on socket: Int32) {
    guard bytes.suffix(2).elementsEqual([0x89, 0x00]) else { return }
    let pong: [UInt8] = [0x8a, 0x80, 0, 0, 0, 0]
    _ = pong.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }

  private static func connected(to address: Address) throws -> Int32 {
    let socket = socket(
      AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = address.port.bigEndian
    place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw BenchmarkError("connect: \(String(cString: strerror(errno)))") }
    let handshake = """
      GET /api/v1/stream HTTP/1.1\r
      Host: 127.0.0.1\r
      Upgrade: websocket\r
      Connection: Upgrade\r
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
      Sec-WebSocket-Version: 13\r
      \r

      """
    _ = handshake.utf8CString.withUnsafeBytes {
      send(socket, $0.baseAddress, $0.count - 1, Int32(MSG_NOSIGNAL))
    }
    var head: [UInt8] = []
    var byte: UInt8 = 0
    while !head.suffix(4).elementsEqual(Array("\r\n\r\n".utf8)) {
      guard recv(socket, &byte, 1, 0) == 1 else { throw BenchmarkError("no answer") }
      head.append(byte)
    }
    guard head.starts(with: Array("HTTP/1.1 101".utf8)) else {
      throw BenchmarkError(String(decoding: head, as: UTF8.self))
    }
    return socket
  }
}
