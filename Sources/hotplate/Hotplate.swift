import ArgumentParser

/// The command: reads its arguments, runs one subcommand, ends with a status of `CommandStatus`.
@main
struct Hotplate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hotplate",
    abstract: "Takes image sequences from hot folders to where they belong, whole or not at all.",
    discussion: """
      Example: hotplate watch --in /drop --to /shows --rules rules
      """,
    version: "0.1.0",
    subcommands: [
      WatchCommand.self,
      IngestCommand.self,
      SeqCommand.self,
      JobsCommand.self,
      ShowCommand.self,
      CancelCommand.self,
      RetryCommand.self,
      UndoCommand.self,
      ArrivalsCommand.self,
      PlanCommand.self,
      ExplainCommand.self,
      CheckCommand.self,
      SchemaCommand.self,
      InitCommand.self,
    ])

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let failure as Failure {
      failure.printAndExit()
    } catch {
      // Help, usage mistakes and plain exit codes are the parser's to print.
      if error is ExitCode || exitCode(for: error) != .failure { exit(withError: error) }
      Failure(.incomplete, "\(error)").printAndExit()
    }
  }
}
