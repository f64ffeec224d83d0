import ArgumentParser
import Foundation
import Glibc
import Paths
import Rules

/// `--rules` and `--config`, for the commands that only look at rules.
struct RulesInput: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The directory of the rule files; default: rules/ beside the configuration or here.",
      valueName: "dir"),
    completion: .directory)
  var rules: String?

  @Option(
    help: ArgumentHelp(
      "A hotplate.yaml: its rules, its roots, the names of its hot folders.", valueName: "file"),
    completion: .file(extensions: ["yaml"]))
  var config: String?

  /// - Throws: `Failure` with the first mistake in it.
  func configuration() throws -> ConfigurationFile? {
    try config.map { try ConfigurationFile(reading: $0) }
  }

  /// - Throws: exit 66 if there is no such directory, 65 if a file has a mistake; the reports went to standard error.
  func load(_ configuration: ConfigurationFile? = nil) throws -> RuleSet {
    try loadRules(
      rules ?? configuration?.rules ?? configuration.map { $0.directory + "/rules" } ?? "rules")
  }
}

/// - Throws: exit 66 if there is no such directory, 65 if a file has a mistake; the reports went to standard error.
func loadRules(_ directory: String) throws -> RuleSet {
  let loaded = RuleSet.load(directory: directory)
  if !loaded.problems.isEmpty {
    printError(loaded.rendered(color: isColorful(STDERR_FILENO)))
  }
  if loaded.problems.contains(where: { $0.code == "no-directory" }) {
    throw CommandStatus.noSuchInput.quietly
  }
  guard loaded.isClean else { throw CommandStatus.badConfiguration.quietly }
  return loaded.rules
}

/// Whether what is written to a descriptor may hold colours.
func isColorful(_ descriptor: Int32) -> Bool {
  isatty(descriptor) == 1 && Terminal.wantsColor { getenv($0).map { String(cString: $0) } }
}

/// Marks up text for a terminal, or leaves it.
struct Ink {
  let isOn: Bool

  /// For standard output.
  static var standardOutput: Ink { Ink(isOn: isColorful(STDOUT_FILENO)) }

  func good(_ text: String) -> String { marked("32", text) }
  func bad(_ text: String) -> String { marked("31", text) }
  func warning(_ text: String) -> String { marked("33", text) }
  func faint(_ text: String) -> String { marked("2", text) }
  func strong(_ text: String) -> String { marked("1", text) }

  /// A line of a report: what it speaks of, in a column of its own, and what it says.
  func field(_ label: String, _ text: String) -> String {
    let space = String(repeating: " ", count: max(1, 11 - displayWidth(label)))
    return "  " + faint(label) + space + text
  }

  private func marked(_ code: String, _ text: String) -> String {
    isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}

/// `1 frame`, `2 frames`.
func counted(_ count: Int, _ noun: String) -> String {
  "\(count) \(noun)\(count == 1 ? "" : "s")"
}
