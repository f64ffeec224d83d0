import ArgumentParser
import Dashboard
import Foundation
import Ingest
import Journal
import Logging
import Paths
import Pictures
import ReadModel
import Rules
import ServiceLifecycle

/// The composition root: the one place that knows every module.
struct Daemon {
  let options: FolderOptions
  /// Ends by itself once nothing is left to do.
  let untilAtRest: Bool
  var messages = Messages()
  /// Told about the engine before it runs, and after it has ended with its journal still open.
  var onStart: @Sendable (Engine) async -> Void = { _ in }
  var onEnd: @Sendable (Engine) async -> Void = { _ in }

  func run() async throws {
    do { try await work() } catch {
      // Programs that read the log learn from it why it ends.
      guard messages.format == .json, !(error is ExitCode) else { throw error }
      let failure = error as? Failure ?? Failure(.incomplete, "\(error)")
      let sentences = [failure.message, failure.remedy].compactMap(\.self)
      messages.say(.critical, sentences.joined(separator: "; "))
      throw failure.status.quietly
    }
  }

  private func work() async throws {
    raiseDescriptorLimit()
    let folders = try options.resolve()
    let locks = FolderLocks()
    defer { withExtendedLifetime(locks) {} }
    // One whose volume is away is locked when it is back.
    for folder in folders.hotFolders where folder.bearsItsMarker { try locks.take(folder) }
    let journal = try openJournal(folders.state)
    var book = RuleBook(directory: folders.rules)
    try await book.recall(from: journal)
    let reading = book.read()
    let rules: RuleSet
    do { rules = try checked(reading, book.directory) } catch {
      try await journal.close()
      throw error
    }
    try await book.remember(in: journal)
    let log = messages.logger
    var configuration = Engine.Configuration(
      hotFolders: folders.hotFolders, rules: rules, durability: folders.durability,
      workers: folders.workers,
      version: Hotplate.configuration.version)
    configuration.acceptsUnmounted = options.acceptUnmounted
    configuration.lock = { try locks.take($0) }
    let engine = try Engine(configuration, journal: journal, log: log)
    let keeper = try RuleKeeper(
      book, reading, engine: engine, journal: journal, log: log, messages: messages)
    await keeper.start()
    await onStart(engine)
    let bound = Bound()
    // What ends by itself needs no page.
    let isPageWanted = !untilAtRest && !options.noListen
    let address = try listenAddress(folders.listen) ?? (isPageWanted ? .usual : nil)
    let pictures = try pictures(in: folders.state)
    let server = DashboardServer(
      engine: engine, stateDirectory: folders.state, tcp: address,
      token: try accessToken(for: address, state: folders.state, log), pictures: pictures,
      logger: log, onBound: { bound.set($0) })
    let services = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          .init(service: PictureService(pictures: pictures)),
          .init(
            service: server, successTerminationBehavior: .gracefullyShutdownGroup,
            failureTerminationBehavior: .gracefullyShutdownGroup),
          .init(
            service: EngineService(engine: engine, untilAtRest: untilAtRest),
            successTerminationBehavior: .gracefullyShutdownGroup,
            failureTerminationBehavior: .gracefullyShutdownGroup),
        ], gracefulShutdownSignals: [.sigterm, .sigint], logger: log))
    let ready = Task {
      await engine.ready()
      let address = await bound.value?.http.map { " on \($0)" } ?? ""
      let names = folders.hotFolders.map {
        "\(shown(Array($0.path.utf8))) → \(shown(Array($0.destination.utf8)))"
      }
      messages.say(.info, "ready: \(names.joined(separator: ", "))\(address)\n")
    }
    let result: Result<Void, any Error>
    do {
      try await services.run()
      result = .success(())
    } catch {
      result = .failure(error)
    }
    ready.cancel()
    await keeper.stop()
    await onEnd(engine)
    do {
      try result.get()
    } catch let error as JournalError {
      // It says what is wrong with the journal; closing it could only say it again.
      try? await journal.close()
      throw Failure(.cannotWrite, "\(error)", remedy: nil)
    }
    try await journal.close()
  }

  private func listenAddress(_ text: String?) throws -> ListenAddress? {
    guard let text else { return nil }
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...])
    else {
      throw Failure(.usage, "--listen wants HOST:PORT, not '\(shown(Array(text.utf8)))'")
    }
    let host = text[..<colon].trimmingPrefix("[").replacingOccurrences(of: "]", with: "")
    do { return try ListenAddress(host: host, port: port) } catch {
      throw Failure(.usage, "\(error)")
    }
  }

  /// A shell's 1024 are little for copying and hundreds of clients of the page; what its owner forbade stays forbidden.
  private func raiseDescriptorLimit() {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
    limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 8192))
    // Without it there is room for fewer clients.
    _ = setrlimit(resource, &limit)
  }

  /// What other machines have to show; nil where none can reach us.
  private func accessToken(for address: ListenAddress?, state: String, _ log: Logger) throws
    -> AccessToken?
  {
    guard let address, !address.isLoopback else { return nil }
    let file = TokenFile(in: state)
    let token = try file.token()
    log.notice("other machines need the token in \(shown(Array(file.path.utf8)))")
    return token
  }

  private func checked(_ reading: RuleBook.Reading, _ directory: String) throws -> RuleSet {
    messages.say(.error, reading.report(color: messages.isColorful))
    guard let rules = reading.rules else {
      throw Failure(
        .badConfiguration, "the rules in \(directory) have mistakes",
        remedy: "mend them; `hotplate check \(directory)` shows them again")
    }
    if rules.count == 0 {
      throw Failure(
        .badConfiguration, "\(directory) holds no rules",
        remedy: "give --rules DIR, a directory with *.yaml files")
    }
    return rules
  }

  private func pictures(in state: String) throws -> Pictures {
    do { return try Pictures(stateDirectory: state) } catch {
      throw Failure(.cannotWrite, "no place for pictures: \(error)", remedy: nil)
    }
  }

  private func openJournal(_ state: String) throws -> Journal {
    do {
      return try Journal(stateDirectory: state)
    } catch {
      if case .locked = error { throw Failure(.tryAgain, "\(error)", remedy: nil) }
      throw Failure(.cannotWrite, "\(error)", remedy: nil)
    }
  }
}

/// Ends the tools that make pictures when the others end: who waits for one would hold up the server.
private struct PictureService: Service {
  let pictures: Pictures

  func run() async throws {
    // Whatever ends it ends the tools.
    try? await gracefulShutdown()
    await pictures.stop()
  }
}

/// The engine as a service: SIGTERM stops it with its staging kept.
private struct EngineService: Service {
  let engine: Engine
  let untilAtRest: Bool

  func run() async throws {
    try await withGracefulShutdownHandler {
      try await engine.run(untilAtRest: untilAtRest)
    } onGracefulShutdown: {
      engine.stop()
    }
  }
}

/// Hands the listeners' addresses from the server to the ready line.
private final class Bound: Sendable {
  private let stream: AsyncStream<BoundAddresses>
  private let continuation: AsyncStream<BoundAddresses>.Continuation

  init() { (stream, continuation) = AsyncStream.makeStream() }

  func set(_ addresses: BoundAddresses) { continuation.yield(addresses) }

  /// nil if there will be none.
  var value: BoundAddresses? {
    get async {
      for await addresses in stream { return addresses }
      return nil
    }
  }
}
