import Files
import Paths
import Rules
import Sequences

extension PlannedSequence {
  /// A sequence before it is known whether others go to the same place.
  struct Draft {
    let assignment: Assignment
    private(set) var ruleName: String?
    /// The rule that takes it; nil if none does, or it leaves it.
    private(set) var rule: Rule?
    private(set) var goal: Destination?
    /// Why nothing would happen, part by part.
    private(set) var reasons: [String] = []
    private(set) var left: String?
    private(set) var lacks: [Readiness.Condition] = []
    /// In the order of the assignment's files; 0 for one that is gone since it was listed.
    let sizes: [Int]
    /// What lies where it would go under its own number.
    private(set) var meetings: [Meeting] = []
    /// The root below which those lie.
    private(set) var meetingRoot = "default"
    /// The number that `version-up` gives it.
    private(set) var version: Int?
    /// Whether no rule wants it.
    private(set) var stays = false
  }
}

extension PlannedSequence.Draft {
  /// - Parameter companions: what of the listing could be a marker or manifest of some rule.
  init(
    _ assignment: Assignment, among listing: FolderListing, companions: [RelativePath],
    by rules: RuleSet, to roots: RootFolders
  ) {
    self.assignment = assignment
    let folder = listing.folder
    sizes = assignment.files.map { file in
      do throws(SystemError) { return try folder.directory.status(file).snapshot.size } catch {
        return 0
      }
    }
    let head = assignment.pattern?.head ?? assignment.files[0].name?.bytes ?? []
    if let sentinel = listing.sentinel(
      over: assignment.directory, head: head, isSingleFile: assignment.pattern == nil)
    {
      reasons.append("on hold: \(shown(folder.named(sentinel))) stands there")
    }
    switch assignment.outcome {
    case .taken(let rule, _):
      ruleName = rule.name
      self.rule = rule
      do throws(DestinationError) {
        try take(by: rule, among: listing, companions: companions, in: rules, to: roots)
      } catch {
        reasons.append("held: \(error)")
      }
    case .left(let rule, _, let answer):
      ruleName = rule.name
      left = answer
      stays = true
      reasons.append("left: \(shownText(answer))")
    case .failed(let rule, let message):
      ruleName = rule
      reasons.append("held: \(message)")
    case .unmatched(let refusals):
      stays = true
      let areCompanions = assignment.files.allSatisfy(rules.isCompanion)
      if areCompanions {
        reasons.append("a marker or manifest that rules wait for; it is not taken itself")
      } else {
        reasons += ["no rule takes it"] + refusals.map { "\(shownText($0.rule)): \($0.why)" }
      }
    }
  }

  private mutating func take(
    by rule: Rule, among listing: FolderListing, companions: [RelativePath], in rules: RuleSet,
    to roots: RootFolders
  ) throws(DestinationError) {
    let goal = try rules.destination(of: assignment)
    self.goal = goal
    if let lack = roots.lack(of: goal.root) { reasons.append("held: \(lack)") }
    let damage = rule.ready.whole ? damage(of: assignment.files, in: listing.folder) : []
    lacks = try Readiness(
      of: assignment, by: rule, in: rules, frames: assignment.frames, among: listing,
      companions: companions, damage: damage
    ).lacks
    guard let root = roots[goal.root] else { return }
    meetingRoot = goal.root
    meetings = hotplate.meetings(goal, sizes, at: root)
    // Where every frame lies there already and may be the same, the whole may be.
    if rule.conflict == .hold, meetings.count(where: { !$0.isCertain }) < goal.files.count,
      let stranger = stranger(to: goal, at: root)
    {
      meetings.append(stranger)
    }
  }

  /// What shares its number; nil where the rule chooses none.
  var versionScope: VersionScope? {
    guard rule?.conflict == .versionUp, let goal, let versioned = goal.versioned else {
      return nil
    }
    if let delivery = assignment.delivery {
      return VersionScope(directory: delivery, source: versioned.source, slot: nil)
    }
    return VersionScope(
      directory: assignment.directory, source: versioned.source,
      slot: [
        Array(goal.root.utf8), versioned.parent.bytes, versioned.head, versioned.tail,
      ])
  }

  mutating func goTo(version number: Int, by rules: RuleSet, to roots: RootFolders) {
    version = number
    do throws(DestinationError) {
      goal = try rules.destination(of: assignment, version: number)
    } catch {
      reasons.append("held: \(error)")
    }
  }

  /// What the rule's `conflict` would do about what lies there; nil if nothing does.
  var resolution: (text: String, holds: Bool)? {
    guard let rule, !meetings.isEmpty else {
      return version.map { ("would become \(name($0))", false) }
    }
    let certain = meetings.count(where: \.isCertain)
    let maybe = meetings.count - certain
    let all = counted(sizes.count, assignment.pattern == nil ? "file" : "frame")
    switch rule.conflict {
    case .hold:
      return certain == 0
        ? ("done already if all are identical, else held", false) : ("would be held", true)
    case .skip:
      return (several(certain, maybe, of: all, "left out"), false)
    case .replace:
      if meetings.contains(where: { $0.kind == .obstacle }) { return ("would be held", true) }
      return (several(certain, maybe, of: all, "replaced"), false)
    case .versionUp:
      if let version { return ("would become \(name(version))", false) }
      guard certain == 0 else { return ("would be held", true) }
      return ("done already if identical, else the next version", false)
    }
  }

  private func several(_ certain: Int, _ maybe: Int, of all: String, _ what: String) -> String {
    var parts: [String] = []
    if certain > 0 { parts.append("\(certain) of \(all) would be \(what)") }
    if maybe > 0 { parts.append("\(maybe) of \(all) \(what) where not identical") }
    return parts.joined(separator: ", ")
  }

  private func name(_ version: Int) -> String {
    goal?.versioned.map { "\($0.name(version))" } ?? "version \(version)"
  }
}
