public import Paths
import Sequences

/// Which rule takes a path, and why the others do not.
public struct Explanation: Sendable {
  public let path: RelativePath
  /// The rule that takes it, or that erred on it.
  public let rule: Rule?
  /// In the order of the rule's pattern.
  public let tokens: [TokenValue]
  /// Where this path goes; nil if no rule takes it, or if it is held or left.
  public let destination: RelativePath?
  /// The name of the root beneath which that lies; nil without `destination`.
  public let root: String?
  /// The answer of a rule that knows it and leaves it where it is.
  public let left: String?
  /// Why it is held though a rule speaks for it.
  public let held: String?
  /// The rules that were asked, in their order.
  public let tried: [Tried]

  public struct Tried: Sendable, Hashable {
    public let rule: String
    public let matched: Bool
    /// One sentence, safe to show.
    public let why: String
  }
}

extension RuleSet {
  /// Explains what `assign` does with one path.
  ///
  /// - Parameters:
  ///   - path: need not exist.
  ///   - siblings: what else lies in its directory; with them `when.count` is judged and `renumber` counts from the first
  ///     frame. Without any, `when.count` is left open.
  public func explain(
    _ path: RelativePath, among siblings: [RelativePath] = [], hotFolder: String? = nil
  ) -> Explanation {
    var tried: [Explanation.Tried] = []
    for index in compiled.indices {
      let rule = compiled[index]
      let assignment = assignment(of: path, siblings, hotFolder, asking: index..<index + 1)
      switch assignment.outcome {
      case .unmatched(let refusals):
        let why = refusals.map(\.why).joined(separator: "; ")
        tried.append(Explanation.Tried(rule: rule.name, matched: false, why: why))
      case .failed(_, let message):
        tried.append(Explanation.Tried(rule: rule.name, matched: false, why: message))
        return Explanation(
          path: path, rule: rule.rule, tokens: [], destination: nil, root: nil, left: nil,
          held: message, tried: tried)
      case .taken(_, let match), .left(_, let match, _):
        var why = "fits '\(rule.patterns[match.pattern].source.text)'"
        if siblings.isEmpty, let count = rule.count {
          why += ", if there are as many frames as when.count says: \(count)"
        }
        tried.append(Explanation.Tried(rule: rule.name, matched: true, why: why))
        return explained(path, by: rule, match, assignment, tried)
      }
    }
    return Explanation(
      path: path, rule: nil, tokens: [], destination: nil, root: nil, left: nil, held: nil,
      tried: tried)
  }

  private func explained(
    _ path: RelativePath, by rule: CompiledRule, _ match: Match, _ assignment: Assignment,
    _ tried: [Explanation.Tried]
  ) -> Explanation {
    var goal: RelativePath?
    var root: String?
    var held: String?
    if rule.to != nil {
      do throws(DestinationError) {
        let destination = try destination(of: assignment)
        goal = zip(assignment.files, destination.files).first { $0.0 == path }?.1
        root = destination.root
      } catch {
        held = error.description
      }
    }
    return Explanation(
      path: path, rule: rule.rule, tokens: tokens(of: path, rule, match), destination: goal,
      root: root, left: rule.rule.leave, held: held, tried: tried)
  }

  /// Those of this very path: its sequence is named after another frame.
  private func tokens(of path: RelativePath, _ rule: CompiledRule, _ match: Match) -> [TokenValue] {
    let slot = path.bytes.withUnsafeBufferPointer { bytes -> Slot? in
      guard
        case .fits(_, let slot, _) = rule.judge(Subject(bytes), hotFolder: nil, .current)
      else { return nil }
      return slot
    }
    return rule.values(of: path, pattern: match.pattern, slot: slot?.range).list
  }

  private func assignment(
    of path: RelativePath, _ siblings: [RelativePath], _ hotFolder: String?,
    asking rules: Range<Int>
  ) -> Assignment {
    let files = siblings.contains(path) ? siblings : siblings + [path]
    let assignments = assign(
      files.filter { $0.parent == path.parent }, hotFolder, asking: rules,
      judgingCount: !siblings.isEmpty)
    guard let mine = assignments.first(where: { $0.files.contains(path) }) else {
      preconditionFailure("assign left a file out")
    }
    return mine
  }
}
