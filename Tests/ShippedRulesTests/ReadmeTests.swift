import Testing
import Yams

@testable import Rules

@Suite("rules/README.md")
struct ReadmeTests {
  @Test(
    "a snippet that is a whole file loads, and its examples come out", arguments: Snippet.of("yaml")
  )
  func whole(_ snippet: Snippet) {
    let loaded = RuleSet.parse(files: [("rules.yaml", snippet.text)], includes: Snippet.includes)
    #expect(loaded.problems.isEmpty, "\(loaded.rendered(color: false))")
    #expect(loaded.rules.count > 0)
  }

  @Test("a snippet that is a part does so in its frame", arguments: Snippet.of("yaml part"))
  func part(_ snippet: Snippet) throws {
    let file = try Frame(#require(Snippet.of("yaml frame").first)).file(with: snippet)
    for line in snippet.text.split(separator: "\n") where line.first != "#" {
      #expect(file.contains(line.drop { " -".contains($0) }), "nothing of a part is left out")
    }
    let loaded = RuleSet.parse(files: [("rules.yaml", file)], includes: Snippet.includes)
    #expect(loaded.problems.isEmpty, "\(loaded.rendered(color: false))\n\(file)")
    #expect(loaded.rules.count > 0)
    if snippet.text.contains("given:") { #expect(loaded.examples > 0) }
  }

  @Test("the frame is a file that works")
  func frame() throws {
    #expect(Snippet.of("yaml frame").count == 1)
    let text = try #require(Snippet.of("yaml frame").first).text
    #expect(RuleSet.parse(files: [("rules.yaml", text)]).problems.isEmpty)
  }

  @Test("a mistake is reported as the page says", arguments: Snippet.of("yaml mistake"))
  func mistake(_ snippet: Snippet) {
    let file = String(snippet.report.prefix { $0 != ":" })
    let loaded = RuleSet.parse(files: [(file, snippet.text)], includes: Snippet.includes)
    #expect(loaded.rendered(color: false) == snippet.report)
    #expect(loaded.rules.count == 0)
  }

  @Test("what a page shows of the configuration is YAML with its keys")
  func configuration() throws {
    for snippet in Snippet.of("yaml configuration") {
      let root = try #require(try Yams.compose(yaml: snippet.text)?.mapping)
      #expect(root.keys.map(\.string) == ["roots", "hot_folders"])
    }
  }

  @Test("no snippet is left out, and the first rule has five lines")
  func kinds() throws {
    let known = ["yaml", "yaml part", "yaml frame", "yaml mistake", "yaml configuration", "sh"]
    for snippet in Snippet.all where !snippet.kind.hasPrefix("yaml included ") {
      #expect(known.contains(snippet.kind), "line \(snippet.line)")
    }
    let first = try #require(Snippet.of("yaml").first)
    #expect(first.text.split(separator: "\n").count == 5)
    #expect(Snippet.of("yaml").count >= 12)
    #expect(Snippet.of("yaml part").count >= 15)
    #expect(Snippet.of("yaml mistake").allSatisfy { !$0.report.isEmpty })
  }

  @Test("the table at the end has every key, and no other")
  func keys() throws {
    let page = ShippedRules.text("README.md")
    let start = try #require(page.range(of: "\n## All keys"))
    let end = try #require(page.range(of: "\n## What ships here"))
    var inTable: [String] = []
    for line in page[start.upperBound..<end.lowerBound].split(separator: "\n")
    where line.hasPrefix("| `") {
      inTable.append(String(line.dropFirst(3).prefix { $0 != "`" }))
    }
    var known = Vocabulary.file.known
    for key in Vocabulary.rule.keys {
      if case .map(let inner) = key.shape {
        known += inner.known.map { "\(key.name).\($0)" }
      } else {
        known.append(key.name)
      }
    }
    #expect(inTable.sorted() == known.sorted())
  }

  @Test("every filter, every value that is computed and every word of a key has its place")
  func words() {
    let page = ShippedRules.text("README.md")
    for filter in Filter.names { #expect(page.contains("|\(filter)"), "\(filter)") }
    for name in Token.computed { #expect(page.contains("| `{\(name)}` |"), "\(name)") }
    for name in Token.shipped.keys { #expect(page.contains("| `{\(name)}` |"), "\(name)") }
    for key in Vocabulary.rule.keys {
      guard case .word(let words) = key.shape else { continue }
      for word in words { #expect(page.contains("`\(word)`"), "\(word)") }
    }
    for key in Vocabulary.example.keys {
      #expect(page.contains("| `\(key.name)` |"), "\(key.name)")
    }
  }

  @Test("what ships is listed")
  func files() {
    for file in ShippedRules.files {
      #expect(ShippedRules.text("README.md").contains("| [\(file)](\(file)) |"), "\(file)")
    }
  }
}
