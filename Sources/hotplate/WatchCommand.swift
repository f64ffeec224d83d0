import ArgumentParser
import Glibc
import Ingest

struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Watch hot folders and take in what arrives.",
    discussion: """
      Runs in the foreground until SIGTERM or Ctrl-C; a line "ready: …" on standard error says when every watch stands.
      Work that is stopped half-way goes on at the next start.

      On a terminal it shows the live table of 'hotplate jobs --follow', and below it the last of what needs a person; all
      of that stands on the terminal once it ends. Elsewhere, and
      with --log-format, it writes log lines: of each job one for its arrival, its rule, its staging and its publication,
      all with its id.

      Examples: hotplate watch --in /mnt/drop --to /mnt/projects --rules rules
                hotplate watch --config hotplate.yaml --log-format json 2>> hotplate.log
      """)

  @OptionGroup var folders: FolderOptions
  @OptionGroup var log: LogOptions

  func run() async throws {
    var daemon = Daemon(options: folders, untilAtRest: false)
    guard log.format == nil, let screen = LiveScreen(on: STDERR_FILENO, .window) else {
      daemon.messages.format = log.format ?? .text
      return try await daemon.run()
    }
    daemon.messages.screen = screen
    daemon.messages.level = .warning
    let table = WatchTable(screen)
    daemon.onStart = { await table.follow($0) }
    daemon.onEnd = { _ in await table.stop() }
    do { try await daemon.run() } catch {
      await screen.close()
      throw error
    }
    await screen.close()
  }
}

/// The live table of the engine that runs in this process.
private actor WatchTable {
  private let screen: LiveScreen
  private var following: Task<Void, Never>?
  private var isReady = false

  init(_ screen: LiveScreen) { self.screen = screen }

  func follow(_ engine: Engine) {
    let live = LiveJobs(screen: screen)
    following = Task { await live.follow { await self.source(engine) } }
    Task {
      await engine.ready()
      isReady = true
    }
  }

  private func source(_ engine: Engine) -> LiveJobs.Source {
    LiveJobs.Source(
      jobs: { try await engine.jobs($0) }, health: { try await engine.health() },
      notice: isReady ? nil : "looks through the hot folders")
  }

  /// Asks nothing more: the journal is about to be closed.
  func stop() async {
    following?.cancel()
    await following?.value
  }
}
