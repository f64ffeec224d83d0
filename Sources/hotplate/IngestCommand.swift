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
      held. On a terminal a bar shows frames, bytes, rate and time left; elsewhere, and with --log-format, it writes log lines.

      Example: hotplate ingest --in /mnt/delivery --to /mnt/projects --rules rules
      """)

  @OptionGroup var folders: FolderOptions
  @OptionGroup var log: LogOptions

  @Flag(help: "Print the jobs as JSON at the end.")
  var json = false

  func run() async throws {
    let screen = log.format == nil ? LiveScreen(on: STDERR_FILENO, .below) : nil
    let progress = IngestProgress(on: screen)
    var daemon = Daemon(options: folders, untilAtRest: true)
    daemon.messages = Messages(format: log.format ?? .text, screen: screen)
    if screen != nil { daemon.messages.level = .warning }
    daemon.onStart = { engine in await progress.draw(engine) }
    daemon.onEnd = { engine in await progress.finish(engine) }
    do { try await daemon.run() } catch {
      await screen?.close(keepingPicture: true)
      throw error
    }
    await screen?.close(keepingPicture: true)
    var messages = daemon.messages
    messages.screen = nil
    let jobs = await progress.jobs
    if json { printJSON(try JSON.encode(jobs, pretty: true)) }
    let unfinished = jobs.filter { $0.state == .failed || $0.state == .held }
    for job in unfinished {
      messages.say(
        .warning,
        "\(job.state.rawValue): \(job.source.pattern.map { shown($0.bytes) } ?? job.id): \(job.reason?.message ?? "")\n"
      )
    }
    for line in await progress.leftBehind { messages.say(.info, line + "\n") }
    let interrupted = jobs.count { !$0.state.isFinal && $0.state != .held }
    if await progress.wasInterrupted {
      messages.say(
        .warning, "interrupted; \(interrupted) unfinished jobs go on at the next start\n")
      throw CommandStatus.interrupted.quietly
    }
    let needsAPerson = await progress.needsAPerson
    if !unfinished.isEmpty || needsAPerson { throw CommandStatus.incomplete.quietly }
  }
}
