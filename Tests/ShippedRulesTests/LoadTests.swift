import Testing

@testable import Rules

@Suite("rules/ as it ships")
struct LoadTests {
  @Test("all files work together, without a mistake or a warning")
  func together() {
    let loaded = ShippedRules.all
    #expect(loaded.problems.isEmpty, "\(loaded.rendered(color: false))")
    #expect(loaded.files == ShippedRules.files.count)
    #expect(loaded.rules.count >= 30)
  }

  @Test(
    "each file works by itself, and its examples come out as written", arguments: ShippedRules.files
  )
  func alone(_ file: String) {
    let loaded = ShippedRules.alone(file)
    #expect(loaded.problems.isEmpty, "\(loaded.rendered(color: false))")
    #expect(loaded.rules.count > 0)
    #expect(loaded.examples > 0)
  }

  @Test("each rule says what it is for, and shows it in an example that it takes")
  func examples() {
    let rules = ShippedRules.all.rules
    for rule in rules.rules {
      #expect(rule.about != nil, "\(rule.name)")
      let own = rules.examples.filter { $0.rule == rule.name }
      let takes = own.contains { if case .refused = $0.expectation { false } else { true } }
      #expect(takes, "\(rule.name)")
    }
  }

  @Test(
    "nothing is replaced, linked or renamed to a new version unasked, and what moves is verified")
  func conservative() {
    for rule in ShippedRules.all.rules.rules {
      #expect(rule.conflict == .hold || rule.conflict == .skip, "\(rule.name)")
      #expect(rule.verify != .none, "\(rule.name)")
      #expect(rule.transfer == [.copy] || rule.name == "turntables", "\(rule.name)")
    }
  }

  @Test("the catch-all is the last rule of the last file")
  func last() {
    #expect(ShippedRules.files.last == "90-catch-all.yaml")
    #expect(ShippedRules.all.rules.rules.last?.name == "everything-else")
  }
}
