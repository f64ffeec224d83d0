import Files

/// A day of arrivals, rewrites, cancels, full disks, kills and power cuts, drawn from a seed: the reducer and the code that
/// moves files against a model of the file systems, the journal and the clock.
public enum Simulation {
  public struct Outcome: Sendable {
    public let seed: UInt64
    /// What did not hold; empty if all did.
    public let violations: [String]
    /// All that happened, in plain words, if it was asked for.
    public let story: [String]
    public let tally: Tally
  }

  /// How much happened.
  public struct Tally: Sendable {
    public var seeds = 0
    public var calls = 0
    public var kills = 0
    public var powerCuts = 0
    public var jobs: [String: Int] = [:]

    public init() {}

    public static func += (a: inout Tally, b: Tally) {
      a.seeds += b.seeds
      a.calls += b.calls
      a.kills += b.kills
      a.powerCuts += b.powerCuts
      a.jobs.merge(b.jobs) { $0 + $1 }
    }
  }

  /// Lives one seed through, to rest and over one more start.
  ///
  /// - Parameter tells: whether to keep the story, which costs time.
  public static func run(seed: UInt64, tells: Bool = false) async -> Outcome {
    let world = World(seed: seed, isTelling: tells)
    await Kernels.$current.withValue(world.kernel) {
      await world.begin()
      for _ in 0..<world.habits.turns where world.violations.isEmpty { await world.turn() }
      if world.violations.isEmpty { await world.comeToRest() }
    }
    var tally = Tally()
    tally.seeds = 1
    tally.calls = world.calls
    tally.kills = world.kills
    tally.powerCuts = world.powerCuts
    for row in world.journal.rows.values { tally.jobs[row.state.rawValue, default: 0] += 1 }
    return Outcome(
      seed: seed, violations: world.violations, story: world.story, tally: tally)
  }
}

extension World {
  /// The first start of all, on the day that the machine was set up: nothing disturbs it.
  func begin() async {
    isCalm = true
    await start()
    isCalm = false
    for _ in 0..<2 { bringFrames() }
    if habits.isAfterwards { await deliverFrames() }
  }

  /// Nothing disturbs the first deliveries; they are not durable yet.
  private func deliverFrames() async {
    isCalm = true
    for _ in 0..<400 {
      guard let daemon, await goOn(daemon, syncs: false) else { break }
    }
    isCalm = false
  }

  func comeToRest() async {
    guard await rest() else { return broken("it does not come to rest") }
    checkAtRest()
    guard violations.isEmpty else { return }
    say("once more: stopped at rest and started")
    stop()
    isRestarted = true
    guard await rest() else { return broken("after another start it does not come to rest") }
    checkAtRest()
  }
}
