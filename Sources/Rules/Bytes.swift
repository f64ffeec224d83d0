/// ASCII bytes that rules speak of.
enum ASCII {
  static let slash = UInt8(ascii: "/")
  static let dot = UInt8(ascii: ".")
  static let minus = UInt8(ascii: "-")
  static let underscore = UInt8(ascii: "_")
  static let zero = UInt8(ascii: "0")
  static let backslash = UInt8(ascii: "\\")
}

extension UInt8 {
  var isDigit: Bool { self >= 0x30 && self <= 0x39 }
  var isLetter: Bool { (self | 0x20) >= 0x61 && (self | 0x20) <= 0x7a }
  /// ASCII capitals become small; all other bytes stay.
  var lowercased: UInt8 { self >= 0x41 && self <= 0x5a ? self | 0x20 : self }
  var uppercased: UInt8 { self >= 0x61 && self <= 0x7a ? self & 0xdf : self }
}

extension Collection where Element == UInt8 {
  /// Case folded, so that two spellings which rules take as equal have one form. Bytes that are not UTF-8 fold as
  /// ASCII.
  var folded: [UInt8] {
    if allSatisfy({ $0 < 0x80 }) { return map(\.lowercased) }
    guard let text = String(validating: self, as: UTF8.self) else { return map(\.lowercased) }
    return Array(text.lowercased().utf8)
  }

  /// As text where the bytes are UTF-8; U+FFFD for each that is not.
  var text: String { String(decoding: self, as: UTF8.self) }
}

extension UnsafeBufferPointer<UInt8> {
  var encoding: Expression.Encoding {
    if let base = baseAddress {
      let raw = UnsafeRawPointer(base)
      var index = 0
      while index + 8 <= count {
        let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        if word & 0x8080_8080_8080_8080 != 0 { break }
        index += 8
      }
      while index < count, self[index] < 0x80 { index += 1 }
      if index == count { return .ascii }
    }
    return String(validating: self, as: UTF8.self) == nil ? .bytes : .utf8
  }
}
