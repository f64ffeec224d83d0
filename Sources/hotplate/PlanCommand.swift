import ArgumentParser
import Files
import Foundation
import Glibc
import Paths
import ReadModel
import Rules

struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Print what would happen to a directory; nothing is touched.",
    discussion: """
      The directory is taken for a hot folder: its sequences, which rule takes each, and where it would go. \
      With --to, what lies at the destination already is named as a conflict.

      Example:
        hotplate plan /mnt/drop --rules rules --to /mnt/shows
        hotplate plan /mnt/drop --json | jq -r '.sequences[].map[] | join(" -> ")'
      """)

  @Argument(
    help: ArgumentHelp("The directory, as a hot folder.", valueName: "dir"), completion: .directory)
  var directory: String

  @OptionGroup var input: RulesInput

  @Option(
    name: .customLong("to"), help: ArgumentHelp("The destination root.", valueName: "dir"),
    completion: .directory)
  var destination: String?

  @Flag(help: "Print a JSON object, with every file's source and destination.")
  var json = false

  func run() throws {
    let rules = try input.load()
    let folder = try InputFolder(exactBytes(of: directory))
    let target = try destination.map { try InputFolder(exactBytes(of: $0)) }
    let listing = FolderListing(of: folder)
    let plan = Plan(of: listing, in: folder, to: target, by: rules)
    if json {
      printJSON(try JSON.encode(plan, pretty: isatty(STDOUT_FILENO) == 1))
    } else {
      printLines(plan.lines(.standardOutput))
    }
    for failure in listing.failures { printError("hotplate: error: \(failure)\n") }
    if !listing.failures.isEmpty { throw CommandStatus.incomplete.quietly }
  }
}

extension Plan {
  func lines(_ ink: Ink) -> [String] {
    var lines: [String] = []
    for planned in sequences {
      let rule = planned.rule.map { "  [\($0)]" } ?? ""
      lines.append(ink.strong(planned.source.shownPlace) + ink.faint(rule))
      if let destination = planned.destination {
        lines.append("  → \(ink.good(destination.shownPlace))")
      }
      if let reason = planned.reason {
        for part in reason.parts { lines.append("  " + ink.warning(part)) }
      }
      for conflict in planned.conflicts.prefix(3) {
        lines.append("  " + ink.bad("conflict: ") + conflict.message)
      }
      if planned.conflicts.count > 3 {
        lines.append("  " + ink.bad("conflict: ") + "and \(planned.conflicts.count - 3) more")
      }
    }
    for (path, why) in skipped { lines.append(ink.faint("\(shown(path.bytes))  skipped: \(why)")) }
    let taken = sequences.count { $0.destination != nil && $0.reason == nil }
    let conflicts = sequences.count { !$0.conflicts.isEmpty }
    lines.append(
      "\(taken) of \(sequences.count) would go on their way"
        + (conflicts > 0 ? ", \(conflicts) with conflicts" : "")
        + (skipped.isEmpty ? "" : "; \(skipped.count) skipped"))
    return lines
  }
}
