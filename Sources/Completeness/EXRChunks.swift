/// The chunks of one part of an EXR file.
struct EXRChunks {
  let image: ImageFile
  let part: EXRPart
  /// Of this part, from 0.
  let number: Int
  /// Where its offset table begins.
  let table: Int
  /// Where the first chunk of any part may begin.
  let firstByte: Int
  let isMultipart: Bool
  let partCount: Int
  let everyNth: Int

  /// Where the last chunk in the file ends, and at how many zeros there it counts as not written; 0 for never.
  struct Last: Comparable {
    var end = 0
    var zeros = 0
    static func < (a: Last, b: Last) -> Bool { a.end < b.end }
  }

  /// What stands before the data of a chunk.
  private struct Leader {
    let offset: Int
    let bytes: [UInt8]
    /// Of the data, and in deep parts of the table of sample counts before it.
    var dataSize: UInt64 = 0
    var sampleTableSize: UInt64 = 0
    var unpackedSize: UInt64?
  }

  func check() throws(Stop) -> Last {
    var last = Last()
    var index = 0
    var places = Places(part)
    while index < part.chunkCount {
      let count = min(4096, part.chunkCount - index)
      let entries = try image.bytes(at: table + 8 * index, count: 8 * count, "the table of chunks")
      for i in 0..<count {
        guard let place = places.next() else { throw .verdict(.unjudged) }
        let offset = try self.offset(entries.number(8 * i, 8, .little), index + i)
        guard (index + i) % everyNth == 0 else { continue }
        let leader = try leader(at: offset, index + i, place)
        let end =
          offset + leader.bytes.count + Int(leader.sampleTableSize) + Int(leader.dataSize)
        if end > last.end { last = Last(end: end, zeros: zeros(leader, place)) }
      }
      index += count
    }
    return last
  }

  private func name(_ index: Int) -> String {
    let chunk = "chunk \(index + 1) of \(part.chunkCount)"
    return partCount > 1 ? "\(chunk) in part \(number + 1) of \(partCount)" : chunk
  }

  private func offset(_ entry: UInt64, _ index: Int) throws(Stop) -> Int {
    if entry == 0 { throw .missing("\(name(index)) is not written yet: its offset is 0") }
    guard entry >= firstByte else { throw .missing("\(name(index)) has an offset in the header") }
    guard image.holds(entry, UInt64(leaderSize)) else {
      throw .missing("\(name(index)) lies beyond the end of the file")
    }
    return Int(entry)
  }

  private var isTiled: Bool { if case .tiles = part.layout { true } else { false } }

  private var leaderSize: Int {
    (isMultipart ? 4 : 0) + (isTiled ? 16 : 4) + (part.isDeep ? 24 : 4)
  }

  private func leader(at offset: Int, _ index: Int, _ place: Places.Place) throws(Stop) -> Leader {
    let bytes = try image.bytes(at: offset, count: leaderSize, name(index))
    // The first chunk of a picture may have zeros as its place, none has zeros as its size.
    if bytes.allSatisfy({ $0 == 0 }) { throw .missing("\(name(index)) is zeros") }
    let expected = (isMultipart ? [Int32(number)] : []) + place.coordinates
    for (i, value) in expected.enumerated() {
      guard bytes.number(4 * i, 4, .little) == UInt32(bitPattern: value) else {
        throw .missing("\(name(index)) is not where the table of chunks says")
      }
    }
    var leader = Leader(offset: offset, bytes: bytes)
    let sizes = 4 * expected.count
    if part.isDeep {
      leader.sampleTableSize = bytes.number(sizes, 8, .little)
      leader.dataSize = bytes.number(sizes + 8, 8, .little)
      leader.unpackedSize = bytes.number(sizes + 16, 8, .little)
    } else {
      leader.dataSize = bytes.number(sizes, 4, .little)
    }
    let isEmpty =
      part.isDeep ? leader.sampleTableSize == 0 : leader.dataSize == 0 && place.hasPixels(part)
    if isEmpty { throw .missing("\(name(index)) is not written yet: its size is 0") }
    let after = UInt64(offset + leaderSize)
    guard image.holds(after, leader.sampleTableSize),
      image.holds(after + leader.sampleTableSize, leader.dataSize)
    else { throw .missing("\(name(index)) goes on beyond the end of the file") }
    return leader
  }

  /// How many zeros at the end of a chunk tell that it was not written to its end.
  ///
  /// None where they may be pixels: without compression, and where compression would have made the chunk larger, so
  /// that it was stored as it is. zlib ends with a checksum, RLE knows no run of more than two zeros.
  private func zeros(_ leader: Leader, _ place: Places.Place) -> Int {
    guard leader.dataSize > 0 else { return 0 }
    let unpacked = leader.unpackedSize ?? place.unpackedSize(part.channels)
    guard leader.dataSize < unpacked else { return 0 }
    let wanted: UInt64
    switch part.compression {
    case 1, 2, 3, 5: wanted = 4
    case 4, 8, 9: wanted = 16
    // B44 leaves other channels than half as they are.
    case 6, 7: wanted = part.channels.allSatisfy { $0.isHalf } ? 16 : 0
    default: wanted = 0
    }
    return Int(min(wanted, leader.dataSize))
  }
}
