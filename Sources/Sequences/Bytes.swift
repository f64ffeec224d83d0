let minus = UInt8(ascii: "-")
let dot = UInt8(ascii: ".")
let underscore = UInt8(ascii: "_")
let space = UInt8(ascii: " ")

/// More digits than this are not a frame: `FrameSet.limits`.
let maxDigits = 18

@inline(__always)
func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

@inline(__always)
func isASCIILetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }

/// Bytes of other alphabets count as letters; names need not be UTF-8.
@inline(__always)
func isLetter(_ byte: UInt8) -> Bool { isASCIILetter(byte) || byte >= 0x80 }

extension Span<UInt8> {
  /// Whether these bytes spell `word`, given in lower case, in any case.
  func equalsIgnoringCase(_ word: StaticString) -> Bool {
    guard count == word.utf8CodeUnitCount else { return false }
    for index in indices where lowercased(self[index]) != word.utf8Start[index] { return false }
    return true
  }

  func equalsIgnoringCase(anyOf words: [StaticString]) -> Bool {
    for word in words where equalsIgnoringCase(word) { return true }
    return false
  }
}

@inline(__always)
private func lowercased(_ byte: UInt8) -> UInt8 {
  byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
}
