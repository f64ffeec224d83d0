import ArgumentParser
import Files
import Foundation
import Glibc
import Paths
import ReadModel
import Rules
import Sequences

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Say which rule takes a path, and why the earlier ones do not.",
    discussion: """
      The path counts from the hot folder's root and need not exist. \
      With --in, the files beside it are looked at as well: they tell how many frames a sequence has. Without it, when.count is left open.

      Example:
        hotplate explain --in /mnt/drop sh010/sh010_beauty_v003.1001.exr
        hotplate explain abc010_rgba_v1.1001.exr --rules rules --json
      """)

  @Argument(help: ArgumentHelp("A path from the hot folder's root, or one that lies below --in."))
  var path: String

  @OptionGroup var input: RulesInput

  @Option(
    name: .customLong("in"), help: ArgumentHelp("The hot folder.", valueName: "dir"),
    completion: .directory)
  var hotFolder: String?

  @Flag(help: "Print a JSON object.")
  var json = false

  func run() throws {
    let rules = try input.load()
    let folder = try hotFolder.map { try InputFolder(Array($0.utf8)) }
    let asked = try relativePath(folder)
    let siblings = try folder.map { try $0.files(beside: asked) } ?? []
    let explanation = rules.explain(asked, among: siblings, hotFolder: folder?.name)
    if json {
      printJSON(
        try JSON.encode(ExplanationReport(explanation), pretty: isatty(STDOUT_FILENO) == 1))
    } else {
      printLines(lines(explanation, .standardOutput))
    }
  }

  /// The path from the hot folder's root.
  private func relativePath(_ folder: InputFolder?) throws -> RelativePath {
    let given = try exactBytes(of: path)
    if let folder, let inside = folder.relative(given) { return inside }
    if let folder, given.first == UInt8(ascii: "/") {
      throw ValidationError("\(shown(given)) does not lie below \(folder.shownPath)")
    }
    // As text alone: `./a//b` is `a/b`.
    let parts = given.split(separator: UInt8(ascii: "/")).filter { $0 != [UInt8(ascii: ".")] }
    guard let path = RelativePath(parts.joined(separator: [UInt8(ascii: "/")])), !path.isRoot else {
      throw ValidationError("\(shown(given)) is no path of a file below a hot folder")
    }
    return path
  }

  private func lines(_ explanation: Explanation, _ ink: Ink) -> [String] {
    var lines = [ink.strong("\(explanation.path)")]
    let width = explanation.tried.map(\.rule.count).max() ?? 0
    for tried in explanation.tried {
      let name = tried.rule.padding(toLength: width, withPad: " ", startingAt: 0)
      let isHeld = explanation.held != nil && tried.rule == explanation.rule?.name
      let mark = isHeld ? ink.bad("held") : tried.matched ? ink.good("yes ") : ink.faint("no  ")
      lines.append("  \(mark)  \(name)  \(tried.why)")
    }
    for token in explanation.tokens {
      let raw = token.raw == token.value ? "" : ink.faint("  (\(shown(token.raw)))")
      lines.append("        {\(token.name)} = \(shown(token.value))\(raw)")
    }
    if let destination = explanation.destination {
      let root =
        explanation.root.flatMap { $0 == "default" ? nil : "\(shown(Array($0.utf8))):" } ?? ""
      lines.append("  → \(ink.good("\(root)\(destination)"))")
    } else if let left = explanation.left {
      lines.append("  \(ink.warning("left:")) \(left)")
    } else if let held = explanation.held {
      lines.append("  \(ink.bad("held:")) \(held)")
    } else {
      lines.append("  " + ink.warning("no rule takes it"))
    }
    return lines
  }
}

/// What `explain --json` prints.
struct ExplanationReport: Encodable {
  let explanation: Explanation

  init(_ explanation: Explanation) { self.explanation = explanation }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    try container.encode(ExactText(explanation.path.bytes), forKey: "path")
    try container.encode(explanation.rule?.name, forKey: "rule")
    var tokens = container.nestedContainer(keyedBy: JSONKey.self, forKey: "tokens")
    for token in explanation.tokens {
      try tokens.encode(ExactText(token.value), forKey: JSONKey(stringValue: token.name))
    }
    try container.encode(
      explanation.destination.map { ExactText($0.bytes) }, forKey: "destination")
    try container.encode(explanation.root, forKey: "root")
    try container.encode(explanation.left, forKey: "left")
    try container.encode(explanation.held, forKey: "held")
    try container.encode(explanation.tried.map(Tried.init), forKey: "tried")
  }

  private struct Tried: Encodable {
    let rule: String
    let matched: Bool
    let why: String

    init(_ tried: Explanation.Tried) {
      rule = tried.rule
      matched = tried.matched
      why = tried.why
    }
  }
}
