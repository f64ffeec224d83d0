import Foundation

/// Sends `request` to the unix socket `name` in `directory` and reads until the other end closes.
///
/// Blocking calls on a thread of its own. The socket is reached through the directory's descriptor, so that a long path
/// does not meet the limit of 107 bytes (`unix(7)`).
///
/// - Parameter patience: seconds in which each piece of the answer must come.
func exchange(
  _ request: [UInt8], withSocket name: String, in directory: String, patience: Int = 30
) async throws(SocketFailure) -> [UInt8] {
  let result: Result<[UInt8], SocketFailure> = await withCheckedContinuation { continuation in
    Thread.detachNewThread {
      continuation.resume(
        returning: Result { () throws(SocketFailure) in
          let connection = try Connection(patience: patience)
          try connection.connect(toSocket: name, in: directory)
          try connection.send(request)
          return try connection.readToEnd()
        })
    }
  }
  return try result.get()
}

/// Why nothing came back.
enum SocketFailure: Error, Hashable {
  /// No socket is there, or nobody listens on it.
  case nobodyListens
  /// The socket belongs to somebody else.
  case notAllowed
  case noAnswer
  case system(String)
}

private struct Connection: ~Copyable {
  private let descriptor: Int32

  /// - Parameter patience: seconds that one call may wait.
  init(patience: Int) throws(SocketFailure) {
    let made = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard made >= 0 else { throw .ofConnecting(errno) }
    var time = timeval(tv_sec: patience, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    descriptor = made
  }

  func connect(toSocket name: String, in directory: String) throws(SocketFailure) {
    let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw .ofConnecting(errno) }
    defer { close(folder) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) {
      $0.copyBytes(from: "/proc/self/fd/\(folder)/\(name)".utf8)
    }
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard connected == 0 else { throw .ofConnecting(errno) }
  }

  deinit { close(descriptor) }

  func send(_ bytes: [UInt8]) throws(SocketFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if sent < 0 && errno == EINTR { continue }
      // A server that refuses early has an answer to read.
      if sent < 0 && (errno == EPIPE || errno == ECONNRESET) { return }
      guard sent >= 0 else { throw .ofExchanging(errno) }
      rest = rest.dropFirst(sent)
    }
  }

  func readToEnd() throws(SocketFailure) -> [UInt8] {
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 256 * 1024)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .ofExchanging(errno) }
      if count == 0 { return answer }
      answer += buffer.prefix(count)
    }
  }
}

extension SocketFailure {
  fileprivate static func ofConnecting(_ code: Int32) -> SocketFailure {
    switch code {
    case ENOENT, ENOTDIR, ECONNREFUSED: .nobodyListens
    case EACCES, EPERM: .notAllowed
    case EAGAIN: .noAnswer
    default: .system(String(cString: strerror(code)))
    }
  }

  fileprivate static func ofExchanging(_ code: Int32) -> SocketFailure {
    code == EAGAIN ? .noAnswer : .system(String(cString: strerror(code)))
  }
}
