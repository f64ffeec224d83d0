import Rules
import Transfer

/// What kind of world a seed makes.
struct Habits {
  let durability: TransferPlan.Durability
  /// Under the first of them everything begins; each gives a frame the same name.
  let ruleSets: [RuleSet]
  /// Bytes that one read or write moves at most.
  let chunk: Int
  /// Others act before one in so many calls.
  let interference: Int
  /// Events come through before one in so many calls: a busy machine is long in telling.
  let deafness: Int
  /// One in so many calls fails; 0 for none.
  let errors: Int
  let kills: Bool
  /// A call before which others act far more often, while a job's step runs.
  let ambush: CallName
  /// The rules that frames come for, by the first letters of their names: few, so that deliveries meet.
  let heads: [Character]
  let turns: Int
  /// Everything begins behind a first delivery, and what people do is mostly about what was delivered.
  let isAfterwards: Bool

  init(_ random: inout Numbers) {
    durability = random.once(in: 3) ? .safe : .fast
    ruleSets = Self.allRuleSets
    chunk = Int.random(in: 4...40, using: &random)
    interference = [10, 40, 160].randomElement(using: &random)!
    deafness = [6, 60, 1_000_000].randomElement(using: &random)!
    errors = [0, 0, 60, 300].randomElement(using: &random)!
    kills = !random.once(in: 4)
    ambush = Self.callsOfSteps.randomElement(using: &random)!
    heads = Array("cmfrls".shuffled(using: &random).prefix(Int.random(in: 1...4, using: &random)))
    turns = Int.random(in: 6...17, using: &random)
    isAfterwards = random.once(in: 4)
  }

  func traits(_ random: inout Numbers) -> Volume.Traits {
    Volume.Traits(
      hasRenameFlags: !random.once(in: 5), hasLeases: !random.once(in: 5),
      sharesBlocks: random.once(in: 4), hasBirthTimes: !random.once(in: 6),
      tick: [1, 1, 4_000_000, 1_000_000_000].randomElement(using: &random)!)
  }

  private static let callsOfSteps: [CallName] = [
    .openat2, .statx, .getdents, .pread, .pwrite, .fcntl, .mkdirat, .linkat, .renameat2, .unlinkat,
    .rmdir, .fsync, .utimensat, .close,
  ]

  private static let allRuleSets = [usual, otherWays, fewer].map { text in
    let loaded = RuleSet.parse(files: [("simulation.yaml", text)])
    precondition(
      loaded.problems.isEmpty, loaded.problems.map { $0.rendered(color: false) }.joined())
    return loaded.rules
  }

  private static let usual = """
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

  /// The same frames in other ways, some of them to other places.
  private static let otherWays = """
    hotplate: 1
    tokens: { letter: '[a-c]' }
    rules:
      - { rule: copies, match: 'c_{letter}.{frame}.dat', to: 'c_{letter}/c_{letter}.{frame:04d}.dat', transfer: move, verify: readback }
      - { rule: moves, match: 'm_{letter}.{frame}.dat', to: 'm_{letter}/m_{letter}.{frame:04d}.dat', conflict: skip }
      - { rule: far, match: 'f_{letter}.{frame}.dat', to: 'f2_{letter}/f_{letter}.{frame:04d}.dat', root: vault }
      - { rule: replaces, match: 'r_{letter}.{frame}.dat', to: 'r/r_{letter}.{frame:04d}.dat', verify: readback, conflict: replace }
      - { rule: links, match: 'l_{letter}.{frame}.dat', to: 'l_{letter}/l_{letter}.{frame:04d}.dat', transfer: move }
      - { rule: skips, match: 's_{letter}.{frame}.dat', to: 's_{letter}/s_{letter}.{frame:04d}.dat', root: vault }
    """

  private static let fewer = """
    hotplate: 1
    tokens: { letter: '[a-c]' }
    rules:
      - { rule: copies, match: 'c_{letter}.{frame}.dat', to: 'c_{letter}/c_{letter}.{frame:04d}.dat' }
      - { rule: moves, match: 'm_{letter}.{frame}.dat', to: 'm_{letter}/m_{letter}.{frame:04d}.dat', transfer: move }
    """
}
