import Glibc
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ReadModel
import ServiceLifecycle

/// Where the API answers.
public struct BoundAddresses: Hashable, Sendable {
  /// The path of the unix socket.
  public var socket: String
  /// `http://HOST:PORT` with the port that was picked; nil without a TCP listener.
  public var http: String?
}

/// The page, the HTTP API and its live stream, on the unix socket of a state directory and, if wanted, on an address.
///
/// A service: `run` ends on graceful shutdown (answers in progress are finished, the socket file is removed) or by
/// throwing a `DashboardError`.
///
/// - Precondition: the caller holds the lock of the state directory; a socket file that lies there is replaced.
public struct DashboardServer: Service {
  private let engine: any EngineView
  private let stateDirectory: String
  private let tcp: ListenAddress?
  private let logger: Logger
  private let token: AccessToken?
  private let pictures: (any PictureShelf)?
  private let limits: Limits
  private let hub: StreamHub
  private let refusals = Refusals()
  private let onBound: @Sendable (BoundAddresses) async -> Void

  /// - Parameters:
  ///   - stateDirectory: an existing directory, mode 0700; the socket is `hotplate.sock` in it, mode 0600.
  ///   - tcp: where to listen besides the socket.
  ///   - pictures: of published frames; nil shows none.
  ///   - token: what requests to an address that other machines reach have to show.
  ///   - onBound: called once, when every listener accepts connections.
  public init(
    engine: any EngineView, stateDirectory: String, tcp: ListenAddress? = nil,
    token: AccessToken? = nil, pictures: (any PictureShelf)? = nil, logger: Logger,
    onBound: @escaping @Sendable (BoundAddresses) async -> Void = { _ in }
  ) {
    self.init(
      engine: engine, stateDirectory: stateDirectory, tcp: tcp, token: token, pictures: pictures,
      logger: logger, limits: Limits(), onBound: onBound)
  }

  init(
    engine: any EngineView, stateDirectory: String, tcp: ListenAddress? = nil,
    token: AccessToken? = nil, pictures: (any PictureShelf)? = nil, logger: Logger, limits: Limits,
    onBound: @escaping @Sendable (BoundAddresses) async -> Void
  ) {
    precondition(tcp?.isLoopback != false || token != nil, "other machines without a token")
    self.engine = engine
    self.stateDirectory = stateDirectory
    self.tcp = tcp
    self.token = token
    self.pictures = pictures
    hub = StreamHub(engine: engine, limit: limits.clients, logger: logger)
    self.logger = logger
    self.limits = limits
    self.onBound = onBound
  }

  /// - Throws: `DashboardError` if a listener cannot be bound; nothing listens then.
  public func run() async throws {
    let socket = try await offPool { () throws(DashboardError) in try SocketFile(in: stateDirectory)
    }
    let (listening, announce) = AsyncThrowingStream<Listening, any Error>.makeStream()
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await serveSocket(socket, announce) }
        if let tcp { group.addTask { try await serve(tcp, announce) } }
        group.addTask { try await reportBound(listening, socket: socket.path) }
        try await withThrowingTaskGroup(of: Void.self) { streams in
          streams.addTask { await hub.run() }
          // Unlike waitForAll, this ends the others when one fails.
          for try await _ in group {}
          streams.cancelAll()
        }
      }
    } catch {
      await offPool { socket.remove() }
      throw error
    }
    await offPool { socket.remove() }
  }

  /// One listener came up; the TCP one with its URL.
  private enum Listening: Sendable {
    case socket
    case http(String)
  }

  private typealias Announce = AsyncThrowingStream<Listening, any Error>.Continuation

  private func reportBound(
    _ listening: AsyncThrowingStream<Listening, any Error>, socket: String
  ) async throws {
    var bound = BoundAddresses(socket: socket, http: nil)
    var missing = tcp == nil ? 1 : 2
    for try await listener in listening {
      if case .http(let url) = listener { bound.http = url }
      missing -= 1
      if missing == 0 { return await onBound(bound) }
    }
  }

  private func serveSocket(_ socket: SocketFile, _ announce: Announce) async throws {
    // A listener that ends before both stood ends the waiting, too.
    defer { announce.finish() }
    let application = application(
      at: .unixDomainSocket(path: socket.bindPath), doorkeeper: .unixSocket
    ) { _ in
      do throws(DashboardError) {
        try await offPool { () throws(DashboardError) in try socket.publish() }
        announce.yield(.socket)
      } catch  where Task.isShuttingDownGracefully {
        // Nothing was left to do before it stood: the listener is closed and its file gone already.
      } catch {
        announce.finish(throwing: error)
      }
    }
    do {
      try await application.run()
    } catch let error as DashboardError {
      throw error
    } catch {
      throw DashboardError.cannotListen(at: socket.path, because: "\(error)")
    }
  }

  private func serve(_ address: ListenAddress, _ announce: Announce) async throws {
    // A listener that ends before both stood ends the waiting, too.
    defer { announce.finish() }
    let application = application(
      at: .hostname(address.host, port: address.port), doorkeeper: doorkeeper(of: address)
    ) { channel in
      announce.yield(.http(address.url(port: channel.localAddress?.port ?? address.port)))
    }
    do {
      try await application.run()
    } catch let error as IOError where address.isGuess && error.errnoCode == EADDRINUSE {
      logger.notice("port \(address.port) is taken: a free one is picked")
      try await serve(address.anywhere, announce)
    } catch {
      throw DashboardError.cannotListen(
        at: address.url(port: address.port), because: "\(error)")
    }
  }

  private func application(
    at address: BindAddress, doorkeeper: Doorkeeper,
    onRunning: @escaping @Sendable (any Channel) async -> Void
  ) -> some ApplicationProtocol {
    // Hummingbird tells every start and stop; the caller has its own line for that.
    var quiet = logger
    quiet.logLevel = max(logger.logLevel, .warning)
    let (hub, limits) = (hub, limits)
    let answers = Answers(
      engine: engine, pictures: pictures, hub: hub, refusals: refusals, limits: limits,
      logger: logger)
    return Application(
      router: makeRouter(answers, doorkeeper: doorkeeper),
      server: HTTPServerBuilder {
        StreamChannel(responder: $0, doorkeeper: doorkeeper, hub: hub, limits: limits)
      },
      configuration: .init(
        address: address,
        availableConnectionsDelegate: MaximumAvailableConnections(limits.connections)),
      onServerRunning: onRunning, logger: quiet)
  }
}

extension DashboardServer {
  private func doorkeeper(of address: ListenAddress) -> Doorkeeper {
    guard !address.isLoopback, let token else { return .loopback }
    return .network(names: [address.host, machineName()].compactMap(\.self), token: token)
  }

  private func machineName() -> String? {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, 255) == 0 else { return nil }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

/// What one client may cost.
struct Limits: Sendable {
  /// A connection that sends nothing of what it began is closed after it.
  var idle: TimeAmount = .seconds(10)
  /// Bytes of all header lines together.
  var headers = 16 * 1024
  /// Bytes of a request's body.
  var body = 64 * 1024
  /// Open at once, a listener; further ones wait in the kernel's queue.
  var connections = Limits.share(of: 1024)
  /// Clients of the live stream; further ones are told to come again.
  var clients = Limits.share(of: 768)
  /// Bytes of what a WebSocket client sends: the stream is for reading.
  var frame = 4 * 1024
  /// How long a client of the stream may be silent, or take nothing of what waits for it.
  var patience: TimeAmount = .seconds(30)

  /// Copying needs descriptors too, and some daemons must live with 64.
  private static func share(of wanted: Int) -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return wanted }
    return min(wanted, max(8, Int(clamping: limit.rlim_cur) * wanted / 4096))
  }
}
