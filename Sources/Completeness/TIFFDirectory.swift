/// One image file directory: what it says of an image's place in the file.
struct TIFFDirectory {
  /// The directories that it points to: the next, and those below it.
  private(set) var further: [UInt64] = []
  let fieldCount: Int
  private let tiff: TIFF
  private var fields: [UInt64: TIFFField] = [:]

  init(_ tiff: TIFF, at offset: UInt64) throws(Stop) {
    self.tiff = tiff
    let (image, order, word) = (tiff.image, tiff.order, tiff.word)
    let countBytes = word == 4 ? 2 : 8
    let entryBytes = word == 4 ? 12 : 20
    guard image.holds(offset, UInt64(countBytes)) else {
      throw .missing("a directory lies beyond the end of the file")
    }
    let start = Int(offset)
    let count = try image.bytes(at: start, count: countBytes, "a directory")
      .number(0, countBytes, order)
    if count == 0 { throw .missing("a directory is zeros") }
    guard count <= 65_535 else { throw .verdict(.unjudged) }
    fieldCount = Int(count)
    let entries = start + countBytes
    let body = try image.bytes(at: entries, count: Int(count) * entryBytes + word, "a directory")

    for i in 0..<Int(count) {
      let at = i * entryBytes
      let tag = body.number(at, 2, order)
      let type = body.number(at + 2, 2, order)
      let values = body.number(at + 4, word, order)
      if tag == 0, type == 0, values == 0 { throw .missing("a directory is zeros from some point") }
      // A reader skips what it does not know.
      guard let size = TIFF.size(ofType: type) else { continue }
      let bytes = values.multipliedClamped(size)
      let place = at + 4 + word
      let offset =
        bytes <= word ? UInt64(entries + place) : body.number(place, word, order)
      guard image.holds(offset, bytes) else {
        throw .missing("the value of tag \(tag) lies beyond the end of the file")
      }
      fields[tag] = TIFFField(tag: tag, type: type, count: values, offset: offset)
    }

    let next = body.number(Int(count) * entryBytes, word, order)
    if next != 0 { further.append(next) }
    for tag in [subDirectories, exif, gps] {
      guard let field = fields[tag] else { continue }
      for value in try numbers(field, from: 0, count: min(field.count, 1024)) where value != 0 {
        further.append(value)
      }
    }
  }

  /// Checks that each strip or tile lies in the file, and that compressed data does not end in zeros.
  func checkBlocks() throws(Stop) {
    for (offsets, sizes, name) in [(273, 279, "strip"), (324, 325, "tile")] as [Blocks] {
      guard let offsets = fields[offsets] else { continue }
      try check(offsets, fields[sizes], name)
    }
  }

  private typealias Blocks = (offsets: UInt64, sizes: UInt64, name: String)

  private func check(_ offsets: TIFFField, _ sizes: TIFFField?, _ name: String) throws(Stop) {
    let image = tiff.image
    var last: (offset: UInt64, size: UInt64) = (0, 0)
    var first: UInt64 = 0
    while first < offsets.count {
      let count = min(4096, offsets.count - first)
      let places = try numbers(offsets, from: first, count: count)
      // Old writers leave the sizes out where there is one strip.
      let lengths =
        if let sizes, sizes.count >= first + count {
          try numbers(sizes, from: first, count: count)
        } else { [UInt64](repeating: 0, count: places.count) }
      for (i, (offset, size)) in zip(places, lengths).enumerated() {
        let which = "\(name) \(first + UInt64(i) + 1) of \(offsets.count)"
        if offset == 0 { throw .missing("\(which) is not written yet: its offset is 0") }
        if size == 0, sizes != nil { throw .missing("\(which) is not written yet: its size is 0") }
        guard image.holds(offset, max(1, size)) else {
          throw .missing("\(which) lies beyond the end of the file")
        }
        if offset + size > last.offset + last.size { last = (offset, size) }
      }
      first += count
    }
    let window = Int(min(16, last.size))
    let end = Int(last.offset + last.size)
    if window > 0, try isCompressed(), try image.isZero(window, endingAt: end) {
      throw .missing("the last \(name) ends in zeros")
    }
  }

  /// Whether its data is of a kind that cannot end in zeros: LZW, JPEG, Deflate, LZMA, Zstandard, WebP.
  private func isCompressed() throws(Stop) -> Bool {
    guard let field = fields[259], let value = try numbers(field, from: 0, count: 1).first else {
      return false
    }
    return [5, 7, 8, 32_946, 34_925, 50_000, 50_001].contains(value)
  }

  /// Some values of a field of whole numbers; none for another type.
  private func numbers(_ field: TIFFField, from first: UInt64, count: UInt64) throws(Stop)
    -> [UInt64]
  {
    guard [1, 3, 4, 13, 16, 18].contains(field.type), first + count <= field.count else {
      return []
    }
    let width = Int(field.width)
    let bytes = try tiff.image.bytes(
      at: Int(field.offset + first * field.width), count: Int(count) * width, "a list of places")
    return (0..<Int(count)).map { bytes.number($0 * width, width, tiff.order) }
  }
}

private let subDirectories: UInt64 = 330
private let exif: UInt64 = 34_665
private let gps: UInt64 = 34_853
