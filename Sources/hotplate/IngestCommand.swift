import ArgumentParser
import Foundation
import Ingest
import Paths
import ReadModel

struct IngestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest", abstract: "Take in what lies in the hot folders now, then end.",
    discussion: """
      Waits until everything there is ready and published, held, failed or without a rule; exits 1 if a job failed or is
      held. On a terminal a bar shows frames, bytes, rate and time left.

      Example: hotplate ingest --in /mnt/delivery --to /mnt/projects --rules rules
      """)

  @OptionGroup var folders: FolderOptions

  @Flag(help: "Print the jobs as JSON at the end.")
  var json = false

  func run() async throws {
    let progress = IngestProgress()
    var daemon = Daemon(options: folders, untilAtRest: true)
    daemon.isQuiet = isatty(2) == 1
    daemon.onStart = { engine in if isatty(2) == 1 { await progress.draw(engine) } }
    daemon.onEnd = { engine in await progress.finish(engine) }
    try await daemon.run()
    let jobs = await progress.jobs
    if json { printJSON(try JSON.encode(jobs, pretty: true)) }
    let unfinished = jobs.filter { $0.state == .failed || $0.state == .held }
    for job in unfinished {
      printError(
        "\(job.state.rawValue): \(job.source.pattern.map { shown($0.bytes) } ?? job.id): \(job.reason?.message ?? "")\n"
      )
    }
    for line in await progress.leftBehind { printError(line + "\n") }
    let interrupted = jobs.count { !$0.state.isFinal && $0.state != .held }
    if await progress.wasInterrupted {
      printError("interrupted; \(interrupted) unfinished jobs go on at the next start\n")
      throw CommandStatus.interrupted.quietly
    }
    let needsAPerson = await progress.needsAPerson
    if !unfinished.isEmpty || needsAPerson { throw CommandStatus.incomplete.quietly }
  }
}
