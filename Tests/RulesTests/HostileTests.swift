import Glibc
import Paths
import TestSupport
import Testing

@testable import Rules

@Suite("Hostile rule files")
struct HostileTests {
  /// The promise is 100 ms; an unoptimised build gets more.
  private func refusal(_ text: String, within most: Duration = .seconds(2)) -> [String] {
    var codes: [String] = []
    let time = processorTime {
      codes = RuleSet.parse(files: [("x.yaml", text)]).problems.map(\.code)
    }
    #expect(time < most)
    return codes
  }

  private static func bomb(_ line: (Int) -> String) -> String {
    "hotplate: 1\n" + (1...30).map(line).joined()
  }

  @Test("an alias bomb in values is refused before it is composed")
  func bombInValues() {
    let text = Self.bomb { "a\($0): &a\($0) [\($0 == 1 ? "x" : "*a\($0 - 1), *a\($0 - 1)")]\n" }
    #expect(refusal(text).first == "yaml-anchor")
  }

  @Test("an alias bomb in keys is refused before it is composed")
  func bombInKeys() {
    let text = Self.bomb { "&k\($0) [\($0 == 1 ? "x" : "*k\($0 - 1), *k\($0 - 1)")]: y\n" }
    #expect(refusal(text).first == "yaml-anchor")
  }

  @Test(
    "an anchor is found wherever a value may start",
    arguments: [
      "a: &x b", "- &x b", "&x a: b", "a:\n  &x b: c", "[a, &x b]", "{a: &x b}", "{&x a: b}",
      "? &x a\n: b", "? a\n: &x b", "a: 'it''s'\nb: &x c", "a: \"q\\\"\"\nb: &x c",
      "a: |\n  text 'quote\nb: &x c", "a: text\n  'more\nb: &x c", "a: [b,\n  &x c]",
      "a: [b # comment\n  , &x c]", "- - &x b", "a: {b: [c, {d: &x e}]}", "{\"a\":&x b}",
      "a: >-\n  folded\n\n  text\nb: &x c", "- a: |\n    text\n  b: &x c", "--- &x a",
      "a: 'two\n  lines'\nb: &x c", "a: b#c\nd: &x e",
    ])
  func anchors(_ text: String) {
    let problems = RuleSet.parse(files: [("x.yaml", text)]).problems
    #expect(problems.contains { $0.code == "yaml-anchor" }, "\(problems.map(\.message))")
  }

  @Test(
    "text that looks like an anchor is no anchor",
    arguments: [
      "about: a & b", "about: 'x &y'", "about: \"x *y\"", "about: a*b", "about: a # &x",
      "about: |\n  &x\n  *y", "about: text\n  &more *text", "about: x:*y", "# &x *y",
      "about: [a&b, a*b]",
    ])
  func notAnchors(_ text: String) {
    let problems = RuleSet.parse(files: [("x.yaml", text)]).problems
    #expect(!problems.contains { $0.code.hasPrefix("yaml") }, "\(problems.map(\.message))")
  }

  @Test("a file of 2 MiB is refused")
  func large() {
    #expect(refusal(String(repeating: "# text\n", count: 300_000)) == ["size"])
  }

  @Test("a depth of 100,000 is refused, in brackets, dashes and indentation")
  func deep() {
    #expect(refusal("a: " + String(repeating: "[", count: 100_000)) == ["yaml-depth"])
    #expect(refusal("a: " + String(repeating: "{a: ", count: 100_000)) == ["yaml-depth"])
    #expect(refusal(String(repeating: "- ", count: 100_000)) == ["yaml-depth"])
    let steps = (0..<1000).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
    #expect(refusal(steps) == ["yaml-depth"])
  }

  @Test("a hostile included file is refused as quickly, and the other files load")
  func included() {
    let bomb = Self.bomb { "a\($0): &a\($0) [\($0 == 1 ? "x" : "*a\($0 - 1), *a\($0 - 1)")]\n" }
    let files = [
      ("10.yaml", "hotplate: 1\ninclude: [bomb.yaml]\n"),
      ("20.yaml", "hotplate: 1\ninclude: [large.yaml]\n"),
      ("30.yaml", "hotplate: 1\ninclude: [deep.yaml]\n"),
      ("40.yaml", "hotplate: 1\nrules: [ { rule: good, match: '*', to: '{name}' } ]"),
    ]
    let includes = [
      "bomb.yaml": bomb, "large.yaml": String(repeating: "# text\n", count: 300_000),
      "deep.yaml": "tokens: " + String(repeating: "[", count: 100_000),
    ]
    var loaded: LoadedRules?
    let time = processorTime { loaded = RuleSet.parse(files: files, includes: includes) }
    #expect(time < .seconds(2))
    #expect(loaded?.rules.rules.map(\.name) == ["good"])
    #expect(
      Set(loaded?.problems.map(\.code) ?? []) == [
        "include", "yaml-anchor", "size", "yaml-depth",
      ])
  }

  @Test("many ways through the included files are no many readings")
  func includeLattice() {
    var includes: [String: String] = [:]
    for level in 1...7 {
      let next = (0..<30).map { "l\(level + 1)-\($0).yaml" }.joined(separator: ", ")
      for number in 0..<30 { includes["l\(level)-\(number).yaml"] = "include: [\(next)]" }
    }
    for number in 0..<30 { includes["l8-\(number).yaml"] = "tokens: { t\(number): x }" }
    let time = processorTime {
      let loaded = RuleSet.parse(
        files: [("10.yaml", "hotplate: 1\ninclude: [l1-0.yaml]\n")], includes: includes)
      #expect(loaded.problems.isEmpty)
    }
    #expect(time < .seconds(5))
  }

  @Test("an expression that tries too many ways is found by its example, in a moment")
  func runawayExample() {
    let name = String(repeating: "a", count: 40) + "!"
    for token in ["(a+)+$", "(?:a|a)+", "(?:a+)*b", "(?:[a-z]+)*x"] {
      func file(_ match: String, _ find: String) -> String {
        """
        hotplate: 1
        tokens: { t: '\(token)' }
        rules:
          - { rule: r, match: '\(match)', \(find) to: '{t}/{name}', examples: [ { given: '\(name).exr', refused: yes } ] }
        """
      }
      #expect(refusal(file("{t}.exr", "")) == ["example"], "\(token)")
      // Where PCRE2 sees at once that a letter is missing, nothing is found, and that is the truth.
      _ = refusal(file("*", "find: [t],"))
    }
  }

  @Test("a megabyte of keys, of one line, or of quotes ends in an answer")
  func megabyte() {
    let keys = (0..<60_000).map { "key\($0): x\n" }.joined()
    #expect(Set(refusal(keys, within: .seconds(20))).isSubset(of: ["unknown-key", "version"]))
    _ = refusal("about: " + String(repeating: "x", count: 1_000_000), within: .seconds(20))
    _ = refusal("about: '" + String(repeating: "''", count: 500_000), within: .seconds(20))
  }

  @Test("no change of a rule file, however wild, does more than make problems", arguments: 0..<40)
  func fuzz(seed: Int) {
    var random = SeededNumbers(seed: UInt64(seed))
    let sound = Array(MistakeCase.all.map(\.rules).joined(separator: "\n").utf8)
    let marks = Array("{}[]<>|:*&!'\"#-?,%@`\\\n\t ()/^$+.\u{7f}".utf8)
    for _ in 0..<40 {
      let start = random.below(sound.count)
      var text = bytes("hotplate: 1\n") + sound[start..<min(sound.count, start + 400)]
      for _ in 0..<random.below(12) {
        let at = random.below(text.count)
        switch random.below(3) {
        case 0: text[at] = marks[random.below(marks.count)]
        case 1: text.insert(marks[random.below(marks.count)], at: at)
        default: text.remove(at: at)
        }
      }
      let loaded = RuleSet.parse(files: [("x.yaml", text.text)])
      for problem in loaded.problems { _ = problem.rendered(color: true) }
      for name in ["a.1.exr", "sh_v001.0001.exr", "x/y/z.mov"] {
        let assignments = loaded.rules.assign([path(name)], hotFolder: nil)
        for case let assignment in assignments {
          guard case .taken = assignment.outcome else { continue }
          _ = try? loaded.rules.destination(of: assignment)
        }
      }
    }
  }
}

/// What this thread spent: other work on the machine does not count.
func processorTime(_ body: () -> Void) -> Duration {
  func now() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
  let start = now()
  body()
  return now() - start
}

extension SeededNumbers {
  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
}
