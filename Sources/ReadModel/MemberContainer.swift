/// A key of a JSON object by its name, for objects whose keys depend on their values (`path` and `path_bytes`).
struct MemberKey: CodingKey, ExpressibleByStringLiteral {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringLiteral value: String) { stringValue = value }
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }

  var forBytes: MemberKey { MemberKey(stringValue: stringValue + "_bytes") }
}

typealias MemberEncoder = KeyedEncodingContainer<MemberKey>
typealias MemberDecoder = KeyedDecodingContainer<MemberKey>

extension KeyedEncodingContainer<MemberKey> {
  /// Writes the text under `key` (null for nil) and, only where it cannot hold the bytes, base64 under `key_bytes`.
  mutating func encode(_ text: ExactText?, forKey key: MemberKey) throws {
    try encode(text?.text, forKey: key)
    if let text, text.exactString == nil { try encode(text.base64, forKey: key.forBytes) }
  }
}

extension KeyedDecodingContainer<MemberKey> {
  /// The exact bytes: from `key_bytes` where it is there, else from the string.
  func decodeTextIfPresent(_ key: MemberKey) throws -> ExactText? {
    if let base64 = try decodeIfPresent(String.self, forKey: key.forBytes) {
      return try ExactText(base64: base64, codingPath: codingPath + [key.forBytes])
    }
    return try decodeIfPresent(String.self, forKey: key).map { ExactText($0) }
  }

  func decodeText(_ key: MemberKey) throws -> ExactText {
    guard let text = try decodeTextIfPresent(key) else {
      throw DecodingError.valueNotFound(
        String.self, .init(codingPath: codingPath + [key], debugDescription: "null"))
    }
    return text
  }
}
