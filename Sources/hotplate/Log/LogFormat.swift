import ArgumentParser

/// How the daemon's log looks on standard error.
enum LogFormat: String, CaseIterable, ExpressibleByArgument {
  case text
  /// One object a line, for programs.
  case json
}

struct LogOptions: ParsableArguments {
  @Option(
    name: .customLong("log-format"),
    help: ArgumentHelp(
      "Log lines on standard error: text, or json with one object a line.",
      discussion: "Without it: text; on a terminal a live table in their place.",
      valueName: "text|json"))
  var format: LogFormat?
}
