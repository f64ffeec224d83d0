import ArgumentParser
import Paths
import ReadModel

struct CancelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel",
    abstract: "Cancels jobs, as a .cancel file would: the destination stays as it was.",
    discussion: """
      Examples: hotplate cancel 8f3a61c2 --why 'wrong take'
                hotplate cancel --path /drop/sh010
      """)

  @OptionGroup var options: StateOptions

  @Argument(
    help: ArgumentHelp("Ids, or beginnings or ends that no other job has.", valueName: "job"))
  var jobs: [String] = []

  @Option(help: ArgumentHelp("Every job at or below this directory.", valueName: "dir"))
  var path: String?

  @Option(help: ArgumentHelp("The reason, for the record.", valueName: "text"))
  var why: String?

  @Flag(help: "The jobs that were reached, as an array.")
  var json = false

  func validate() throws {
    guard jobs.isEmpty != (path == nil) else {
      throw ValidationError("name jobs, or a directory with --path")
    }
  }

  func run() async throws {
    let client = DaemonClient(stateDirectory: try options.directory())
    let answers =
      if let path { [try await cancel(below: path, client)] } else {
        try await cancelEach(client)
      }
    let reached = answers.flatMap { answer in
      if case .success(let jobs) = answer { jobs } else { [] as [JobView] }
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
      let lines = TextTable(rows: rows).lines(color: Terminal.standardOutput.color, width: nil)
      printLines(lines)
    }
    let failures = answers.compactMap { answer -> Failure? in
      if case .failure(let failure) = answer { failure } else { nil }
    }
    for failure in failures { printError(failure.rendered) }
    // A job that is not there is a mistake in the command; one that ended first is not.
    if let worst = failures.map(\.status).max(by: { $0.rawValue < $1.rawValue }) {
      throw worst.quietly
    }
  }

  /// Each is asked for, whatever became of the ones before, unless no daemon answers at all.
  private func cancelEach(_ client: DaemonClient) async throws -> [Result<[JobView], Failure>] {
    var answers: [Result<[JobView], Failure>] = []
    for job in jobs {
      do {
        answers.append(.success([try await client.cancel(job: job, why: why)]))
      } catch let failure as Failure where failure.status != .noDaemon {
        answers.append(.failure(failure))
      }
    }
    return answers
  }

  private func cancel(below path: String, _ client: DaemonClient) async throws
    -> Result<[JobView], Failure>
  {
    let exact = absolutePath(try exactBytes(of: path), in: try workingDirectory())
    let jobs = try await client.cancel(path: exact, why: why)
    if !jobs.isEmpty { return .success(jobs) }
    return .failure(
      Failure(
        .noSuchInput, "no job that could still be cancelled is at or below \(shown(exact))"))
  }
}
