extension FrameSet {
  /// The gaps between the first frame and the last.
  public var missing: FrameSet {
    FrameSet(
      ranges: zip(ranges, ranges.dropFirst()).map { $0.upperBound + 1...$1.lowerBound - 1 })
  }

  public func union(_ other: FrameSet) -> FrameSet {
    // Joined from the start of both lists, so that two long lists cost their sum.
    var result: [ClosedRange<Int>] = []
    var mine = ranges[...]
    var theirs = other.ranges[...]
    while let next = takeLower(&mine, &theirs) {
      if let last = result.last, next.lowerBound <= last.upperBound + 1 {
        result[result.count - 1] = last.lowerBound...Swift.max(last.upperBound, next.upperBound)
      } else {
        result.append(next)
      }
    }
    return FrameSet(ranges: result)
  }

  public func subtracting(_ other: FrameSet) -> FrameSet {
    var result: [ClosedRange<Int>] = []
    var cuts = other.ranges[...]
    for range in ranges {
      var start = range.lowerBound
      while let cut = cuts.first, cut.upperBound < start { cuts.removeFirst() }
      for cut in cuts {
        if cut.lowerBound > range.upperBound { break }
        if cut.lowerBound > start { result.append(start...cut.lowerBound - 1) }
        start = cut.upperBound + 1
      }
      if start <= range.upperBound { result.append(start...range.upperBound) }
    }
    return FrameSet(ranges: result)
  }

  public func intersection(_ other: FrameSet) -> FrameSet {
    subtracting(subtracting(other))
  }

  public func isSuperset(of other: FrameSet) -> Bool {
    other.subtracting(self).isEmpty
  }

  /// Every frame moved by `distance`, gaps kept; nil if one would leave `limits`.
  public func shifted(by distance: Int) -> FrameSet? {
    var result: [ClosedRange<Int>] = []
    result.reserveCapacity(ranges.count)
    for range in ranges {
      let (low, lowOverflow) = range.lowerBound.addingReportingOverflow(distance)
      let (high, highOverflow) = range.upperBound.addingReportingOverflow(distance)
      guard !lowOverflow, !highOverflow, Self.limits.contains(low), Self.limits.contains(high)
      else { return nil }
      result.append(low...high)
    }
    return FrameSet(ranges: result)
  }
}

private func takeLower(
  _ a: inout ArraySlice<ClosedRange<Int>>, _ b: inout ArraySlice<ClosedRange<Int>>
) -> ClosedRange<Int>? {
  guard let first = a.first else { return b.popFirst() }
  guard let second = b.first else { return a.popFirst() }
  return first.lowerBound <= second.lowerBound ? a.popFirst() : b.popFirst()
}
