/// A JSON Schema (draft 2020-12) of a rule file, for editors. Made of the same words as the reader's.
public let ruleFileSchema: String = {
  let head: [(String, JSONText)] = [
    ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
    ("title", .string("Hotplate rule file")),
    ("description", .string("Which arrivals Hotplate takes, and where they go.")),
  ]
  return JSONText.object(head + schema(of: Vocabulary.file)).text(indent: 0) + "\n"
}()

/// Just enough of JSON to write a schema whose keys keep their order.
private indirect enum JSONText {
  case string(String)
  case flag(Bool)
  case number(Int)
  case list([JSONText])
  case object([(String, JSONText)])

  func text(indent: Int) -> String {
    let inner = String(repeating: " ", count: indent + 2)
    let outer = String(repeating: " ", count: indent)
    switch self {
    case .string(let text): return quoted(text)
    case .flag(let flag): return "\(flag)"
    case .number(let number): return "\(number)"
    case .list(let items):
      return "[\(items.map { $0.text(indent: indent) }.joined(separator: ", "))]"
    case .object(let pairs):
      if pairs.isEmpty { return "{}" }
      let lines = pairs.map { "\(inner)\(quoted($0)): \($1.text(indent: indent + 2))" }
      return "{\n\(lines.joined(separator: ",\n"))\n\(outer)}"
    }
  }

  /// The vocabulary holds no control characters.
  private func quoted(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }
}

private func schema(of keys: Vocabulary.Keys) -> [(String, JSONText)] {
  var pairs: [(String, JSONText)] = [
    ("type", .string("object")),
    ("additionalProperties", .flag(false)),
    (
      "properties",
      .object(
        keys.keys.map { key in
          (key.name, .object([("description", .string(key.about))] + schema(of: key.shape)))
        })
    ),
  ]
  let required = keys.keys.filter(\.isRequired).map { JSONText.string($0.name) }
  if !required.isEmpty { pairs.append(("required", .list(required))) }
  return pairs
}

/// Every scalar of a rule file is text; what an editor takes for a number or a truth value is text too.
private let scalar: [(String, JSONText)] = [
  ("type", .list([.string("string"), .string("number"), .string("boolean")]))
]

private func list(of items: [(String, JSONText)]) -> [(String, JSONText)] {
  [("type", .string("array")), ("minItems", .number(1)), ("items", .object(items))]
}

private func either(_ choices: [(String, JSONText)]...) -> [(String, JSONText)] {
  [("anyOf", .list(choices.map(JSONText.object)))]
}

private func schema(of shape: Vocabulary.Shape) -> [(String, JSONText)] {
  switch shape {
  case .text: return scalar
  case .texts: return either(scalar, list(of: scalar))
  case .word(let words): return [("enum", .list(words.flatMap(spellings)))]
  case .words(let words):
    let word: [(String, JSONText)] = [("enum", .list(words.flatMap(spellings)))]
    return either(word, list(of: word))
  case .map(let keys): return schema(of: keys)
  case .maps(let keys):
    return [("type", .string("array")), ("items", .object(schema(of: keys)))]
  case .tokens:
    let aliases: [(String, JSONText)] = [
      ("type", .string("object")),
      (
        "additionalProperties",
        .object(either(scalar, [("type", .string("array")), ("items", .object(scalar))]))
      ),
    ]
    return [
      ("type", .string("object")),
      ("additionalProperties", .object(either(scalar, list(of: scalar), aliases))),
    ]
  }
}

/// As an editor reads the word: `1` is a number to it, `yes` and `no` are text in YAML 1.2 and truth values in 1.1.
private func spellings(_ word: String) -> [JSONText] {
  if let number = Int(word) { return [.string(word), .number(number)] }
  if word == "true" || word == "false" { return [.string(word), .flag(word == "true")] }
  return [.string(word)]
}
