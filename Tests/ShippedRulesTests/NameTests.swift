import Paths
import Testing

@testable import Rules

/// A row of `Golden/names.yaml`: what arrives, and what the shipped rules make of it.
///
/// ```yaml
/// - given: 'abc010_rgba_v3.[1-3].exr'    # a path from the hot folder; one […] of frames
///   rule: renders                        # the rule that answers; none for "unmatched"
///   becomes: 'abc/….[0001-0003].exr'     # where it goes; or
///   left: 'a part of the answer'         # known and not wanted; or
///   held: 'a part of the reason'         # taken, and it cannot go there; or
///   unmatched: 'a part of a reason'      # no rule takes it; the reason of one of them
/// ```
struct NameRow: Decodable, Sendable, CustomTestStringConvertible {
  let given: String
  let rule: String?
  let becomes: String?
  let left: String?
  let held: String?
  let unmatched: String?

  var testDescription: String { given }

  static let all: [NameRow] = golden("names.yaml")
}

/// `Golden/renderers.yaml`: for each renderer the names that it gives to what has one name here.
struct RendererName: Sendable, CustomTestStringConvertible {
  let renderer: String
  let layer: String
  let name: String

  var testDescription: String { "\(renderer)'s \(name)" }

  static let all: [RendererName] = golden(
    "renderers.yaml", as: [String: [String: [String]]].self
  ).flatMap { renderer, layers in
    layers.flatMap { layer, names in
      names.map { RendererName(renderer: renderer, layer: layer, name: $0) }
    }
  }.sorted { ($0.renderer, $0.layer, $0.name) < ($1.renderer, $1.layer, $1.name) }
}

@Suite("Names from real pipelines")
struct NameTests {
  @Test("a name goes where the table says", arguments: NameRow.all)
  func name(_ row: NameRow) throws {
    let answer = try Answer(ShippedRules.all.rules, to: row.given)
    #expect(answer.rules == Set([row.rule].compactMap(\.self)))
    #expect(answer.becomes == (try row.becomes.map { try ExamplePath($0).files.sorted() } ?? []))
    let said = [("left", row.left), ("held", row.held), ("unmatched", row.unmatched)]
      .compactMap { kind, text in text.map { (kind, $0) } }
    #expect(said.count + (row.becomes == nil ? 0 : 1) == 1, "a row says one thing")
    guard let (kind, text) = said.first else { return #expect(answer.reasons.isEmpty) }
    #expect(!answer.reasons.isEmpty)
    for reason in answer.reasons {
      #expect(reason.hasPrefix(kind))
      #expect(reason.contains(text))
    }
  }

  @Test(
    "each renderer's own name for a layer arrives under the one name", arguments: RendererName.all)
  func renderer(_ one: RendererName) throws {
    // As the farm writes them: in the name, in front of the version and behind it, and as a folder.
    for given in [
      "abc010_\(one.name)_v003.[1001-1002].exr", "abc010_v003_\(one.name).[1001-1002].exr",
      "abc010_v003.\(one.name).[1001-1002].exr", "\(one.name)/abc010_v003.[1001-1002].exr",
    ] {
      let answer = try Answer(ShippedRules.all.rules, to: given)
      let path = "abc/abc010/render/v003/\(one.layer)/abc010_\(one.layer)_v003.[1001-1002].exr"
      #expect(answer.rules == ["renders"], "\(given)")
      #expect(answer.becomes == (try ExamplePath(path).files), "\(given)")
    }
  }

  @Test(
    "a long name that fits nearly every pattern has an answer: no rule gives up on it",
    arguments: [
      String(repeating: "a_", count: 110), String(repeating: "l_r_", count: 55),
      String(repeating: "rgba_v1_", count: 27), String(repeating: "col_", count: 55),
      String(repeating: "1001.", count: 45), String(repeating: "abc_0010_", count: 24),
    ])
  func hard(_ text: String) throws {
    let rules = ShippedRules.all.rules
    for name in [
      "abc010_\(text)v003.1001.exr", "abc010_\(text)v1!.1.exr", "char_hero_\(text)1001.exr",
      "\(text)exr",
    ] {
      for path in [name, "left/rgba/\(name)", "vendor/a/b/c/d/e/f/g/\(name)"] {
        let answer = try Answer(rules, to: path)
        #expect(!answer.reasons.contains { $0.hasPrefix("held") }, "\(path)")
      }
    }
  }

  @Test("the tables are there")
  func tables() {
    #expect(NameRow.all.count >= 120)
    #expect(Set(NameRow.all.map(\.given)).count == NameRow.all.count)
    #expect(Set(RendererName.all.map(\.renderer)).count == 8)
    for layer in ["beauty", "depth", "normal"] {
      #expect(Set(RendererName.all.filter { $0.layer == layer }.map(\.renderer)).count == 8)
    }
    let taken = Set(NameRow.all.compactMap(\.rule))
    #expect(taken == Set(ShippedRules.all.rules.rules.map(\.name)))
  }
}
