public import Paths

/// Where in a file name the number stands that tells the members of a sequence apart.
public struct Slot: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, Codable {
    /// Time: frames may be missing, and may be renumbered.
    case frame
    /// A texture's tile (1001 + u + 10 v): no order in time, no gaps, never renumbered.
    case udim
  }

  public let kind: Kind
  /// Bytes of the file name, a sign included.
  public let range: Range<Int>

  /// The slot at a run of digits; a minus before it is taken in where it is a sign.
  ///
  /// A minus is a sign after `.` or `_` only: in `sh-1001` it separates. Before a zero it is none either, for no
  /// padding writes `-0`.
  ///
  /// - Parameter digits: bytes of `name`.
  /// - Returns: nil if other bytes than digits stand there, or more than 18.
  public init?(_ kind: Kind = .frame, digits: Range<Int>, in name: FileName) {
    guard digits.lowerBound >= 0, digits.upperBound <= name.bytes.count,
      FrameNumber(name.bytes[digits]) != nil, isDigit(name.bytes[digits.lowerBound])
    else { return nil }
    self.kind = kind
    range = kind == .frame ? signed(digits, in: name.bytes.span) : digits
  }

  init(_ kind: Kind, range: Range<Int>) {
    self.kind = kind
    self.range = range
  }

  /// The number that stands here in `name`.
  ///
  /// - Precondition: this slot was found in `name`.
  public func number(in name: FileName) -> FrameNumber {
    FrameNumber(name.bytes.span, at: range)
  }

  /// The bytes before the number; with `tail`, what the members of a sequence share.
  public func head(in name: FileName) -> ArraySlice<UInt8> { name.bytes[..<range.lowerBound] }
  /// The bytes after the number.
  public func tail(in name: FileName) -> ArraySlice<UInt8> { name.bytes[range.upperBound...] }
}

/// `digits` with the minus before them where that is a sign.
@inline(__always)
func signed(_ digits: Range<Int>, in name: Span<UInt8>) -> Range<Int> {
  let start = digits.lowerBound
  guard start >= 2, name[start - 1] == minus,
    name[start - 2] == dot || name[start - 2] == underscore
  else { return digits }
  for index in digits where name[index] != UInt8(ascii: "0") {
    return start - 1..<digits.upperBound
  }
  return digits
}
