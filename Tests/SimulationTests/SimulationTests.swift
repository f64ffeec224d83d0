import Foundation
import TestSupport
import Testing

@testable import Simulation

@Suite struct SimulationTests {
  /// 10,000 days; another number by `HOTPLATE_SEEDS`, other ones by `HOTPLATE_TEST_SEED`.
  @Test
  func `no day of arrivals, cancels, full disks, kills and power cuts breaks a promise`() throws {
    let environment = ProcessInfo.processInfo.environment
    let seeds = environment["HOTPLATE_SEEDS"] ?? "10000"
    // The same days each time: a change that breaks one shall be found by whoever makes it.
    let first = environment["HOTPLATE_TEST_SEED"] ?? "1"
    let outcome = try Command.run([
      try benchmark(), "simulate", "--seeds", seeds, "--first", first,
    ])
    print(outcome.out)
    #expect(outcome.status == 0, "\(outcome.out)\(outcome.err)")
  }

  @Test func `a seed tells the same story each time`() throws {
    let tell = { try Command.run([try benchmark(), "simulate", "--seed", "4711"]).out }
    let story = try tell()
    #expect(story.contains("the daemon starts"))
    #expect(try tell() == story)
  }
}

/// The built `hotplate-bench`, beside the `hotplate` that tests drive.
func benchmark() throws -> String { try Daemon.program + "-bench" }
