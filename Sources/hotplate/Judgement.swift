import Paths
import ReadModel
import Rules
import Sequences

/// What one set of rules says to files.
struct Judgement {
  struct Word {
    let fate: PlanDifference.Fate
    let rule: Rule?
    /// Which of the assignments it belongs to.
    let assignment: Int

    var path: RelativePath? {
      if case .taken(_, _, let path) = fate { path } else { nil }
    }
  }

  private var words: [RelativePath: Word] = [:]
  /// By assignment, as are the goals.
  private(set) var patterns: [Int: SequencePattern] = [:]
  private var goals: [Int: Destination] = [:]

  subscript(file: RelativePath) -> Word? { words[file] }

  init(
    of files: [RelativePath], by rules: RuleSet, hotFolder: String,
    _ published: [RelativePath: PastArrivals.File]
  ) {
    for (index, assignment) in rules.assign(files, hotFolder: hotFolder).enumerated() {
      patterns[index] = assignment.pattern
      let fates = fates(of: assignment, index, by: rules, published[assignment.files[0]])
      var rule: Rule?
      if case .taken(let taker, _) = assignment.outcome { rule = taker }
      for (file, fate) in zip(assignment.files, fates) {
        words[file] = Word(fate: fate, rule: rule, assignment: index)
      }
    }
  }

  private mutating func fates(
    of assignment: Assignment, _ index: Int, by rules: RuleSet, _ past: PastArrivals.File?
  ) -> [PlanDifference.Fate] {
    let fate: PlanDifference.Fate
    switch assignment.outcome {
    case .taken(let rule, _):
      do throws(DestinationError) {
        let goal = try Self.destination(of: assignment, by: rules, rule, past)
        goals[index] = goal
        return goal.files.map { .taken(rule: rule.name, root: goal.root, path: $0) }
      } catch {
        fate = .held(rule: rule.name, why: "\(error)")
      }
    case .left(let rule, _, let answer): fate = .left(rule: rule.name, answer: answer)
    case .failed(let rule, let message): fate = .held(rule: rule, why: message)
    case .unmatched: fate = .unmatched
    }
    return assignment.files.map { _ in fate }
  }

  /// As it would have been on its day, under the number that `version-up` chose then.
  private static func destination(
    of assignment: Assignment, by rules: RuleSet, _ rule: Rule, _ past: PastArrivals.File?
  ) throws(DestinationError) -> Destination {
    let goal = try rules.destination(of: assignment, on: past?.day ?? .today)
    guard rule.conflict == .versionUp, let versioned = goal.versioned, let then = past?.destination,
      let directory = then.path.relative(to: versioned.parent)?.components.first,
      let number = versioned.number(in: directory), number != versioned.source
    else { return goal }
    return try rules.destination(of: assignment, on: past?.day ?? .today, version: number)
  }

  /// Where some files of an assignment go; nil if it goes nowhere.
  func place(of files: [RelativePath], in assignment: Int) -> PlannedSequence.Place? {
    guard let goal = goals[assignment] else { return nil }
    let paths = files.compactMap { self[$0]?.path }
    let name = paths.count == 1 ? paths[0].name : nil
    let frames = goal.pattern.map { pattern in
      FrameSet(paths.compactMap { $0.name.flatMap(pattern.frame) })
    }
    return PlannedSequence.Place(
      root: goal.root, directory: ExactText(goal.directory.bytes),
      pattern: (goal.pattern?.pattern ?? name).map { ExactText($0.bytes) }, frames: frames)
  }
}
