import ArgumentParser
import Foundation
import Simulation

/// Lives drawn days through, and tells the story of one.
struct SimulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract:
      "Run the engine against modelled file systems, kills and power cuts drawn from seeds.",
    discussion: """
      Every promise is checked after each step. A seed that breaks one is named; with --seed its story is told.
      Example: hotplate-bench simulate --seeds 10000
      Example: hotplate-bench simulate --seed 4711
      """)

  @Option(help: "How many seeds.")
  var seeds: UInt64 = 10_000
  @Option(help: "The first of them.")
  var first: UInt64 = 1
  @Option(help: "Only this one, with its story.")
  var seed: UInt64?

  mutating func run() async throws {
    try orderHashes()
    if let seed { return try await tell(seed) }
    var tally = Simulation.Tally()
    var broken: [UInt64] = []
    let began = ContinuousClock.now
    let seeds = first..<first + seeds
    // Two cores are what there is to count on; more seeds side by side change nothing in any of them.
    await withTaskGroup(of: [Simulation.Outcome].self) { group in
      let lanes: UInt64 = 2
      for lane in 0..<lanes {
        group.addTask {
          var outcomes: [Simulation.Outcome] = []
          for seed in seeds where seed % lanes == lane {
            outcomes.append(await Simulation.run(seed: seed))
          }
          return outcomes
        }
      }
      for await outcomes in group {
        for outcome in outcomes {
          tally += outcome.tally
          if !outcome.violations.isEmpty {
            broken.append(outcome.seed)
            if broken.count <= 20 { print("seed \(outcome.seed): \(outcome.violations[0])") }
          }
        }
      }
    }
    let jobs = tally.jobs.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    print(
      """
      \(tally.seeds) seeds in \(ContinuousClock.now - began): \(tally.calls) calls, \(tally.kills) kills, \
      \(tally.powerCuts) power cuts; jobs: \(jobs.joined(separator: ", "))
      """)
    if !broken.isEmpty {
      print(
        "\(broken.count) seeds broke a promise; the story of one: simulate --seed \(broken.min()!)")
      throw ExitCode(1)
    }
  }

  private func tell(_ seed: UInt64) async throws {
    let outcome = await Simulation.run(seed: seed, tells: true)
    for line in outcome.story { print(line) }
    if !outcome.violations.isEmpty { throw ExitCode(1) }
  }

  /// Sets and dictionaries have an order of their own in each process unless it is asked for at its start: without it a
  /// seed would not tell the same story twice.
  private func orderHashes() throws {
    let variable = "SWIFT_DETERMINISTIC_HASHING"
    guard ProcessInfo.processInfo.environment[variable] == nil else { return }
    setenv(variable, "1", 1)
    let arguments = CommandLine.arguments.map { strdup($0) } + [nil]
    execv("/proc/self/exe", arguments)
    throw ExitCode(70)
  }
}
