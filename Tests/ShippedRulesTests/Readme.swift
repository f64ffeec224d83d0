import Testing

/// The snippets of `rules/README.md`, by what stands behind the fence.
struct Snippet: Sendable, CustomTestStringConvertible {
  /// `yaml`, `yaml part`, `yaml mistake`, …
  let kind: String
  let line: Int
  let text: String
  /// The report that follows a mistake.
  var report = ""

  var testDescription: String { "line \(line)" }

  static let all: [Snippet] = {
    var result: [Snippet] = []
    var open: (kind: String, line: Int, text: [Substring])?
    let lines = ShippedRules.text("README.md").split(
      separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      if let (kind, start, text) = open {
        guard line == "```" else {
          open?.text.append(line)
          continue
        }
        let joined = text.map { $0 + "\n" }.joined()
        if kind == "text", result.last?.kind == "yaml mistake" {
          result[result.count - 1].report = joined
        } else {
          result.append(Snippet(kind: kind, line: start, text: joined))
        }
        open = nil
      } else if line.hasPrefix("```") {
        open = (String(line.dropFirst(3)), index + 1, [])
      }
    }
    return result
  }()

  static func of(_ kind: String) -> [Snippet] { all.filter { $0.kind == kind } }

  /// What `include` finds: the shipped vocabularies, and files that the page itself shows.
  static let includes = all.filter { $0.kind.hasPrefix("yaml included ") }
    .reduce(into: ShippedRules.vocabularies) {
      $0[String($1.kind.dropFirst("yaml included ".count))] = $1.text
    }
}

/// The file in which the parts stand: a part takes the place of what has the same key.
struct Frame {
  private let tokens: [Entry]
  private let rule: [Entry]

  /// A key and its lines, without their indentation.
  struct Entry {
    let key: Substring
    var lines: [Substring]
  }

  private static let fileKeys: Set<Substring> = ["include", "tokens", "defaults"]

  init(_ snippet: Snippet) throws {
    let lines = snippet.text.split(separator: "\n")
    let tokens = try #require(lines.firstIndex(of: "tokens:"))
    let rules = try #require(lines.firstIndex(of: "rules:"))
    self.tokens = Frame.entries(lines[(tokens + 1)..<rules].map { $0.dropFirst(2) })
    rule = Frame.entries(lines[(rules + 1)...].map { $0.dropFirst(4) })
  }

  static func entries(_ lines: [Substring]) -> [Entry] {
    var result: [Entry] = []
    for line in lines {
      if let first = line.first, first.isLetter {
        result.append(Entry(key: line.prefix { $0 != ":" }, lines: [line]))
      } else if !result.isEmpty {
        result[result.count - 1].lines.append(line)
      }
    }
    return result
  }

  /// The whole file that a part makes.
  func file(with part: Snippet) -> String {
    let lines = part.text.split(separator: "\n", omittingEmptySubsequences: false)
    let isRules = lines[0].hasPrefix("- ")
    let entries = isRules ? [] : Frame.entries(lines)
    let ofFile = entries.filter { Frame.fileKeys.contains($0.key) }
    let ofRule = entries.filter { !Frame.fileKeys.contains($0.key) }
    var result = ["hotplate: 1"]
    for entry in ofFile where entry.key != "tokens" { result += entry.lines.map(String.init) }

    let own = Frame.entries(
      ofFile.first { $0.key == "tokens" }?.lines.dropFirst().map { $0.dropFirst(2) } ?? [])
    result.append("tokens:")
    result += indented(merged(tokens, own), by: 2)
    result.append("rules:")
    if isRules {
      result += lines.map { "  \($0)" }
    } else {
      let hidden: Set<Substring> = ofRule.contains { $0.key == "leave" } ? ["to"] : []
      var body = indented(merged(rule.filter { !hidden.contains($0.key) }, ofRule), by: 4)
      body[0] = "  - " + body[0].dropFirst(4)
      result += body
    }
    return result.joined(separator: "\n") + "\n"
  }

  private func merged(_ old: [Entry], _ new: [Entry]) -> [Entry] {
    let keys = Set(new.map(\.key))
    return old.filter { !keys.contains($0.key) } + new
  }

  private func indented(_ entries: [Entry], by count: Int) -> [String] {
    entries.flatMap(\.lines).map { String(repeating: " ", count: count) + $0 }
  }
}
