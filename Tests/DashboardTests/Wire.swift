import Glibc

/// WebSocket frames by hand (RFC 6455, 5.2), so that any can be made.
struct WireFrame: Sendable {
  let opcode: UInt8
  let payload: [UInt8]
}

func sendAll(_ socket: Int32, _ text: String) throws(Failed) {
  try sendAll(socket, Array(text.utf8))
}

func sendAll(_ socket: Int32, _ bytes: [UInt8]) throws(Failed) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let sent = rest.withUnsafeBytes {
      send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
    guard sent > 0 else { throw Failed("send") }
    rest = rest.dropFirst(sent)
  }
}

/// Up to the empty line.
func readHead(_ socket: Int32) throws(Failed) -> String {
  var head: [UInt8] = []
  while !head.ends(with: Array("\r\n\r\n".utf8)) { head += try readExactly(socket, 1) }
  return String(decoding: head, as: UTF8.self)
}

/// One frame as a server sends it: unmasked.
func readFrame(_ socket: Int32) throws(Failed) -> WireFrame {
  let head = try readExactly(socket, 2)
  var length = Int(head[1] & 0x7f)
  if length >= 126 {
    length = try readExactly(socket, length == 126 ? 2 : 8).reduce(0) { $0 << 8 | Int($1) }
  }
  return WireFrame(opcode: head[0] & 0x0f, payload: try readExactly(socket, length))
}

func readFrames(untilClosed socket: Int32) throws(Failed) -> [WireFrame] {
  var frames: [WireFrame] = []
  // Its end is found where a frame would begin.
  while let frame = try? readFrame(socket) { frames.append(frame) }
  return frames
}

private func readExactly(_ socket: Int32, _ count: Int) throws(Failed) -> [UInt8] {
  // A server that hangs makes a failed test, not a hanging one.
  var patience = timeval(tv_sec: 20, tv_usec: 0)
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  var bytes: [UInt8] = []
  while bytes.count < count {
    var buffer = [UInt8](repeating: 0, count: count - bytes.count)
    let read = recv(socket, &buffer, buffer.count, 0)
    guard read > 0 else { throw Failed("recv") }
    bytes += buffer.prefix(read)
  }
  return bytes
}

extension [UInt8] {
  fileprivate func ends(with end: [UInt8]) -> Bool { suffix(end.count).elementsEqual(end) }
}
