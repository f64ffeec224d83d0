import Foundation
import Testing

@testable import Rules

@Suite("The schema of a rule file")
struct SchemaTests {
  private let schema: [String: Any]

  init() throws {
    schema = try #require(
      try JSONSerialization.jsonObject(with: Data(ruleFileSchema.utf8)) as? [String: Any])
  }

  private func compare(_ keys: Vocabulary.Keys, _ schema: [String: Any]) throws {
    let properties = try #require(schema["properties"] as? [String: [String: Any]])
    #expect(properties.keys.sorted() == keys.known.sorted())
    #expect(schema["additionalProperties"] as? Bool == false)
    for key in keys.keys {
      let property = try #require(properties[key.name])
      #expect(property["description"] as? String == key.about)
      #expect(key.about.hasSuffix("."))
      switch key.shape {
      case .map(let inner): try compare(inner, property)
      case .maps(let inner): try compare(inner, try #require(property["items"] as? [String: Any]))
      case .word(let words):
        let known = try #require(property["enum"] as? [Any])
        #expect(words.allSatisfy { word in known.contains { $0 as? String == word } })
      case .text, .texts, .words, .tokens: break
      }
    }
  }

  @Test("it knows every key that the reader knows, and no other")
  func keys() throws {
    #expect(schema["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
    try compare(Vocabulary.file, schema)
  }

  @Test("every key of the language stands in the vocabulary once")
  func once() {
    for keys in [Vocabulary.file, .init(Vocabulary.rule.keys), Vocabulary.ready, Vocabulary.when] {
      #expect(Set(keys.known).count == keys.known.count)
    }
    #expect(Vocabulary.defaults.known.count == Vocabulary.rule.known.count - 2)
  }
}
