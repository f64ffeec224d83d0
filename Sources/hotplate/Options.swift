import ArgumentParser
import Glibc

/// Which daemon, or which journal: `--state`, or the one that a configuration names.
struct StateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The directory of the journal and the socket.",
      discussion: "Default: $XDG_STATE_HOME/hotplate, or ~/.local/state/hotplate.",
      valueName: "dir"))
  var state: String?

  @Option(help: ArgumentHelp("The configuration that names it.", valueName: "file"))
  var config: String?

  /// The state directory: what `--state` says, else the configuration, else the default.
  func directory() throws -> String {
    if let state { return state }
    if let config, let named = try stateDirectory(ofConfiguration: config) { return named }
    return try Self.defaultDirectory { getenv($0).map { String(cString: $0) } }
  }

  /// - SeeAlso: XDG Base Directory Specification: a relative `XDG_STATE_HOME` is to be ignored.
  static func defaultDirectory(environment: (String) -> String?) throws(Failure) -> String {
    if let base = environment("XDG_STATE_HOME"), base.hasPrefix("/") { return base + "/hotplate" }
    if let home = environment("HOME"), home.hasPrefix("/") {
      return home + "/.local/state/hotplate"
    }
    throw Failure(
      .usage, "neither XDG_STATE_HOME nor HOME says where the state lies",
      remedy: "name the directory with --state DIR")
  }
}
