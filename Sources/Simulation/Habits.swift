import Rules
import Transfer

/// What kind of world a seed makes.
struct Habits {
  let durability: TransferPlan.Durability
  let rules: RuleSet
  /// Bytes that one read or write moves at most.
  let chunk: Int
  /// Others act before one in so many calls.
  let interference: Int
  /// Events come through before one in so many calls: a busy machine is long in telling.
  let deafness: Int
  /// One in so many calls fails; 0 for none.
  let errors: Int
  let kills: Bool
  let turns: Int

  init(_ random: inout Numbers) {
    durability = random.once(in: 3) ? .safe : .fast
    rules = Self.ruleSet
    chunk = Int.random(in: 4...40, using: &random)
    interference = [10, 40, 160].randomElement(using: &random)!
    deafness = [6, 60, 1_000_000].randomElement(using: &random)!
    errors = [0, 0, 60, 300].randomElement(using: &random)!
    kills = !random.once(in: 4)
    turns = Int.random(in: 25...75, using: &random)
  }

  func traits(_ random: inout Numbers) -> Volume.Traits {
    Volume.Traits(
      hasRenameFlags: !random.once(in: 5), hasLeases: !random.once(in: 5),
      sharesBlocks: random.once(in: 4), hasBirthTimes: !random.once(in: 6),
      tick: [1, 1, 4_000_000, 1_000_000_000].randomElement(using: &random)!)
  }

  private static let ruleSet: RuleSet = {
    let loaded = RuleSet.parse(files: [("simulation.yaml", text)])
    precondition(
      loaded.problems.isEmpty, loaded.problems.map { $0.rendered(color: false) }.joined())
    return loaded.rules
  }()

  private static let text = """
    hotplate: 1
    tokens: { letter: '[a-c]' }
    rules:
      - { rule: copies, match: 'c_{letter}.{frame}.dat', to: 'c_{letter}/c_{letter}.{frame:04d}.dat' }
      - { rule: moves, match: 'm_{letter}.{frame}.dat', to: 'm_{letter}/m_{letter}.{frame:04d}.dat', transfer: move }
      - { rule: far, match: 'f_{letter}.{frame}.dat', to: 'f_{letter}/f_{letter}.{frame:04d}.dat', transfer: move, root: vault }
      - { rule: replaces, match: 'r_{letter}.{frame}.dat', to: 'r/r_{letter}.{frame:04d}.dat', conflict: replace }
      - { rule: links, match: 'l_{letter}.{frame}.dat', to: 'l_{letter}/l_{letter}.{frame:04d}.dat', transfer: [hardlink, copy] }
      - { rule: skips, match: 's_{letter}.{frame}.dat', to: 's_{letter}/s_{letter}.{frame:04d}.dat', conflict: skip, root: vault }
    """
}
