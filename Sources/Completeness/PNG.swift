let pngSignature: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

/// Looks at a PNG file: from chunk to chunk until IEND, with the checksums of the small ones that matter.
///
/// What stands after IEND is nobody's.
///
/// - SeeAlso: PNG (third edition), "Datastream structure"
func lookAtPNG(_ image: ImageFile) throws(Stop) -> Completeness {
  var position = pngSignature.count
  var number = 0
  var hasPixels = false
  while true {
    number += 1
    let leader = try image.bytes(at: position, count: 8, "chunk \(number)")
    let length = Int(leader.number(0, 4, .big))
    let type = Array(leader[4...])
    if leader.allSatisfy({ $0 == 0 }) { return .incomplete("chunk \(number) is zeros") }
    guard type.allSatisfy(isLetter), length <= Int(Int32.max) else {
      return .incomplete("chunk \(number) does not begin as one")
    }
    let name = String(decoding: type, as: UTF8.self)
    if number == 1, name != "IHDR" { return .unjudged }
    let end = position + 8 + length + 4
    guard end <= image.size else {
      return .incomplete("chunk \(number) (\(name)) goes on beyond the end of the file")
    }
    // A capital says that no reader may do without it.
    if length <= 4096, type[0] & 0x20 == 0 {
      let body = try image.bytes(at: position + 4, count: 4 + length + 4, "chunk \(number)")
      guard crc32(body[..<(4 + length)]) == body.number(4 + length, 4, .big) else {
        return .incomplete("chunk \(number) (\(name)) does not have its checksum")
      }
    }
    if name == "IDAT" { hasPixels = true }
    if name == "IEND" { return hasPixels ? .whole : .incomplete("it has no pixels") }
    position = end
  }
}

private func isLetter(_ byte: UInt8) -> Bool {
  (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
}

private func crc32(_ bytes: ArraySlice<UInt8>) -> UInt64 {
  var value: UInt32 = 0xffff_ffff
  for byte in bytes { value = crcTable[Int((value ^ UInt32(byte)) & 0xff)] ^ value >> 8 }
  return UInt64(~value)
}

private let crcTable: [UInt32] = (0..<256).map { (index: UInt32) in
  (0..<8).reduce(index) { value, _ in value & 1 == 1 ? 0xedb8_8320 ^ value >> 1 : value >> 1 }
}
