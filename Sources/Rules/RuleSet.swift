public import Paths
import Sequences

/// Rules in the order in which they are asked. A value: it never changes, and any number of threads may ask it.
public struct RuleSet: Sendable {
  let compiled: [CompiledRule]
  let examples: [Example]
  private let screens: [Screen]

  init(_ compiled: [CompiledRule], examples: [Example] = []) {
    self.compiled = compiled
    screens = compiled.map(Screen.init)
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
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: path.bytes.count + 1) { room in
      decide(path, hotFolder, count, asking: rules, room)
    }
  }

  private func decide(
    _ path: RelativePath, _ hotFolder: String?, _ count: Int?, asking rules: Range<Int>,
    _ room: UnsafeMutableBufferPointer<CChar>
  ) -> Decision {
    // What is plain to see is not written down: most names meet a rule that takes them.
    var reasons: [(rule: Int, reason: Refusal.Reason)] = []
    return path.bytes.withUnsafeBufferPointer { bytes in
      let subject = Subject(bytes)
      let seen = Screen.Bytes(subject, room)
      let scratch = MatchScratch.current
      for index in rules {
        if let seen, !screens[index].passes(seen) { continue }
        let rule = compiled[index]
        switch rule.judge(subject, hotFolder: hotFolder, scratch) {
        case .fits(let pattern, let slot, let length):
          if let count, let condition = rule.count, !condition.holds(for: count) {
            reasons.append((index, .count(count)))
            continue
          }
          let match = Match(
            compiled: rule, pattern: pattern, path: path, deliveryLength: length, slot: slot)
          return rule.rule.leave.map { .left(match, $0) } ?? .taken(match)
        case .refused(.noFit): continue
        case .refused(let reason): reasons.append((index, reason))
        case .failed(let message):
          return .failed(rule: rule.name, message: message)
        }
      }
      return .unmatched(refusals(of: path, by: rules, reasons, hotFolder))
    }
  }

  private func refusals(
    of path: RelativePath, by rules: Range<Int>, _ reasons: [(rule: Int, reason: Refusal.Reason)],
    _ hotFolder: String?
  ) -> [Refusal] {
    var reasons = reasons[...]
    return rules.map { index in
      let rule = compiled[index]
      if let first = reasons.first, first.rule == index {
        reasons.removeFirst()
        return Refusal(compiled: rule, path: path, reason: first.reason)
      }
      return Refusal(compiled: rule, path: path, reason: rule.refusal(of: hotFolder) ?? .noFit)
    }
  }
}
