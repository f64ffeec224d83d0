/// Looks at an EXR file: its header, the offset table of each part, the leader of each chunk, the end of the last one.
///
/// The library reads the header only. Of the tables it has no more to tell than the file itself, and it misplaces the
/// tiles of a ripmap.
///
/// - SeeAlso: openexr.com, "OpenEXR File Layout"
func lookAtEXR(_ image: ImageFile) throws(Stop) -> Completeness {
  let header = try EXRAttributes(image)
  guard let parts = try exrParts(of: image) else {
    // A header that ends in zeros reads as one that lacks something.
    let rest = try image.available(at: header.end, count: 64)
    return !rest.isEmpty && rest.allSatisfy { $0 == 0 }
      ? .incomplete("its header ends in zeros") : .unjudged
  }
  // Where the library does not know a compression, it tells of another one.
  guard header.compressions.allSatisfy({ known in parts.contains { $0.compression == known } })
  else { return .unjudged }
  let chunkCount = parts.reduce(0) { $0 + $1.chunkCount }
  guard image.holds(UInt64(header.end), UInt64(chunkCount) * 8) else {
    return .incomplete("its table of \(chunkCount) chunks goes on beyond the end of the file")
  }

  var last = EXRChunks.Last()
  var table = header.end
  for (index, part) in parts.enumerated() {
    let chunks = EXRChunks(
      image: image, part: part, number: index, table: table,
      firstByte: header.end + 8 * chunkCount, isMultipart: header.isMultipart,
      partCount: parts.count, everyNth: 1 + chunkCount / mostLeaders)
    last = max(last, try chunks.check())
    table += 8 * part.chunkCount
  }
  if last.zeros > 0, try image.isZero(last.zeros, endingAt: last.end) {
    return .incomplete("the last chunk ends in zeros")
  }
  return .whole
}

/// Of more chunks than that, only every nth is visited, besides its entry in the table.
private let mostLeaders = 100_000

/// What the library does not tell of the header of an EXR file: above all, where it ends.
private struct EXRAttributes {
  let isMultipart: Bool
  /// As they are written in each part.
  private(set) var compressions: [UInt32] = []
  /// The first byte of the first offset table.
  let end: Int

  init(_ image: ImageFile) throws(Stop) {
    let version = try image.bytes(at: 4, count: 4, "part of its header").number(0, 4, .little)
    isMultipart = version & 0x1000 != 0
    var stream = ByteStream(image, at: 8)
    var attributes = 0
    repeat {
      attributes = 0
      while true {
        let name = try Self.name(&stream)
        if name.isEmpty { break }
        attributes += 1
        _ = try Self.name(&stream)
        var size: UInt64 = 0
        for i in 0..<4 { size |= UInt64(try Self.byte(&stream)) << UInt64(8 * i) }
        guard size <= Int32.max else { throw .verdict(.unjudged) }
        guard image.holds(UInt64(stream.position), size) else { throw Self.tooShort }
        if name == Array("compression".utf8), size == 1 {
          compressions.append(UInt32(try Self.byte(&stream)))
        } else {
          stream.skip(Int(size))
        }
      }
      // An empty header ends those of a multi-part file.
    } while isMultipart && attributes > 0
    end = stream.position
  }

  private static let tooShort = Stop.missing("its header goes on beyond the end of the file")

  private static func byte(_ stream: inout ByteStream) throws(Stop) -> UInt8 {
    guard let byte = try stream.next() else { throw tooShort }
    return byte
  }

  /// A name of an attribute or a type, without the zero at its end.
  private static func name(_ stream: inout ByteStream) throws(Stop) -> [UInt8] {
    var name: [UInt8] = []
    while true {
      let byte = try byte(&stream)
      if byte == 0 { return name }
      name.append(byte)
      if name.count > 255 { throw .verdict(.unjudged) }
    }
  }
}
