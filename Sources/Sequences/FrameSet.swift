/// Frame numbers as ranges, ascending: a million contiguous frames are one range.
///
/// Numbers lie within `limits`, so counting and comparing never overflow.
public struct FrameSet: Hashable, Sendable {
  /// At most 18 digits: what no 64-bit sum of two frames leaves.
  public static let limits = -999_999_999_999_999_999...999_999_999_999_999_999

  /// Ascending; none empty, no two touching.
  public private(set) var ranges: [ClosedRange<Int>]

  public init() { ranges = [] }

  public init(_ range: ClosedRange<Int>) {
    self.init()
    insert(range)
  }

  /// In any order, repeated or not.
  public init(_ frames: some Sequence<Int>) {
    self.init(sorted: frames.sorted())
  }

  /// - Precondition: ascending and within `limits`; repeats are allowed.
  init(sorted frames: some Sequence<Int>) {
    ranges = []
    for frame in frames {
      if let last = ranges.last, frame <= last.upperBound + 1 {
        ranges[ranges.count - 1] = last.lowerBound...Swift.max(frame, last.upperBound)
      } else {
        precondition(Self.limits.contains(frame), "frame number beyond FrameSet.limits")
        ranges.append(frame...frame)
      }
    }
    precondition(ranges.last.map { Self.limits.contains($0.upperBound) } ?? true)
  }

  /// In any order, perhaps repeated; the buffer's contents are lost.
  init(sorting frames: UnsafeMutableBufferPointer<Int>) {
    guard let low = frames.min(), let high = frames.max() else {
      self.init()
      return
    }
    if high - low < frames.count * 16 {
      self.init(dense: frames, from: low, to: high)
    } else {
      var frames = frames
      frames.sort()
      self.init(sorted: frames)
    }
  }

  /// One bit a frame: several times as fast as sorting, where the frames lie close together.
  private init(dense frames: UnsafeMutableBufferPointer<Int>, from low: Int, to high: Int) {
    let words = (high - low) / 64 + 1
    ranges = withUnsafeTemporaryAllocation(of: UInt64.self, capacity: words) { bits in
      bits.initialize(repeating: 0)
      for frame in frames { bits[(frame - low) / 64] |= 1 << UInt64((frame - low) % 64) }
      var ranges: [ClosedRange<Int>] = []
      for word in 0..<words {
        var rest = bits[word]
        while rest != 0 {
          let start = rest.trailingZeroBitCount
          let length = (~(rest >> UInt64(start))).trailingZeroBitCount
          let first = low + word * 64 + start
          let last = first + length - 1
          if let before = ranges.last, before.upperBound + 1 == first {
            ranges[ranges.count - 1] = before.lowerBound...last
          } else {
            ranges.append(first...last)
          }
          rest = start + length >= 64 ? 0 : rest & (.max << UInt64(start + length))
        }
      }
      return ranges
    }
  }

  /// - Precondition: as the property promises.
  init(ranges: [ClosedRange<Int>]) { self.ranges = ranges }

  public var isEmpty: Bool { ranges.isEmpty }
  public var first: Int? { ranges.first?.lowerBound }
  public var last: Int? { ranges.last?.upperBound }
  public var count: Int { ranges.reduce(0) { $0 + $1.count } }

  public func contains(_ frame: Int) -> Bool {
    let index = firstRange(endingAtOrAfter: frame)
    return index < ranges.count && ranges[index].lowerBound <= frame
  }

  public mutating func insert(_ frame: Int) { insert(frame...frame) }

  /// - Precondition: within `limits`.
  public mutating func insert(_ range: ClosedRange<Int>) {
    precondition(
      range.lowerBound >= Self.limits.lowerBound && range.upperBound <= Self.limits.upperBound,
      "frame number beyond FrameSet.limits")
    let start = firstRange(endingAtOrAfter: range.lowerBound - 1)
    var end = start
    var merged = range
    while end < ranges.count, ranges[end].lowerBound <= range.upperBound + 1 {
      merged =
        Swift.min(
          merged.lowerBound, ranges[end].lowerBound)...Swift.max(
          merged.upperBound, ranges[end].upperBound)
      end += 1
    }
    ranges.replaceSubrange(start..<end, with: CollectionOfOne(merged))
  }

  public mutating func remove(_ frame: Int) { remove(frame...frame) }

  public mutating func remove(_ range: ClosedRange<Int>) {
    let start = firstRange(endingAtOrAfter: range.lowerBound)
    var end = start
    var left: [ClosedRange<Int>] = []
    while end < ranges.count, ranges[end].lowerBound <= range.upperBound {
      let old = ranges[end]
      if old.lowerBound < range.lowerBound { left.append(old.lowerBound...range.lowerBound - 1) }
      if old.upperBound > range.upperBound { left.append(range.upperBound + 1...old.upperBound) }
      end += 1
    }
    ranges.replaceSubrange(start..<end, with: left)
  }

  /// The index of the first range whose end is not before `frame`.
  private func firstRange(endingAtOrAfter frame: Int) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < frame { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension FrameSet: Sequence {
  /// Ascending.
  public func makeIterator() -> FlattenSequence<[ClosedRange<Int>]>.Iterator {
    ranges.joined().makeIterator()
  }
  public var underestimatedCount: Int { count }
}

extension FrameSet: ExpressibleByArrayLiteral {
  public init(arrayLiteral elements: Int...) { self.init(elements) }
}
