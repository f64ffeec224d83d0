import Foundation
import Paths
import Testing
import Yams

@testable import Rules

/// A case of `Golden/arrivals-*.yaml`: rules, and what they say to arrivals.
///
/// ```yaml
/// - case: what it is about
///   rules: |            # one rule file; or
///   intake: NAME.yaml   # one of Golden/intakes
///   hot_folder: NAME    # optional: the name of the hot folder
///   day: 2025-06-14     # optional: what {today} is
///   arrivals:
///     - { given: 'a.[1-3].exr', rule: NAME, becomes: 'b.[0001-0003].exr' }   # with root: NAME
///     - { given: ['a.1.exr', 'b.2.exr'], rule: NAME, becomes: [...] }     # several, together
///     - { given: 'a.exr', rule: NAME, left: 'the answer' }
///     - { given: 'a.exr', unmatched: 'a part of the reason' }
///     - { given: 'a.exr', held: 'a part of the reason' }                  # taken, and cannot go there; or erred
/// ```
struct ArrivalCase: Decodable, Sendable, CustomTestStringConvertible {
  let name: String
  let rules: String?
  let intake: String?
  let hotFolder: String?
  let day: String?
  let arrivals: [Arrival]
  var file = ""

  struct Arrival: Decodable, Sendable {
    let given: Texts
    let rule: String?
    let becomes: Texts?
    let root: String?
    let left: String?
    let unmatched: String?
    let held: String?
  }

  enum CodingKeys: String, CodingKey {
    case name = "case"
    case rules
    case intake
    case hotFolder = "hot_folder"
    case day
    case arrivals
  }

  var testDescription: String { "\(file): \(name)" }

  var ruleText: String {
    rules ?? Intake.all.first { $0.file == intake }?.text ?? "no rules, and no intake of this name"
  }

  static let all: [ArrivalCase] = golden("arrivals-")
    .flatMap { file, text in
      (try! YAMLDecoder().decode([ArrivalCase].self, from: text)).map {
        var one = $0
        one.file = file
        return one
      }
    }
}

/// A rule file with mistakes in `Golden/mistakes/NAME.yaml`, and the whole report about it in `NAME.txt`. What it includes
/// lies in directories below.
struct MistakeCase: Sendable, CustomTestStringConvertible {
  let file: String
  let rules: String
  let report: String

  var testDescription: String { file }

  static let all: [MistakeCase] = texts(in: "mistakes").filter { !$0.path.contains("/") }
    .map { path, text in
      let report = goldenDirectory.appendingPathComponent("mistakes/\(path.dropLast(5)).txt")
      return MistakeCase(
        file: path, rules: text, report: (try? String(contentsOf: report, encoding: .utf8)) ?? "")
    }

  static let includes = included(in: "mistakes")
}

/// One of the intakes that the language must be able to say, in `Golden/intakes`.
struct Intake: Sendable, CustomTestStringConvertible {
  let file: String
  let text: String

  var testDescription: String { file }

  static let all: [Intake] = texts(in: "intakes").filter { !$0.path.contains("/") }
    .map { Intake(file: $0.path, text: $0.text) }

  static let includes = included(in: "intakes")
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

let goldenDirectory = Bundle.module.resourceURL!.appendingPathComponent("Golden")

/// The golden files whose names start so, by name.
private func golden(_ prefix: String) -> [(String, String)] {
  let names = try! FileManager.default.contentsOfDirectory(atPath: goldenDirectory.path).sorted()
  return names.filter { $0.hasPrefix(prefix) }.map {
    ($0, try! String(contentsOf: goldenDirectory.appendingPathComponent($0), encoding: .utf8))
  }
}

/// The rule files of a directory of golden files, in it and below it, by name.
private func texts(in directory: String) -> [(path: String, text: String)] {
  let place = goldenDirectory.appendingPathComponent(directory)
  let paths = FileManager.default.enumerator(atPath: place.path)?.compactMap { $0 as? String } ?? []
  return paths.filter { $0.hasSuffix(".yaml") }.sorted().map {
    ($0, try! String(contentsOf: place.appendingPathComponent($0), encoding: .utf8))
  }
}

private func included(in directory: String) -> [String: String] {
  Dictionary(uniqueKeysWithValues: texts(in: directory).filter { $0.path.contains("/") })
}

func path(_ text: String) -> RelativePath { RelativePath(text)! }

/// Rules that must have no mistake.
func sound(
  _ text: String, includes: [String: String] = [:],
  sourceLocation: SourceLocation = #_sourceLocation
) -> RuleSet {
  let loaded = RuleSet.parse(files: [("rules.yaml", text)], includes: includes)
  #expect(
    loaded.problems.isEmpty, "\(loaded.rendered(color: false))", sourceLocation: sourceLocation)
  return loaded.rules
}
