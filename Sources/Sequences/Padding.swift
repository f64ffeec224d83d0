/// Which padding each of the numbers belongs to that share one head and tail.
///
/// A number with a leading zero is as wide as its padding. Any other belongs to the widest such padding that could have
/// written it: `9999` and `10000` go with `0001`. What none could have written is unpadded, or as wide as its narrowest:
/// `8 9 10` is padding 1, `998 999 1000` is 3. So `1 01 001 002` are three sequences, and within each of them every
/// number is exactly what its padding writes.
struct PaddingClasses {
  /// Bit n: a number n bytes wide was seen.
  private var padded: UInt32 = 0
  private var plain: UInt32 = 0

  @inline(__always)
  mutating func note(_ number: FrameNumber) {
    note(width: number.width, isPadded: number.isPadded)
  }

  @inline(__always)
  mutating func note(width: Int, isPadded: Bool) {
    if isPadded { padded |= 1 << UInt32(width) } else { plain |= 1 << UInt32(width) }
  }

  /// Bit n: some number belongs to padding n.
  var paddings: UInt32 {
    let narrowest = plain.trailingZeroBitCount
    let isUnwritten = plain != 0 && padded & mask(upTo: narrowest) == 0
    return isUnwritten ? padded | 1 << UInt32(narrowest) : padded
  }

  func padding(of number: FrameNumber) -> Int {
    padding(width: number.width, isPadded: number.isPadded)
  }

  func padding(width: Int, isPadded: Bool) -> Int {
    if isPadded { return width }
    let writers = padded & mask(upTo: width)
    return writers == 0 ? plain.trailingZeroBitCount : 31 - writers.leadingZeroBitCount
  }

  /// How many of `paddings` are narrower than the one this number belongs to.
  @inline(__always)
  func rank(width: UInt8, isPadded: Bool) -> Int {
    let all = paddings
    if all & (all - 1) == 0 { return 0 }
    let padding = padding(width: Int(width), isPadded: isPadded)
    return (all & ((1 << UInt32(padding)) - 1)).nonzeroBitCount
  }

  private func mask(upTo width: Int) -> UInt32 { (1 << UInt32(width + 1)) - 1 }
}

/// Numbers of one padding.
public struct PaddingPart: Hashable, Sendable {
  public let padding: Int
  /// Indices of what was given, ascending by frame; of equal ones the first given comes first.
  public let members: [Int]
}

/// Sorts the numbers that share one head and tail into sequences by padding, the narrowest first.
///
/// Within a part each number is exactly what the part's padding writes (`PaddingClasses` says how), so a number given
/// twice is the same name given twice.
public func partitionByPadding(_ numbers: [FrameNumber]) -> [PaddingPart] {
  var classes = PaddingClasses()
  for number in numbers { classes.note(number) }
  var parts: [Int: [Int]] = [:]
  for (index, number) in numbers.enumerated() {
    parts[classes.padding(of: number), default: []].append(index)
  }
  return parts.sorted { $0.key < $1.key }.map { padding, members in
    PaddingPart(
      padding: padding,
      members: members.sorted { (numbers[$0].value, $0) < (numbers[$1].value, $1) })
  }
}
