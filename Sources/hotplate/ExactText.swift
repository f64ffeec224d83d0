import Foundation
import ReadModel

/// A key of a JSON object by its name.
struct JSONKey: CodingKey, ExpressibleByStringLiteral {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringLiteral value: String) { stringValue = value }
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

extension KeyedEncodingContainer<JSONKey> {
  /// Writes `text` under `key`, null for nil, and where its bytes are not UTF-8 their base64 under `key_bytes`.
  mutating func encode(_ text: ExactText?, forKey key: JSONKey) throws {
    try encode(text?.text, forKey: key)
    if let text, text.exactString == nil {
      try encode(
        Data(text.bytes).base64EncodedString(),
        forKey: JSONKey(stringValue: key.stringValue + "_bytes"))
    }
  }
}
