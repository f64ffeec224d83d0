import Paths
import Testing

@testable import Rules

@Suite("The golden tables")
struct GoldenTests {
  @Test("an arrival goes where the table says", arguments: ArrivalCase.all)
  func arrival(_ one: ArrivalCase) throws {
    let rules = sound(one.rules)
    for arrival in one.arrivals {
      let shown = Comment(rawValue: "\(arrival.given.list)")
      let assignments = rules.assign(try arrival.given.files, hotFolder: one.hotFolder)
      var destinations: [RelativePath] = []
      var reasons: [String] = []
      var names: Set<String> = []
      for assignment in assignments {
        switch assignment.outcome {
        case .unmatched(let refusals): reasons += refusals.map { "unmatched: \($0.why)" }
        case .failed(_, let message): reasons.append("held: \(message)")
        case .taken(let rule, _):
          names.insert(rule.name)
          do throws(DestinationError) {
            destinations += try rules.destination(of: assignment).files
          } catch {
            reasons.append("held: \(error)")
          }
        }
      }
      #expect(destinations.sorted() == (try arrival.becomes?.files ?? []).sorted(), shown)
      if let rule = arrival.rule { #expect(names == [rule], shown) }
      let why = arrival.unmatched.map { "unmatched: \($0)" } ?? arrival.held.map { "held: \($0)" }
      if let why {
        #expect(
          reasons.contains {
            $0.hasPrefix(why.prefix(6)) && $0.contains(why.split(separator: ": ", maxSplits: 1)[1])
          },
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
    let loaded = RuleSet.parse(files: [("10-test.yaml", one.rules)])
    #expect(loaded.rendered(color: false) == one.report)
    #expect(loaded.rules.count == 0)
  }

  @Test("the tables are there") func tables() {
    #expect(ArrivalCase.all.count > 10)
    #expect(MistakeCase.all.count > 30)
  }
}
