public import Paths
public import Sequences

/// Files that belong together, and what the rules say to them.
public struct Assignment: Sendable {
  public enum Outcome: Sendable {
    case taken(Rule, Match)
    /// Known and not wanted: `leave`, its answer.
    case left(Rule, Match, String)
    case unmatched([Refusal])
    case failed(rule: String, message: String)
  }

  public let directory: RelativePath
  /// nil for a single file.
  public let pattern: SequencePattern?
  public let frames: FrameSet?
  /// Ascending by frame.
  public let files: [RelativePath]
  public let outcome: Outcome

  /// The directory of the delivery that these files belong to (`together`), from the hot folder's root; nil without.
  public var delivery: RelativePath? { match?.delivery }

  /// Of the rule that speaks for these files.
  var match: Match? {
    switch outcome {
    case .taken(_, let match), .left(_, let match, _): match
    case .unmatched, .failed: nil
    }
  }
}

extension RuleSet {
  /// Sorts files into sequences and single files, by the rules' slots, and what no rule takes by the guess.
  ///
  /// The first rule that fits a name speaks for it; names of one directory that differ only in that rule's slot are one
  /// sequence; then `when.count` is judged for the whole, and what it refuses goes on to the rules after.
  ///
  /// - Parameter files: of any directories, in any order, each once.
  /// - Returns: every file in exactly one assignment, by directory and first name.
  public func assign(_ files: [RelativePath], hotFolder: String?) -> [Assignment] {
    assign(files, hotFolder, asking: compiled.indices)
  }

  func assign(
    _ files: [RelativePath], _ hotFolder: String?, asking rules: Range<Int>,
    judgingCount: Bool = true
  ) -> [Assignment] {
    var result: [Assignment] = []
    var waiting: [(start: Int, refused: [Refusal], files: [RelativePath])] = [
      (rules.lowerBound, [], files)
    ]
    while let (start, refused, files) = waiting.popLast() {
      var groups: [GroupKey: Group] = [:]
      for file in files { add(file, hotFolder, asking: start..<rules.upperBound, to: &groups) }
      for (key, group) in groups {
        for part in group.parts(key) {
          let count = part.files.count
          if judgingCount, let match = group.decision.match,
            let condition = match.compiled.count,
            !condition.holds(for: count)
          {
            // Each of the rules from `start` on refused, and this one for its count.
            let others = refusals(part.files[0], hotFolder, of: start..<match.ruleIndex)
            let mine = Refusal(compiled: match.compiled, path: part.files[0], reason: .count(count))
            waiting.append((match.ruleIndex + 1, refused + others + [mine], part.files))
          } else {
            result.append(assignment(part, key, group.decision, refused))
          }
        }
      }
    }
    return result.sorted {
      ($0.directory, $0.files[0]) < ($1.directory, $1.files[0])
    }
  }

  private func add(
    _ file: RelativePath, _ hotFolder: String?, asking rules: Range<Int>,
    to groups: inout [GroupKey: Group]
  ) {
    let name = file.name ?? FileName([])
    let decision = decide(file, hotFolder, nil, asking: rules)
    let rule: Int
    let slot: Slot?
    switch decision {
    case .taken(let match), .left(let match, _): (rule, slot) = (match.ruleIndex, match.slot)
    case .unmatched: (rule, slot) = (-1, guessSlot(in: name))
    case .failed(let failed, _):
      (rule, slot) = (-2 - (compiled.firstIndex { $0.name == failed } ?? 0), guessSlot(in: name))
    }
    let key = GroupKey(
      directory: file.parent, rule: rule,
      kind: slot?.kind,
      head: slot.map { Array($0.head(in: name)) } ?? name.bytes,
      tail: slot.map { Array($0.tail(in: name)) } ?? [])
    groups[key, default: Group(decision: decision)].files.append(file)
    if let slot { groups[key]?.numbers.append(slot.number(in: name)) }
  }

  private func refusals(_ file: RelativePath, _ hotFolder: String?, of rules: Range<Int>)
    -> [Refusal]
  {
    guard case .unmatched(let refusals) = decide(file, hotFolder, nil, asking: rules) else {
      return []
    }
    return refusals
  }

  private func assignment(
    _ part: Group.Part, _ key: GroupKey, _ decision: Decision, _ refused: [Refusal]
  ) -> Assignment {
    let outcome: Assignment.Outcome =
      switch decision {
      case .taken(let match): .taken(match.rule, match)
      case .left(let match, let answer): .left(match.rule, match, answer)
      case .unmatched(let refusals): .unmatched(refused + refusals)
      case .failed(let rule, let message): .failed(rule: rule, message: message)
      }
    return Assignment(
      directory: key.directory, pattern: part.pattern, frames: part.frames, files: part.files,
      outcome: outcome)
  }
}

extension Decision {
  fileprivate var match: Match? {
    switch self {
    case .taken(let match), .left(let match, _): match
    case .unmatched, .failed: nil
    }
  }
}

private struct GroupKey: Hashable {
  let directory: RelativePath
  let rule: Int
  /// nil for a single file; then `head` is its name.
  let kind: Slot.Kind?
  let head: [UInt8]
  let tail: [UInt8]
}

/// Names of one directory that differ only in the digits of one rule's slot.
private struct Group {
  let decision: Decision
  var files: [RelativePath] = []
  var numbers: [FrameNumber] = []

  struct Part {
    let pattern: SequencePattern?
    let frames: FrameSet?
    let files: [RelativePath]
  }

  func parts(_ key: GroupKey) -> [Part] {
    guard let kind = key.kind else { return [Part(pattern: nil, frames: nil, files: files)] }
    return partitionByPadding(numbers).map { part in
      Part(
        pattern: SequencePattern(
          head: key.head, padding: part.padding, tail: key.tail, kind: kind),
        frames: FrameSet(part.members.map { numbers[$0].value }),
        files: part.members.map { files[$0] })
    }
  }
}
