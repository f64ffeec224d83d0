/// The places in the picture of a part's chunks, in the order of its offset table.
struct Places {
  /// The pixels of one chunk.
  struct Place {
    /// As the leader has them: the first line, or a tile's column, row and level.
    let coordinates: [Int32]
    let x: ClosedRange<Int>
    let y: ClosedRange<Int>

    /// Not so for a line that subsampling leaves out.
    func hasPixels(_ part: EXRPart) -> Bool { unpackedSize(part.channels) > 0 }

    /// The bytes of its pixels before compression.
    func unpackedSize(_ channels: [EXRPart.Channel]) -> UInt64 {
      channels.reduce(0) {
        $0.addingClamped(
          UInt64($1.bytes * samples(x, every: $1.xSampling))
            .multipliedClamped(UInt64(samples(y, every: $1.ySampling))))
      }
    }
  }

  private let layout: EXRPart.Layout
  private var level = 0
  private var index = 0

  init(_ part: EXRPart) { layout = part.layout }

  mutating func next() -> Place? {
    switch layout {
    case .scanlines(let window, let perChunk):
      let first = window.y.lowerBound + index * perChunk
      guard first <= window.y.upperBound else { return nil }
      index += 1
      return Place(
        coordinates: [Int32(truncatingIfNeeded: first)], x: window.x,
        y: first...min(first + perChunk - 1, window.y.upperBound))
    case .tiles(let levels):
      while level < levels.count, index >= levels[level].tileCount {
        level += 1
        index = 0
      }
      guard level < levels.count else { return nil }
      let size = levels[level]
      let (column, row) = (index % size.columns, index / size.columns)
      index += 1
      let (x, y) = (column * size.tileWidth, row * size.tileHeight)
      return Place(
        coordinates: [
          Int32(truncatingIfNeeded: column), Int32(truncatingIfNeeded: row), size.x, size.y,
        ],
        x: x...(min(x + size.tileWidth, size.width) - 1),
        y: y...(min(y + size.tileHeight, size.height) - 1))
    }
  }
}

/// How many numbers of a range are multiples of `step`.
private func samples(_ range: ClosedRange<Int>, every step: Int) -> Int {
  if step == 1 { return range.count }
  let floor = { (value: Int) in value >= 0 ? value / step : -((-value + step - 1) / step) }
  return floor(range.upperBound) - floor(range.lowerBound - 1)
}
