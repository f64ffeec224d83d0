import ArgumentParser
import ReadModel

struct JobsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs",
    abstract: "Lists jobs, the newest first: those of the running daemon, else of its journal.",
    discussion: """
      Example: hotplate jobs --state-of staging held failed
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

  @Flag(help: "Look again each second, until interrupted.")
  var follow = false

  func validate() throws {
    if let limit, !(1...5000 ~= limit) { throw ValidationError("--limit is from 1 to 5000") }
  }

  func run() async throws {
    let directory = try options.directory()
    var source = try await JobSource.open(directory)
    if case .journal = source {
      printError("hotplate: note: no daemon runs; this is what its journal says\n")
    }
    var screen = LiveScreen()
    while true {
      try await draw(source, &screen)
      guard follow else { return }
      try await Task.sleep(for: .seconds(1))
      source = try await JobSource.open(directory)
    }
  }

  private func draw(_ source: JobSource, _ screen: inout LiveScreen) async throws {
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
    if follow && terminal.isTerminal {
      screen.show(lines, on: terminal)
    } else {
      printLines(lines)
    }
  }
}

extension JobState: ExpressibleByArgument {}
