import ArgumentParser
import Glibc

/// What the command says to the shell: the table of the interface, with the numbers of `sysexits.h` where they fit.
enum CommandStatus: Int32 {
  case done = 0
  /// Done, but not all of it: a job failed, a check found a mistake, a cancel came too late.
  case incomplete = 1
  case usage = 64
  /// A bad rule or configuration file at start.
  case badConfiguration = 65
  /// No such directory, path or job.
  case noSuchInput = 66
  case noDaemon = 69
  case cannotWrite = 73
  /// Another daemon holds the folder.
  case tryAgain = 75
  case interrupted = 130

  /// To throw where everything there is to say was printed already.
  var quietly: ExitCode { ExitCode(rawValue) }
}

/// Ends the command with a reason on standard error and, where there is one, what to do about it.
struct Failure: Error, Hashable {
  let status: CommandStatus
  /// Without a full stop; names in it went through `shown`.
  let message: String
  let remedy: String?

  init(_ status: CommandStatus, _ message: String, remedy: String? = nil) {
    self.status = status
    self.message = message
    self.remedy = remedy
  }

  var rendered: String {
    "hotplate: error: \(message)\n" + (remedy.map { "  \($0)\n" } ?? "")
  }

  func printAndExit() -> Never {
    printError(rendered)
    exit(status.rawValue)
  }
}
