import ArgumentParser
import ReadModel

struct RetryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry",
    abstract: "Tries held, failed and cancelled jobs again.",
    discussion: """
      A held or failed job goes on with its plan if its sources are what they were; else what lies there comes anew. What
      a 'hotplate cancel' or 'hotplate undo' keeps out may be taken again, as a new job.

      Examples: hotplate retry 8f3a61c2
                hotplate retry 8f3a61c2 07d25e10
      """)

  @OptionGroup var options: StateOptions

  @Argument(
    help: ArgumentHelp("Ids, or beginnings or ends that no other job has.", valueName: "job"))
  var jobs: [String]

  @Flag(help: "The jobs that were reached, as an array.")
  var json = false

  func run() async throws {
    let client = DaemonClient(stateDirectory: try options.directory())
    _ = try await askEach(jobs, json: json) { try await client.retry(job: $0) }
  }
}

/// Asks for each job, whatever became of the ones before, unless no daemon answers at all; prints what was reached, and
/// ends with what went worst.
func askEach(
  _ jobs: [String], json: Bool, _ ask: (String) async throws -> JobView
) async throws -> [JobView] {
  var reached: [JobView] = []
  var failures: [Failure] = []
  for job in jobs {
    do {
      reached.append(try await ask(job))
    } catch let failure as Failure where failure.status != .noDaemon {
      failures.append(failure)
    }
  }
  if json {
    printJSON(try JSON.encode(reached, pretty: true))
  } else {
    let rows = reached.map { job -> [TextTable.Cell] in
      [
        .init(shortID(job.id)), .init(stateText(job), style(of: job.state)),
        .init(placeText(job.source, frames: true)),
      ]
    }
    var table = TextTable(rows: rows)
    for (row, job) in reached.enumerated() {
      if let reason = job.reason { table.notes[row] = reasonText(reason) }
    }
    printLines(table.lines(color: Terminal.standardOutput.color, width: nil))
  }
  for failure in failures { printError(failure.rendered) }
  if let worst = failures.map(\.status).max(by: { $0.rawValue < $1.rawValue }) {
    throw worst.quietly
  }
  return reached
}
