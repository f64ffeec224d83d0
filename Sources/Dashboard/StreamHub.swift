import Logging
import NIOCore
import ReadModel
import ServiceLifecycle
import Synchronization

/// Tells every client of the live stream what changes, each as fast as it reads.
///
/// The engine is asked by one task while there are clients, five times a second at most; what it says is encoded
/// once. What waits for a client has a bound: beyond it everything is thrown away, and the client gets a snapshot as soon
/// as it reads again. Nobody waits for a client.
final class StreamHub: Sendable {
  /// One client's place.
  struct Ticket: Hashable, Sendable {
    fileprivate let number: UInt64
  }

  struct Client {
    let wake: @Sendable () -> Void
    var waiting: [StreamMessage] = []
    var bytes = 0
    /// What waited was thrown away, or it is new: a snapshot is next.
    var isBehind = true
    /// Nothing was put before it since it took last: it has to be woken.
    var isIdle = true
  }

  struct State {
    var stream = StreamState()
    /// Whether `stream` says how things are.
    var isLive = false
    var hasEnded = false
    var clients: [Ticket: Client] = [:]
    var tickets: UInt64 = 0
    /// The wait for the engine's next change.
    var waiting: Task<Void, Never>?
    var snapshots = 0
  }

  /// Between two questions to the engine: a job has five messages a second at most, and fewer where many are told, for
  /// each message to each client takes from the copying.
  static func pace(clients: Int) -> Duration { .milliseconds(200 + 2 * clients) }
  /// What may wait for one client.
  static let bound = 256 * 1024

  private let engine: any EngineView
  private let logger: Logger
  private let limit: Int
  private let state = Mutex(State())
  private let (firstClients, firstClient) = AsyncStream<Void>.makeStream(
    bufferingPolicy: .bufferingNewest(1))

  /// - Parameter limit: clients at once.
  init(engine: any EngineView, limit: Int, logger: Logger) {
    self.engine = engine
    self.limit = limit
    self.logger = logger
  }

  /// Clients now, and how many snapshots were made for them.
  var counts: (clients: Int, snapshots: Int) {
    state.withLock { ($0.clients.count, $0.snapshots) }
  }

  /// Whether the server ends.
  var isOver: Bool { state.withLock { $0.hasEnded } }

  var isFull: Bool { state.withLock { $0.clients.count >= limit || $0.hasEnded } }

  /// - Parameter wake: called on any thread when there is something to take after there was nothing, and at the end.
  /// - Returns: nil if there are too many clients, or the server ends.
  func join(wake: @escaping @Sendable () -> Void) -> Ticket? {
    let (ticket, isLive) = state.withLock { state -> (Ticket?, Bool) in
      guard state.clients.count < limit, !state.hasEnded else { return (nil, false) }
      state.tickets += 1
      let ticket = Ticket(number: state.tickets)
      state.clients[ticket] = Client(wake: wake)
      return (ticket, state.isLive)
    }
    guard ticket != nil else { return nil }
    if isLive { wake() } else { firstClient.yield() }
    return ticket
  }

  func leave(_ ticket: Ticket) {
    state.withLock { state in
      state.clients[ticket] = nil
      // Nobody is told of the next change: what is kept for it is given back now.
      if state.clients.isEmpty { state.waiting?.cancel() }
    }
  }

  /// What is next for a client; empty if that is nothing yet. After an empty answer `wake` tells when to ask again.
  ///
  /// - Returns: nil once the server ends.
  func take(_ ticket: Ticket) -> [StreamMessage]? {
    state.withLock { state in
      guard !state.hasEnded, var client = state.clients[ticket] else { return nil }
      defer { state.clients[ticket] = client }
      guard state.isLive else {
        client.isIdle = true
        return []
      }
      if client.isBehind {
        client.isBehind = false
        client.isIdle = false
        state.snapshots += 1
        return [state.stream.snapshot()]
      }
      client.isIdle = client.waiting.isEmpty
      defer {
        client.waiting = []
        client.bytes = 0
      }
      return client.waiting
    }
  }

  func hasEnded(_ ticket: Ticket) -> Bool {
    state.withLock { $0.hasEnded || $0.clients[ticket] == nil }
  }

  /// Asks the engine while there are clients, until the task is cancelled or the service ends.
  func run() async {
    await withGracefulShutdownHandler {
      await serve()
    } onGracefulShutdown: {
      self.end()
    }
    end()
  }

  /// Every client is told to go.
  private func end() {
    state.withLock { $0.hasEnded = true }
    wakeAll()
    firstClient.finish()
  }

  private func serve() async {
    for await _ in firstClients {
      do {
        try await listen()
      } catch is CancellationError {
        break
      } catch {
        logger.error("the live stream broke off: \(error)")
        dropAll()
      }
      await engine.endListening()
    }
  }

  private func listen() async throws {
    let snapshot = try await engine.beginListening(ended: StreamState.ended)
    try state.withLock { state in
      try state.stream.begin(snapshot)
      state.isLive = true
    }
    wakeAll()
    while true {
      await waitForChange()
      try Task.checkCancellation()
      let changes = try await engine.changes()
      let wakes = try state.withLock { try $0.tell(changes) }
      guard let wakes else { return }
      for wake in wakes { wake() }
      try await Task.sleep(for: Self.pace(clients: counts.clients))
    }
  }

  private func waitForChange() async {
    let engine = engine
    let waiting = Task { await engine.somethingChanged() }
    state.withLock { state in
      state.waiting = waiting
      if state.clients.isEmpty { waiting.cancel() }
    }
    await withTaskCancellationHandler {
      await waiting.value
    } onCancel: {
      waiting.cancel()
    }
  }

  private func wakeAll() {
    let wakes = state.withLock { $0.clients.values.map(\.wake) }
    for wake in wakes { wake() }
  }

  /// They come again, and whoever does begins anew.
  private func dropAll() {
    let wakes = state.withLock { state in
      state.isLive = false
      defer { state.clients = [:] }
      return state.clients.values.map(\.wake)
    }
    for wake in wakes { wake() }
  }
}

extension StreamHub.State {
  /// - Returns: whom to wake; nil if nobody is there any more, and nothing was told.
  fileprivate mutating func tell(_ changes: ChangesView) throws -> [@Sendable () -> Void]? {
    if clients.isEmpty {
      isLive = false
      stream.forget()
      return nil
    }
    let messages = try stream.apply(changes)
    if messages.isEmpty { return [] }
    let bytes = messages.reduce(0) { $0 + $1.json.readableBytes }
    var wakes: [@Sendable () -> Void] = []
    for ticket in Array(clients.keys) {
      if clients[ticket]!.put(messages, bytes) { wakes.append(clients[ticket]!.wake) }
    }
    return wakes
  }
}

extension StreamHub.Client {
  /// - Returns: whether it waits to be woken.
  fileprivate mutating func put(_ messages: [StreamMessage], _ bytes: Int) -> Bool {
    if isBehind { return false }
    self.bytes += bytes
    // What comes at once is no backlog, however much it is.
    if !waiting.isEmpty, self.bytes > StreamHub.bound {
      waiting = []
      self.bytes = 0
      isBehind = true
    } else {
      waiting += messages
    }
    defer { isIdle = false }
    return isIdle
  }
}
