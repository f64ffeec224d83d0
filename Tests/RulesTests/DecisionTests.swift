import Foundation
import Paths
import Sequences
import Testing

@testable import Rules

@Suite("Deciding")
struct DecisionTests {
  let rules = sound(
    """
    hotplate: 1
    tokens: { layer: { beauty: [rgba] } }
    rules:
      - rule: renders
        about: What the farm writes
        match: '{shot}_{layer}_v{version}.{frame}.exr'
        when: { count: 2+, hot_folder: farm }
        ready: { quiet: 500ms, frames: 1001-1010 }
        to: '{shot}/{layer}/{name}'
        transfer: move
        conflict: skip
        # a comment inside

      # a comment after
      - { rule: rest, match: '*.{frame}.exr', to: 'rest/{name}' }
    """)
  let file = path("in/sh_rgba_v2.1001.exr")

  @Test("a rule carries what it asks for")
  func rule() {
    let rule = rules.rules[0]
    #expect(rule.name == "renders")
    #expect(rule.about == "What the farm writes")
    #expect(rule.index == 0)
    #expect(rule.file == "rules.yaml")
    #expect(rule.line == 4)
    #expect(rule.ready.quiet == .milliseconds(500))
    #expect(rule.ready.frames?.count == 10)
    #expect(rule.transfer == [.move])
    #expect(rule.conflict == .skip)
    #expect(rule.verify == .copy)
    #expect(rule.text.hasPrefix("  - rule: renders"))
    #expect(rule.text.hasSuffix("conflict: skip"))
    #expect(rules.rules[1].ready.quiet == nil)
    #expect(rules.rules[1].conflict == .hold)
    #expect(rules.rules[1].transfer == [.copy])
  }

  @Test("a decision names the rule, the slot and the tokens")
  func taken() throws {
    guard case .taken(let match) = rules.decide(file, hotFolder: "farm") else {
      Issue.record("not taken")
      return
    }
    #expect(match.ruleIndex == 0)
    #expect(match.slot?.kind == .frame)
    #expect(match.slot?.range == 11..<15)
    #expect(match.tokens.map(\.name) == ["shot", "layer", "version", "frame"])
    #expect(match.tokens.map(\.value.text) == ["sh", "beauty", "2", "1001"])
    #expect(match.tokens[1].raw.text == "rgba")
  }

  @Test("a count that is not known is left open, and one that is known is judged")
  func count() {
    func taker(_ decision: Decision) -> Int? {
      if case .taken(let match) = decision { match.ruleIndex } else { nil }
    }
    #expect(taker(rules.decide(file, hotFolder: "farm")) == 0)
    #expect(taker(rules.decide(file, hotFolder: "farm", count: 2)) == 0)
    #expect(taker(rules.decide(file, hotFolder: "farm", count: 1)) == 1)
    #expect(taker(rules.decide(file, hotFolder: "other", count: 2)) == 1)
    #expect(taker(rules.decide(file, hotFolder: nil, count: 2)) == 0)
    #expect(taker(rules.decide(file, hotFolder: "farm", startingAt: 1)) == 1)
    #expect(taker(rules.decide(file, hotFolder: "farm", startingAt: 2)) == nil)
    #expect(taker(rules.decide(file, hotFolder: "farm", startingAt: 99)) == nil)
  }

  @Test("every rule that was asked gives its reason")
  func reasons() {
    guard case .unmatched(let refusals) = rules.decide(path("sh.dpx"), hotFolder: "farm") else {
      Issue.record("taken")
      return
    }
    #expect(refusals.map(\.rule) == ["renders", "rest"])
    #expect(
      refusals[0].why == "does not fit '{shot}_{layer}_v{version}.{frame}.exr': no '_' after 'sh'")
    #expect(
      refusals[1].why == "does not fit '*.{frame}.exr': no {frame} (a whole number) after 'sh.'")
  }

  @Test("what is refused for its count keeps the reasons of all rules, in their order")
  func reasonsAfterCount() {
    let rules = sound(
      """
      hotplate: 1
      rules:
        - { rule: a, match: 'a', to: '{name}' }
        - { rule: b, match: '{x}.{frame}.exr', when: { count: 2+ }, to: '{name}' }
        - { rule: c, match: 'c', to: '{name}' }
      """)
    let assignments = rules.assign([path("x.1.exr")], hotFolder: nil)
    guard case .unmatched(let refusals) = assignments[0].outcome else {
      Issue.record("taken")
      return
    }
    #expect(refusals.map(\.rule) == ["a", "b", "c"])
    #expect(refusals[1].why == "when.count is 2+, and there is 1 frame")
    #expect(assignments[0].pattern?.description == "x.@.exr")
  }

  @Test("a runaway expression ends within moments, and says so")
  func runaway() {
    let rules = sound(
      """
      hotplate: 1
      tokens: { bad: '(?:a+)+' }
      rules: [ { rule: bad, match: '{bad}.{frame}.exr', to: '{name}' } ]
      """)
    let name = path(String(repeating: "a", count: 200) + "!.1.exr")
    var decision: Decision?
    let time = processorTime { decision = rules.decide(name, hotFolder: nil) }
    guard case .failed("bad", let message) = decision else {
      Issue.record("not failed: \(String(describing: decision))")
      return
    }
    #expect(message.contains("match limit exceeded"))
    #expect(time < .milliseconds(500))
    let assignments = rules.assign([name], hotFolder: nil)
    guard case .failed("bad", _) = assignments[0].outcome else {
      Issue.record("assign let it through")
      return
    }
  }

  @Test("many threads may ask one rule set at once")
  func threads() async {
    let rules = rules
    let names = (0..<200).map { path("in/s\($0)_rgba_v2.1001.exr") }
    let sums = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask {
          names.reduce(0) { sum, name in
            guard case .taken(let match) = rules.decide(name, hotFolder: "farm") else { return sum }
            return sum + match.tokens.count
          }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(sums == Array(repeating: 800, count: 8))
  }

  @Test(
    "an explanation tells the rule, the tokens, the destination, and why the earlier ones did not")
  func explanation() {
    let other = rules.explain(path("in/x.1.exr"), hotFolder: "farm")
    #expect(other.rule?.name == "rest")
    #expect(other.destination == path("rest/x.1.exr"))
    #expect(other.tokens.map(\.name) == ["frame"])
    #expect(other.tried.map(\.matched) == [false, true])
    #expect(other.tried[0].why.contains("no '_' after 'x'"))
    #expect(other.tried[1].why == "fits '*.{frame}.exr'")

    let open = rules.explain(file, hotFolder: "farm")
    #expect(open.rule?.name == "renders")
    #expect(open.tried[0].why.hasSuffix("if there are as many frames as when.count says: 2+"))
    let alone = rules.explain(file, among: [file], hotFolder: "farm")
    #expect(alone.rule?.name == "rest")
    #expect(alone.tried[0].why == "when.count is 2+, and there is 1 frame")
    let two = rules.explain(file, among: [path("in/sh_rgba_v2.1002.exr")], hotFolder: "farm")
    #expect(two.rule?.name == "renders")
    #expect(two.destination == path("sh/beauty/sh_rgba_v2.1001.exr"))

    let nobody = rules.explain(path("x.mov"), hotFolder: "farm")
    #expect(nobody.rule == nil)
    #expect(nobody.tried.count == 2)
  }

  @Test("no rules take nothing")
  func empty() {
    guard case .unmatched(let refusals) = RuleSet.empty.decide(file, hotFolder: nil) else {
      Issue.record("taken")
      return
    }
    #expect(refusals.isEmpty)
    #expect(RuleSet.empty.assign([file], hotFolder: nil).count == 1)
  }
}
