/// Why the API cannot be served: the daemon cannot start.
public enum DashboardError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The state directory cannot hold the socket.
  case stateDirectory(String, because: String)
  /// Something else listens there, or the system refuses.
  case cannotListen(at: String, because: String)
  /// Only addresses of this machine are served.
  case notLoopback(String)

  public var description: String {
    switch self {
    case .stateDirectory(let path, let why): "cannot make a socket in \(path): \(why)"
    case .cannotListen(let address, let why): "cannot listen on \(address): \(why)"
    case .notLoopback(let host):
      "'\(host)' cannot be served: use 127.0.0.1, ::1 or localhost, and a port from 0 to 65535"
    }
  }
}

/// A TCP address that only this machine reaches.
public struct LoopbackAddress: Hashable, Sendable {
  public let host: String
  public let port: Int

  /// - Parameter port: 0 picks a free one.
  /// - Throws: `.notLoopback` for any other host: other addresses need a token, which is not there yet.
  public init(host: String, port: Int) throws(DashboardError) {
    guard ["127.0.0.1", "::1", "localhost"].contains(host), 0...65535 ~= port else {
      throw .notLoopback(host)
    }
    self.host = host
    self.port = port
  }

  func url(port: Int) -> String {
    "http://" + (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
  }
}
