import Foundation
import Paths
import Testing
import Yams

@testable import Rules

/// The directory `rules/` of this repository, as users get it.
enum ShippedRules {
  static let directory = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("rules").path

  static let all = RuleSet.load(directory: directory)

  /// The names of the rule files, in the order in which they are read.
  static let files = names(in: directory)

  /// The files below `tokens/`, as include names them.
  static let vocabularies = Dictionary(
    uniqueKeysWithValues: names(in: directory + "/tokens").map {
      ("tokens/\($0)", text("tokens/\($0)"))
    })

  static func text(_ path: String) -> String {
    try! String(contentsOfFile: "\(directory)/\(path)", encoding: .utf8)
  }

  /// One rule file by itself.
  static func alone(_ file: String) -> LoadedRules {
    RuleSet.parse(files: [(file, text(file))], includes: vocabularies)
  }

  private static func names(in directory: String) -> [String] {
    try! FileManager.default.contentsOfDirectory(atPath: directory)
      .filter { $0.hasSuffix(".yaml") }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}

/// What rules say to a path that may hold one `[…]` of frames.
struct Answer: Equatable {
  var rules: Set<String> = []
  var becomes: [RelativePath] = []
  /// Why a file goes nowhere: `left: …`, `unmatched: …` with each rule's reason, `held: …`.
  var reasons: [String] = []

  init(_ rules: RuleSet, to given: String, on day: Day = .today) throws {
    for assignment in rules.assign(try ExamplePath(given).files, hotFolder: nil) {
      switch assignment.outcome {
      case .unmatched(let refusals):
        reasons.append("unmatched: \(refusals.map(\.why).joined(separator: "; "))")
      case .failed(let rule, let message):
        self.rules.insert(rule)
        reasons.append("held: \(message)")
      case .left(let rule, _, let answer):
        self.rules.insert(rule.name)
        reasons.append("left: \(answer)")
      case .taken(let rule, _):
        self.rules.insert(rule.name)
        do throws(DestinationError) {
          becomes += try rules.destination(of: assignment, on: day).files
        } catch {
          reasons.append("held: \(error)")
        }
      }
    }
    becomes.sort()
  }
}

/// A data file beside these tests.
func golden<Table: Decodable>(_ file: String, as: Table.Type = Table.self) -> Table {
  let place = Bundle.module.resourceURL!.appendingPathComponent("Golden/\(file)")
  return try! YAMLDecoder().decode(
    Table.self, from: String(contentsOf: place, encoding: .utf8))
}
