public import Paths
import Sequences

/// Rules in the order in which they are asked. A value: it never changes, and any number of threads may ask it.
public struct RuleSet: Sendable {
  let compiled: [CompiledRule]
  let examples: [Example]

  init(_ compiled: [CompiledRule], examples: [Example] = []) {
    self.compiled = compiled
    self.examples = examples
  }

  /// No rules: nothing is taken.
  public static let empty = RuleSet([])

  public var rules: [Rule] { compiled.map(\.rule) }
  public var count: Int { compiled.count }

  /// Which rule takes a path: the first that fits.
  ///
  /// - Parameters:
  ///   - hotFolder: the name of the hot folder; nil where `when.hot_folder` counts as satisfied.
  ///   - count: how many frames the sequence has; nil leaves `when.count` open.
  ///   - start: rules before this index are not asked.
  public func decide(
    _ path: RelativePath, hotFolder: String?, count: Int? = nil, startingAt start: Int = 0
  ) -> Decision {
    decide(path, hotFolder, count, asking: min(start, compiled.count)..<compiled.count)
  }

  func decide(_ path: RelativePath, _ hotFolder: String?, _ count: Int?, asking rules: Range<Int>)
    -> Decision
  {
    var refusals: [Refusal] = []
    return path.bytes.withUnsafeBufferPointer { bytes in
      let subject = Subject(bytes)
      let scratch = MatchScratch.current
      for rule in compiled[rules] {
        switch rule.judge(subject, hotFolder: hotFolder, scratch) {
        case .fits(let pattern, let slot, let length):
          if let count, let condition = rule.count, !condition.holds(for: count) {
            refusals.append(Refusal(compiled: rule, path: path, reason: .count(count)))
            continue
          }
          let match = Match(
            compiled: rule, pattern: pattern, path: path, deliveryLength: length, slot: slot)
          return rule.rule.leave.map { .left(match, $0) } ?? .taken(match)
        case .refused(let reason):
          refusals.append(Refusal(compiled: rule, path: path, reason: reason))
        case .failed(let message):
          return .failed(rule: rule.name, message: message)
        }
      }
      return .unmatched(refusals)
    }
  }
}
