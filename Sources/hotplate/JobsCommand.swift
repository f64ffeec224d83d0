import ArgumentParser
import Glibc
import ReadModel

struct JobsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs",
    abstract: "Lists jobs, the newest first: those of the running daemon, else of its journal.",
    discussion: """
      With --follow on a terminal: a live table in the whole window, until Ctrl-C. What runs has a bar with its frames,
      bytes, rate and time left; below it stands what waits, is held or has failed, with the reason, and what ended last.
      When the daemon ends, it says so and waits for it to be back. Into a pipe or on a dumb terminal a table each second.

      Examples: hotplate jobs --state-of staging held failed
                hotplate jobs --follow
      """)

  @OptionGroup var options: StateOptions

  @Option(
    name: .customLong("state-of"), parsing: .upToNextOption,
    help: ArgumentHelp("Only jobs in these states.", valueName: "state"))
  var states: [JobState] = []

  @Option(
    help: ArgumentHelp("At most so many. Default: 50 in the table, all in JSON.", valueName: "n"))
  var limit: Int?

  @Flag(help: "An array of objects; with --follow one array a line.")
  var json = false

  @Flag(help: "Look again and again, until interrupted; on a terminal a live table.")
  var follow = false

  func validate() throws {
    if let limit, !(1...5000 ~= limit) { throw ValidationError("--limit is from 1 to 5000") }
  }

  func run() async throws {
    let directory = try options.directory()
    var source = try await JobSource.open(directory)
    if follow, !json, let screen = LiveScreen(on: STDOUT_FILENO, .window, endsOnSignals: true) {
      var live = LiveJobs(screen: screen, states: Set(states))
      if let limit { live.limit = limit }
      return await live.follow { try await lookedAt(directory) }
    }
    if case .journal = source {
      printError("hotplate: note: no daemon runs; this is what its journal says\n")
    }
    while true {
      try await draw(source)
      guard follow else { return }
      try await Task.sleep(for: .seconds(1))
      source = try await JobSource.open(directory)
    }
  }

  private func draw(_ source: JobSource) async throws {
    if json {
      let jobs =
        if let limit { try await source.jobs(JobQuery(states: Set(states), limit: limit)) } else {
          try await source.allJobs(Set(states))
        }
      printJSON(try JSON.encode(jobs, pretty: !follow))
      return
    }
    let limit = limit ?? 50
    var jobs = try await source.jobs(JobQuery(states: Set(states), limit: limit + 1))
    let more = jobs.count > limit
    if more { jobs.removeLast() }
    let terminal = Terminal.standardOutput
    var lines = jobTable(jobs).lines(color: terminal.color, width: follow ? terminal.width : nil)
    if jobs.isEmpty { lines = ["no jobs"] }
    if more { lines.append("older ones are not shown: --limit N") }
    printLines(lines)
  }

  private func lookedAt(_ directory: String) async throws -> LiveJobs.Source {
    let source = try await JobSource.open(directory)
    return LiveJobs.Source(
      jobs: { try await source.jobs($0) }, health: { try await source.health() },
      notice: source.isDaemon
        ? nil : "no daemon runs; this is what its journal says, until one is back")
  }
}

extension JobState: ExpressibleByArgument {}
