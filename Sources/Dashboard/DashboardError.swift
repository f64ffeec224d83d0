/// Why the API cannot be served: the daemon cannot start.
public enum DashboardError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The state directory cannot hold the socket.
  case stateDirectory(String, because: String)
  /// Something else listens there, or the system refuses.
  case cannotListen(at: String, because: String)
  /// No address that could be listened on.
  case noAddress(String)

  public var description: String {
    switch self {
    case .stateDirectory(let path, let why): "cannot make a socket in \(path): \(why)"
    case .cannotListen(let address, let why): "cannot listen on \(address): \(why)"
    case .noAddress(let host):
      "'\(host)' is no address to listen on: use a host and a port from 0 to 65535"
    }
  }
}

/// A TCP address to listen on.
public struct ListenAddress: Hashable, Sendable {
  public let host: String
  public let port: Int
  /// Whether a free port will do where this one is taken: nobody asked for it.
  let isGuess: Bool

  /// Where the page is unless somebody says otherwise. A second daemon on the machine gets a free port.
  public static let usual = ListenAddress(host: "127.0.0.1", port: 4280, isGuess: true)

  private init(host: String, port: Int, isGuess: Bool) {
    self.host = host
    self.port = port
    self.isGuess = isGuess
  }

  /// - Parameter port: 0 picks a free one.
  /// - Throws: `.noAddress` for a port out of range or an empty host.
  public init(host: String, port: Int) throws(DashboardError) {
    guard !host.isEmpty, 0...65535 ~= port else { throw .noAddress(host) }
    self.init(host: host, port: port, isGuess: false)
  }

  /// The same with a port that is free.
  var anywhere: ListenAddress { ListenAddress(host: host, port: 0, isGuess: false) }

  /// Whether only this machine reaches it; every other address wants a token.
  public var isLoopback: Bool { ["127.0.0.1", "::1", "localhost"].contains(host) }

  func url(port: Int) -> String {
    "http://" + (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
  }
}
