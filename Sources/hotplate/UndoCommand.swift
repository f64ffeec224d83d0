import ArgumentParser
import ReadModel

struct UndoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "undo",
    abstract: "Takes back what done jobs published, as far as it is unchanged.",
    discussion: """
      A published file is removed only while it has its size, time and digest, and its source lies in the hot folder,
      whole; a move first gives its sources back. What was there before the job stays, what has changed since is kept and
      named. What was undone does not come again by itself: 'hotplate retry' brings it, or a change of its sources.

      Waits until it is over; interrupted, the daemon goes on with it. Ends with 1 if something was kept.

      Examples: hotplate undo 8f3a61c2
                hotplate undo 8f3a61c2 && hotplate show 8f3a61c2
      """)

  @OptionGroup var options: StateOptions

  @Argument(
    help: ArgumentHelp("Ids, or beginnings or ends that no other job has.", valueName: "job"))
  var jobs: [String]

  @Flag(help: "The jobs that were reached, as an array.")
  var json = false

  func run() async throws {
    let client = DaemonClient(stateDirectory: try options.directory())
    let reached = try await askEach(jobs, json: json) { part in
      let job = try await client.undo(job: part)
      return try await Patience.during("undoes \(shortID(job.id))") {
        try await end(of: job, client)
      }
    }
    // Said above, with the reason.
    let isWhole = reached.allSatisfy { $0.reason?.code == .undone }
    if !isWhole { throw CommandStatus.incomplete.quietly }
  }

  private func end(of job: JobView, _ client: DaemonClient) async throws -> JobView {
    var job = job
    var pause = Duration.milliseconds(50)
    while job.reason?.code == .undoing {
      try await Task.sleep(for: pause)
      // One of terabytes takes hours, and each look asks for all that is known of the job.
      pause = min(pause * 1.5, .seconds(5))
      job = try await client.job(job.id).job
    }
    return job
  }
}
