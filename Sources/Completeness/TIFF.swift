/// Looks at a TIFF or BigTIFF file: its directories, the values that they point to, and their strips and tiles.
///
/// The last strip of compressed data must not end in zeros; that of uncompressed data may be black.
///
/// - SeeAlso: TIFF 6.0, sections 2, 3, 14 and 15; BigTIFF of libtiff
func lookAtTIFF(_ image: ImageFile) throws(Stop) -> Completeness {
  let start = try image.bytes(at: 0, count: 8, "part of its header")
  let order: ByteOrder = start[0] == UInt8(ascii: "M") ? .big : .little
  let isBig = start.number(2, 2, order) == 43
  let tiff = TIFF(image: image, order: order, word: isBig ? 8 : 4)
  let first =
    isBig
    ? try image.bytes(at: 8, count: 8, "part of its header").number(0, 8, order)
    : start.number(4, 4, order)
  if first == 0 { return .incomplete("its header does not say yet where the first directory is") }

  var waiting = [first]
  var seen: Set<UInt64> = []
  var fields = 0
  while let next = waiting.popLast() {
    guard seen.insert(next).inserted else { continue }
    let directory = try TIFFDirectory(tiff, at: next)
    fields += directory.fieldCount
    guard seen.count < 1024, fields < 100_000 else { return .unjudged }
    waiting += directory.further
    try directory.checkBlocks()
  }
  return .whole
}

/// How the numbers of a file are written.
struct TIFF {
  let image: ImageFile
  let order: ByteOrder
  /// The bytes of an offset: 4, or 8 in BigTIFF.
  let word: Int

  /// Bytes per value of a field type; nil for one that is not known.
  static func size(ofType type: UInt64) -> UInt64? {
    switch type {
    case 1, 2, 6, 7: 1
    case 3, 8: 2
    case 4, 9, 11, 13: 4
    case 5, 10, 12, 16, 17, 18: 8
    default: nil
    }
  }
}

/// The values of one field: numbers in the directory, or elsewhere in the file.
struct TIFFField {
  let tag: UInt64
  let type: UInt64
  let count: UInt64
  /// Where the values begin.
  let offset: UInt64

  var width: UInt64 { TIFF.size(ofType: type) ?? 1 }
}
