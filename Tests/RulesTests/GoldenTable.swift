import Foundation
import Paths
import Testing
import Yams

@testable import Rules

/// A case of `Golden/arrivals-*.yaml`: rules, and what they say to arrivals.
///
/// ```yaml
/// - case: what it is about
///   rules: |            # one rule file
///   hot_folder: NAME    # optional: the name of the hot folder
///   arrivals:
///     - { given: 'a.[1-3].exr', rule: NAME, becomes: 'b.[0001-0003].exr' }
///     - { given: ['a.1.exr', 'b.2.exr'], rule: NAME, becomes: [...] }     # several, together
///     - { given: 'a.exr', unmatched: 'a part of the reason' }
///     - { given: 'a.exr', held: 'a part of the reason' }                  # taken, and cannot go there; or erred
/// ```
struct ArrivalCase: Decodable, Sendable, CustomTestStringConvertible {
  let name: String
  let rules: String
  let hotFolder: String?
  let arrivals: [Arrival]
  var file = ""

  struct Arrival: Decodable, Sendable {
    let given: Texts
    let rule: String?
    let becomes: Texts?
    let unmatched: String?
    let held: String?
  }

  enum CodingKeys: String, CodingKey {
    case name = "case"
    case rules
    case hotFolder = "hot_folder"
    case arrivals
  }

  var testDescription: String { "\(file): \(name)" }

  static let all: [ArrivalCase] = golden("arrivals-")
    .flatMap { file, text in
      (try! YAMLDecoder().decode([ArrivalCase].self, from: text)).map {
        var one = $0
        one.file = file
        return one
      }
    }
}

/// A case of `Golden/mistakes-*.yaml`: a rule file, and the whole report about it.
struct MistakeCase: Decodable, Sendable, CustomTestStringConvertible {
  let name: String
  let rules: String
  let report: String
  var file = ""

  enum CodingKeys: String, CodingKey {
    case name = "case"
    case rules
    case report
  }

  var testDescription: String { "\(file): \(name)" }

  static let all: [MistakeCase] = golden("mistakes-")
    .flatMap { file, text in
      (try! YAMLDecoder().decode([MistakeCase].self, from: text)).map {
        var one = $0
        one.file = file
        return one
      }
    }
}

/// One text or a list of them.
struct Texts: Decodable, Sendable {
  let list: [String]
  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let one = try? container.decode(String.self) {
      list = [one]
    } else {
      list = try container.decode([String].self)
    }
  }

  var files: [RelativePath] {
    get throws { try list.flatMap { try ExamplePath($0).files } }
  }
}

/// The golden files whose names start so, by name.
private func golden(_ prefix: String) -> [(String, String)] {
  let directory = Bundle.module.resourceURL!.appendingPathComponent("Golden")
  let names = try! FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
  return names.filter { $0.hasPrefix(prefix) }.map {
    ($0, try! String(contentsOf: directory.appendingPathComponent($0), encoding: .utf8))
  }
}

func path(_ text: String) -> RelativePath { RelativePath(text)! }

/// Rules that must have no mistake.
func sound(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) -> RuleSet {
  let loaded = RuleSet.parse(files: [("rules.yaml", text)])
  #expect(
    loaded.problems.isEmpty, "\(loaded.rendered(color: false))", sourceLocation: sourceLocation)
  return loaded.rules
}
