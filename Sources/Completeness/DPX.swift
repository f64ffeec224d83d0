/// Looks at a DPX file: the header's size of the file, and the room that its pixels need.
///
/// A pixel of zeros is black, so zeros say nothing of what has yet to be written.
///
/// - SeeAlso: SMPTE ST 268-1
func lookAtDPX(_ image: ImageFile) throws(Stop) -> Completeness {
  let header = try image.bytes(at: 0, count: 2048, "part of its header")
  let order: ByteOrder = header[0] == UInt8(ascii: "S") ? .big : .little
  let field = { (start: Int, count: Int) in header.number(start, count, order) }

  let start = field(4, 4)
  guard start != 0 else { return .incomplete("its header does not say yet where the image begins") }
  let claimed = field(16, 4)
  let isClaimed = claimed != 0 && claimed != undefined
  let elements = field(770, 2)
  let (width, height) = (field(772, 4), field(776, 4))
  // A size of nothing, or pixels of no bits, are those of a header that is being written.
  guard elements > 0, width > 0, height > 0, header[803] > 0 else {
    return .incomplete("its header does not tell the image's size yet")
  }
  guard elements <= 8, width != undefined, height != undefined else { return .unjudged }

  var isMeasured = true
  var padded = start
  for i in 0..<Int(elements) {
    let element = Element(header, 780 + 72 * i, order, start)
    guard let room = element.room(width, height) else {
      isMeasured = false
      continue
    }
    guard image.holds(element.offset, room.least) else {
      let there = UInt64(image.size) - min(element.offset, UInt64(image.size))
      let line = there / max(1, room.least / height) + 1
      return .incomplete("line \(min(line, height)) of \(height) lies beyond the end of the file")
    }
    padded = max(padded, element.offset.addingClamped(room.padded))
  }
  // A claim of more than the pixels need is a mistake of the writer, or padding that nobody misses.
  if isMeasured, padded <= image.size { return .whole }
  guard isMeasured || isClaimed else { return .unjudged }
  return isClaimed && claimed > image.size
    ? .incomplete("it has \(image.size) of the \(claimed) bytes that its header names") : .whole
}

private let undefined: UInt64 = 0xffff_ffff

private struct Element {
  let offset: UInt64
  private let descriptor: UInt8
  private let bits: UInt64
  private let packing: UInt64
  private let encoding: UInt64
  private let linePadding: UInt64

  init(_ header: [UInt8], _ at: Int, _ order: ByteOrder, _ start: UInt64) {
    descriptor = header[at + 20]
    bits = UInt64(header[at + 23])
    packing = header.number(at + 24, 2, order)
    encoding = header.number(at + 26, 2, order)
    let own = header.number(at + 28, 4, order)
    offset = own == 0 || own == undefined ? start : own
    let padding = header.number(at + 32, 4, order)
    linePadding = padding == undefined ? 0 : padding
  }

  /// The bytes that the pixels need: packed on without a break, which some writers do, and with each line filled to
  /// a word of 32 bits, as the standard has it. Nil where that is not known.
  func room(_ width: UInt64, _ height: UInt64) -> (least: UInt64, padded: UInt64)? {
    guard encoding == 0, let samplesPerPixel else { return nil }
    let line = width * samplesPerPixel
    let all = line.multipliedClamped(height)
    guard let least = bytes(of: all), let lineBytes = bytes(of: line) else { return nil }
    let paddedLine = (lineBytes + 3) / 4 * 4 + linePadding
    return (least, paddedLine.multipliedClamped(height))
  }

  private func bytes(of samples: UInt64) -> UInt64? {
    // No file holds as many; and the sums below stay in range.
    guard samples < 1 << 56 else { return .max / 16 }
    switch (bits, packing) {
    case (1, _), (8, _), (16, _), (32, _), (64, _), (10, 0), (12, 0):
      return (samples * bits + 7) / 8
    case (10, 1...2): return (samples + 2) / 3 * 4
    case (12, 1...2): return samples * 2
    default: return nil
    }
  }

  private var samplesPerPixel: UInt64? {
    switch descriptor {
    case 1, 2, 3, 4, 6, 7, 8: 1
    case 50: 3
    case 51, 52: 4
    case 100: 2
    case 101, 102: 3
    case 103: 4
    case 150...156: UInt64(descriptor) - 148
    default: nil
    }
  }
}
