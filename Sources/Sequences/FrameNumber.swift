/// A number as a name writes it: its value, and how wide it stands there.
public struct FrameNumber: Hashable, Sendable {
  public let value: Int
  /// Bytes, a minus included.
  public let width: Int
  /// Whether it starts with a zero that its value does not need: then its width is its padding. Otherwise any padding
  /// up to `width` writes it so.
  public let isPadded: Bool

  /// Reads digits with at most a minus before them.
  ///
  /// - Returns: nil for anything else, for more than 18 digits, and for a minus zero: no padding writes that.
  public init?(_ text: some Collection<UInt8>) {
    let isNegative = text.first == minus
    let digits = isNegative ? text.dropFirst() : text[...]
    guard (1...maxDigits).contains(digits.count) else { return nil }
    var magnitude = 0
    for byte in digits {
      guard isDigit(byte) else { return nil }
      magnitude = magnitude * 10 + Int(byte - UInt8(ascii: "0"))
    }
    if isNegative && magnitude == 0 { return nil }
    value = isNegative ? -magnitude : magnitude
    width = text.count
    isPadded = digits.count > 1 && digits.first == UInt8(ascii: "0")
  }

  /// Reads the bytes of `name` at `range`, known to be a number by `signed(_:in:)`.
  init(_ name: Span<UInt8>, at range: Range<Int>) {
    let isNegative = name[range.lowerBound] == minus
    let first = isNegative ? range.lowerBound + 1 : range.lowerBound
    var magnitude = 0
    for index in first..<range.upperBound {
      magnitude = magnitude &* 10 &+ Int(name[index] &- UInt8(ascii: "0"))
    }
    value = isNegative ? -magnitude : magnitude
    width = range.count
    isPadded = range.upperBound - first > 1 && name[first] == UInt8(ascii: "0")
  }
}

/// Appends `frame` as `%0*d` of printf(3) writes it: the minus counts towards the width.
func appendNumber(_ frame: Int, padding: Int, to bytes: inout [UInt8]) {
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
    var magnitude = frame.magnitude
    var start = digits.count
    repeat {
      start -= 1
      let (rest, digit) = magnitude.quotientAndRemainder(dividingBy: 10)
      digits[start] = UInt8(ascii: "0") + UInt8(digit)
      magnitude = rest
    } while magnitude > 0
    if frame < 0 { bytes.append(minus) }
    let width = digits.count - start + (frame < 0 ? 1 : 0)
    if padding > width {
      bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: padding - width))
    }
    bytes.append(contentsOf: digits[start...])
  }
}
