import ArgumentParser
import Glibc
import ReadModel
import Rules

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Load rule files and run their examples.",
    discussion: """
      Every mistake is shown with its place and a remedy, then each file in the order in which it is read. \
      A file with a mistake would not be loaded; the others would. \
      Ends with 0 if there is none, 1 if there is one, 66 if there is no such directory.

      Example:
        hotplate check /mnt/pipeline/rules
        hotplate check --json | jq '.problems[].message'
      """)

  @Argument(
    help: ArgumentHelp("The directory of the rule files.", valueName: "rules-dir"),
    completion: .directory)
  var rules = "rules"

  @Flag(help: "Print a JSON object.")
  var json = false

  func run() throws {
    let loaded = RuleSet.load(directory: rules)
    if json {
      printJSON(try JSON.encode(CheckReport(loaded), pretty: isatty(STDOUT_FILENO) == 1))
    } else {
      let ink = Ink.standardOutput
      let report = loaded.rendered(color: ink.isOn).split(
        separator: "\n", omittingEmptySubsequences: false)
      printLines(report.dropLast().map(String.init))
      printLines(fileTable(loaded).lines(color: ink.isOn, width: nil))
      printLines([loaded.isClean ? ink.good(summary(loaded)) : ink.bad(summary(loaded))])
    }
    if loaded.problems.contains(where: { $0.code == "no-directory" }) {
      throw CommandStatus.noSuchInput.quietly
    }
    if !loaded.isClean { throw CommandStatus.incomplete.quietly }
  }

  /// Each file, what it holds, and whether it would be loaded.
  private func fileTable(_ loaded: LoadedRules) -> TextTable {
    let examples = loaded.rules.exampleCounts
    let faulty = Set(loaded.problems.filter { $0.severity == .error }.map(\.file))
    var table = TextTable(header: ["FILE", "RULES", "EXAMPLES", ""], rightAligned: [1, 2])
    table.rows = loaded.sources.map { source in
      let isGood = source.isLoaded && !faulty.contains(source.file)
      let count = { (count: Int) in isGood ? "\(count)" : "-" }
      return [
        .init(source.file), .init(count(source.rules)), .init(count(examples[source.file] ?? 0)),
        isGood ? .init("ok", .good) : .init("not loaded", .bad),
      ]
    }
    return table
  }

  /// `3 files, 7 rules, 12 examples: no mistakes`
  private func summary(_ loaded: LoadedRules) -> String {
    let mistakes = loaded.problems.count { $0.severity == .error }
    let parts = [
      counted(loaded.files, "file"), counted(loaded.rules.count, "rule"),
      counted(loaded.examples, "example"),
    ]
    return parts.joined(separator: ", ") + ": "
      + (mistakes == 0 ? "no mistakes" : counted(mistakes, "mistake"))
  }
}

/// What `check --json` prints.
struct CheckReport: Encodable {
  let ok: Bool
  /// Files that were read; rules and examples of those without a mistake.
  let files: Int
  let rules: Int
  let examples: Int
  let problems: [Row]

  init(_ loaded: LoadedRules) {
    ok = loaded.isClean
    files = loaded.files
    rules = loaded.rules.count
    examples = loaded.examples
    problems = loaded.problems.map(Row.init)
  }

  struct Row: Encodable {
    let problem: Problem

    init(_ problem: Problem) { self.problem = problem }

    /// Every key in every object; line and column are null where a file as a whole is meant.
    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: JSONKey.self)
      let line = problem.line > 0 ? problem.line : nil
      try container.encode(problem.file, forKey: "file")
      try container.encode(line, forKey: "line")
      try container.encode(line.map { _ in problem.column }, forKey: "column")
      try container.encode(line.map { _ in problem.length }, forKey: "length")
      try container.encode(problem.severity.rawValue, forKey: "severity")
      try container.encode(problem.code, forKey: "code")
      try container.encode(problem.message, forKey: "message")
      try container.encode(problem.hint, forKey: "hint")
    }
  }
}
