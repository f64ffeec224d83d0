import Foundation
import Ingest
import Journal
import Logging
import Watching

/// Keeps the engine's rules as their files are: each save is read, and applied or reported.
actor RuleKeeper {
  private var book: RuleBook
  private let engine: Engine
  private let journal: Journal
  private let log: Logger
  private let messages: Messages
  private let watch: PathWatch
  private let changes: AsyncStream<Void>.Continuation
  private var listening: Task<Void, Never>?
  private var lastReport: String
  private var inForce: [String: String]

  /// - Parameter reading: what the engine began with.
  init(
    _ book: RuleBook, _ reading: RuleBook.Reading, engine: Engine, journal: Journal, log: Logger,
    messages: Messages
  ) throws {
    self.book = book
    self.engine = engine
    self.journal = journal
    self.log = log
    self.messages = messages
    inForce = reading.texts
    lastReport = reading.report(color: false)
    paths = reading.paths
    // One that waits says all: the files are read as they are then.
    let (stream, continuation) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    changes = continuation
    watch = try PathWatch { continuation.yield() }
    self.stream = stream
  }

  private let stream: AsyncStream<Void>
  private let paths: [String]

  /// Watches from here on, and reads once more: a save between the first reading and this is not missed.
  func start() async {
    await watch.watch(absolute(paths))
    changes.yield()
    listening = Task {
      for await _ in stream { await read() }
    }
  }

  func stop() async {
    changes.finish()
    watch.stop()
    await listening?.value
  }

  private func read() async {
    let before = book
    let reading = book.read()
    // First the watches: what is written while the rules are applied is told again.
    await watch.watch(absolute(reading.paths))
    let report = reading.report(color: false)
    if report != lastReport {
      lastReport = report
      messages.say(.error, reading.report(color: messages.isColorful))
      log.log(
        level: reading.loaded.isClean ? .info : .error,
        "the rules \(reading.loaded.isClean ? "have no mistakes any more" : "have mistakes; what was good stays active")"
      )
    }
    await engine.show(reading.view(directory: book.directory))
    guard let rules = reading.rules else { return }
    if reading.texts != inForce {
      inForce = reading.texts
      await engine.use(rules)
      log.info("new rules are in force", metadata: ["rules": "\(rules.count)"])
    }
    guard before.isDifferent(from: book) else { return }
    do { try await book.remember(in: journal) } catch {
      log.error("the rules could not be remembered for the next start: \(error)")
    }
  }

  /// The watch wants paths that hold wherever its thread is.
  private func absolute(_ paths: [String]) -> [String] {
    let here = FileManager.default.currentDirectoryPath
    return paths.map { $0.hasPrefix("/") ? $0 : here + "/" + $0 }
  }
}
