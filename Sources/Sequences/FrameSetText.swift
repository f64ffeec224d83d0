extension FrameSet: LosslessStringConvertible {
  /// `1001-1003,1005`: ranges, ascending, without spaces; `-5--2` from minus 5 to minus 2. Empty for no frames.
  public var description: String {
    ranges.map {
      $0.lowerBound == $0.upperBound ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
    }.joined(separator: ",")
  }

  /// Reads what `description` writes, and also ranges in any order, overlapping, with leading zeros, or with spaces
  /// around the commas.
  ///
  /// - Returns: nil if anything else stands there, a range runs backwards, or a number has more than 18 digits. The
  ///   empty text is no frames.
  public init?(_ text: String) {
    self.init()
    let text = Array(text.utf8)
    if text.isEmpty { return }
    var read: [ClosedRange<Int>] = []
    for part in text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      guard let range = parseRange(part.trimmingSpaces) else { return nil }
      read.append(range)
    }
    read.sort { $0.lowerBound < $1.lowerBound }
    for range in read { insert(range) }
  }
}

extension FrameSet: Codable {
  /// As its text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let frames = FrameSet(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "not a list of frames: \(text)")
    }
    self = frames
  }
}

private func parseRange(_ text: ArraySlice<UInt8>) -> ClosedRange<Int>? {
  var rest = text
  guard let first = takeNumber(&rest) else { return nil }
  if rest.isEmpty { return first...first }
  guard rest.popFirst() == minus, let last = takeNumber(&rest), rest.isEmpty, first <= last
  else { return nil }
  return first...last
}

private func takeNumber(_ text: inout ArraySlice<UInt8>) -> Int? {
  let isNegative = text.first == minus
  if isNegative { text.removeFirst() }
  let digits = text.prefix(while: isDigit)
  text = text.dropFirst(digits.count)
  guard (1...maxDigits).contains(digits.count) else { return nil }
  let magnitude = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  return isNegative ? -magnitude : magnitude
}

extension ArraySlice<UInt8> {
  fileprivate var trimmingSpaces: ArraySlice<UInt8> {
    var rest = self
    while rest.first == UInt8(ascii: " ") { rest.removeFirst() }
    while rest.last == UInt8(ascii: " ") { rest.removeLast() }
    return rest
  }
}
