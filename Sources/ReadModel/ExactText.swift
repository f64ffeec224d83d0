import FoundationEssentials

/// The bytes of a name or path as JSON carries them: a string to read, and the exact bytes where a string cannot hold them.
///
/// Written under `KEY` as the text; where the bytes are not UTF-8, `KEY` holds U+FFFD for each bad byte and the sibling
/// `KEY_bytes` the base64 of the exact bytes. See `encode(_:forKey:)` of `MemberContainer`.
public struct ExactText: Hashable, Sendable, ExpressibleByStringLiteral {
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }
  public init(_ text: String) { bytes = Array(text.utf8) }
  public init(stringLiteral value: String) { self.init(value) }

  /// The text if the bytes are UTF-8, else nil.
  public var exactString: String? { String(validating: bytes, as: UTF8.self) }

  /// The text, with U+FFFD for each byte that is not part of valid UTF-8.
  ///
  /// `String(decoding:as:)` repairs a truncated character of three bytes to one mark; here each byte keeps its own, so
  /// that names of different length stay different in length.
  public var text: String {
    if let exactString { return exactString }
    var result = ""
    var rest = bytes[...]
    while let first = rest.first {
      let length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
      if let character = String(validating: rest.prefix(length), as: UTF8.self) {
        result += character
        rest = rest.dropFirst(length)
      } else {
        result += "\u{FFFD}"
        rest = rest.dropFirst()
      }
    }
    return result
  }

  var base64: String { Data(bytes).base64EncodedString() }

  init(base64: String, codingPath: [any CodingKey]) throws(DecodingError) {
    guard let data = Data(base64Encoded: base64) else {
      throw .dataCorrupted(.init(codingPath: codingPath, debugDescription: "not base64"))
    }
    self.init(Array(data))
  }
}
