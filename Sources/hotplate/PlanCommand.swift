import ArgumentParser
import Files
import Foundation
import Glibc
import Paths
import ReadModel
import Rules

struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Print what would happen to a directory; nothing is touched.",
    discussion: """
      The directory is taken for a hot folder, or with --config for one that it names or a part of one: its sequences, which rule takes each, \
      where it would go, what it would wait for, and what it would meet there. Without a directory, --config's hot folders are looked at.

      What the journal of a --config knows as published is left out.

      With --against OLD it prints what the new rules would do otherwise than the old ones, and nothing else: over a directory, or with \
      --state over everything that the journal has seen, beside the place where it was published then.
      Ends with 0, with --against only if nothing differs, else 1; 1 also if a directory could not be read; 64, 65, 66 for usage, rules, input.

      Example:
        hotplate plan /mnt/drop --rules rules --to /mnt/shows --to MOON=/mnt/p1/moon
        hotplate plan /mnt/drop --json | jq -r '.sequences[].map[] | join(" -> ")'
        hotplate plan /mnt/drop --rules new-rules --against rules
        hotplate plan --state /var/lib/hotplate --rules new-rules --against rules
      """)

  @Argument(
    help: ArgumentHelp("The directory, as a hot folder.", valueName: "dir"), completion: .directory)
  var directory: String?

  @OptionGroup var input: RulesInput

  @Option(
    name: .customLong("to"),
    help: ArgumentHelp(
      "The destination root, or NAME=DIR for one that rules name; may be repeated.",
      valueName: "dir"),
    completion: .directory)
  var destinations: [String] = []

  @Option(
    help: ArgumentHelp("The rules as they were: print what --rules changes.", valueName: "dir"),
    completion: .directory)
  var against: String?

  @Option(
    help: ArgumentHelp(
      "With --against and no directory: the journal's directory.", valueName: "dir"),
    completion: .directory)
  var state: String?

  @Flag(help: "Print a JSON object, with every file's source and destination.")
  var json = false

  func validate() throws {
    if directory == nil, input.config == nil, state == nil {
      throw ValidationError("name a directory, or give --config FILE")
    }
    if state != nil, against == nil || directory != nil {
      throw ValidationError("--state goes with --against, and without a directory")
    }
    if input.config != nil, !destinations.isEmpty {
      throw ValidationError("give --config or --to, not both: the configuration names the roots")
    }
  }

  func run() async throws {
    let configuration = try input.configuration()
    let rules = try input.load(configuration)
    if let against {
      return try await compare(rules, with: try loadRules(against), configuration)
    }
    let roots =
      try configuration.map(RootFolders.init) ?? RootFolders(arguments: destinations)
    var plan = Plan(by: rules, to: roots)
    let past = try PublishedBefore(configuration)
    try await Patience.during("looks through what lies there") {
      for var listing in try listings(configuration) {
        try await past?.leaveOut(of: &listing)
        plan.add(listing)
      }
    }
    try await past?.close()
    if json {
      printJSON(try JSON.encode(plan, pretty: isatty(STDOUT_FILENO) == 1))
    } else {
      printLines(plan.lines(.standardOutput))
    }
    try complain(plan.failures)
  }

  private func compare(
    _ new: RuleSet, with old: RuleSet, _ configuration: ConfigurationFile?
  ) async throws {
    var difference = PlanDifference(from: old, to: new)
    var failures: [SystemError] = []
    if directory != nil {
      try await Patience.during("looks through what lies there") {
        for listing in try listings(configuration) {
          difference.add(listing)
          failures += listing.failures
        }
      }
    } else {
      let place = try state ?? journalDirectory(configuration)
      for past in try await PastArrivals.read(stateDirectory: place) { difference.add(past) }
    }
    if json {
      printJSON(try JSON.encode(difference, pretty: isatty(STDOUT_FILENO) == 1))
    } else {
      printLines(difference.lines(.standardOutput))
    }
    try complain(failures)
    if !difference.isEmpty { throw CommandStatus.incomplete.quietly }
  }

  /// What lies in the directory that was named, else in the configured hot folders.
  private func listings(_ configuration: ConfigurationFile?) throws -> [FolderListing] {
    let configured = try configuration?.inputFolders() ?? []
    guard let directory else { return configured.map { FolderListing(of: $0) } }
    let named = try InputFolder(exactBytes(of: directory))
    guard configuration != nil else { return [FolderListing(of: named)] }
    for folder in configured {
      if let part = folder.relative(toDirectory: named) {
        return [FolderListing(of: folder, below: part)]
      }
    }
    throw Failure(
      .noSuchInput, "\(named.shownPath) lies in none of the configured hot folders",
      remedy: "they are \(configured.map(\.shownPath).joined(separator: ", "))")
  }

  private func complain(_ failures: [SystemError]) throws {
    for failure in failures { printError("hotplate: error: \(failure)\n") }
    if !failures.isEmpty { throw CommandStatus.incomplete.quietly }
  }
}
