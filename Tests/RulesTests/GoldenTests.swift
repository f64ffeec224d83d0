import Paths
import Testing

@testable import Rules

@Suite("The golden tables")
struct GoldenTests {
  @Test("an arrival goes where the table says", arguments: ArrivalCase.all)
  func arrival(_ one: ArrivalCase) throws {
    let rules = sound(one.ruleText, includes: Intake.includes)
    let day = try one.day.map { try #require(Day($0)) } ?? .today
    for arrival in one.arrivals {
      let shown = Comment(rawValue: "\(arrival.given.list)")
      let assignments = rules.assign(try arrival.given.files, hotFolder: one.hotFolder)
      var destinations: [RelativePath] = []
      var roots: Set<String> = []
      var reasons: [String] = []
      var names: Set<String> = []
      for assignment in assignments {
        switch assignment.outcome {
        case .unmatched(let refusals): reasons += refusals.map { "unmatched: \($0.why)" }
        case .failed(_, let message): reasons.append("held: \(message)")
        case .left(let rule, _, let answer):
          names.insert(rule.name)
          reasons.append("left: \(answer)")
        case .taken(let rule, _):
          names.insert(rule.name)
          do throws(DestinationError) {
            let destination = try rules.destination(of: assignment, on: day)
            destinations += destination.files
            roots.insert(destination.root)
          } catch {
            reasons.append("held: \(error)")
          }
        }
      }
      #expect(destinations.sorted() == (try arrival.becomes?.files ?? []).sorted(), shown)
      if arrival.becomes != nil { #expect(roots == [arrival.root ?? "default"], shown) }
      if let rule = arrival.rule { #expect(names == [rule], shown) }
      let why = [("unmatched", arrival.unmatched), ("held", arrival.held), ("left", arrival.left)]
        .compactMap { kind, text in text.map { (kind, $0) } }.first
      if let (kind, text) = why {
        #expect(
          reasons.contains { $0.hasPrefix("\(kind): ") && $0.contains(text) },
          "\(arrival.given.list): \(reasons)")
      } else {
        #expect(reasons.isEmpty, shown)
      }
    }
  }

  @Test(
    "a mistake is reported as the table says, and its file is not loaded",
    arguments: MistakeCase.all)
  func mistake(_ one: MistakeCase) {
    let loaded = RuleSet.parse(
      files: [(one.file, one.rules)], includes: MistakeCase.includes)
    let silent = loaded.problems.filter { $0.hint?.isEmpty ?? true }.map(\.message)
    #expect(silent == [], "these do not say what to do")
    #expect(loaded.rendered(color: false) == one.report)
    #expect(loaded.rules.count == 0)
  }

  @Test("each intake loads cleanly, and its examples come out as written", arguments: Intake.all)
  func intake(_ one: Intake) {
    let loaded = RuleSet.parse(files: [(one.file, one.text)], includes: Intake.includes)
    #expect(loaded.isClean, "\(loaded.rendered(color: false))")
    #expect(loaded.rules.count > 0)
    #expect(loaded.examples > 0)
  }

  @Test("the tables are there") func tables() {
    #expect(ArrivalCase.all.count > 10)
    #expect(MistakeCase.all.count >= 60)
    #expect(Intake.all.count == 12)
    #expect(ArrivalCase.all.flatMap(\.arrivals).count >= 300)
  }
}
