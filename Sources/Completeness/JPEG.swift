import Glibc

/// Looks at a JPEG file: its segments up to the first scan, then the end-of-image marker.
///
/// The marker is looked for at the end of the file, before the zeros with which cameras fill it up. Where other things
/// stand there (a video, a maker's notes), the scans are read through: a marker cannot occur within them by chance.
/// The images that a Multi-Picture index names must lie in the file.
///
/// - SeeAlso: ITU-T T.81, B.1; CIPA DC-007
func lookAtJPEG(_ image: ImageFile) throws(Stop) -> Completeness {
  var position = 2
  var number = 0
  while true {
    number += 1
    let segment = "segment \(number)"
    var marker = try image.bytes(at: position, count: 2, segment)
    // Any number of fill bytes may stand before a marker.
    while marker == [0xff, 0xff] {
      position += 1
      marker = try image.bytes(at: position, count: 2, segment)
    }
    if marker == [0, 0] { return .incomplete("\(segment) is zeros") }
    guard marker[0] == 0xff else { return .incomplete("\(segment) does not begin as one") }
    position += 2
    if marker[1] == endOfImage { return .unjudged }
    if marker[1] == 0x01 || (0xd0...0xd7).contains(marker[1]) { continue }

    let length = Int(try image.bytes(at: position, count: 2, segment).number(0, 2, .big))
    guard length >= 2 else { return .incomplete("\(segment) is shorter than its own length") }
    guard position + length <= image.size else {
      return .incomplete("\(segment) goes on beyond the end of the file")
    }
    if marker[1] == 0xe2 { try checkPictures(image, at: position + 2, count: length - 2) }
    position += length
    if marker[1] == startOfScan { break }
  }
  if try endsWithMarker(image, after: position) { return .whole }
  return try hasEnd(image, from: position) ? .whole : .incomplete("it has no end-of-image marker")
}

private let endOfImage: UInt8 = 0xd9
private let startOfScan: UInt8 = 0xda

private func endsWithMarker(_ image: ImageFile, after start: Int) throws(Stop) -> Bool {
  let count = min(64 << 10, image.size - start)
  let tail = try image.available(at: image.size - count, count: count)
  guard let last = tail.lastIndex(where: { $0 != 0 }), last > 0 else { return false }
  return tail[last] == endOfImage && tail[last - 1] == 0xff
}

/// Whether the scans that begin before `start` come to an end-of-image marker.
private func hasEnd(_ image: ImageFile, from start: Int) throws(Stop) -> Bool {
  let chunk = 1 << 20
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 16)
  defer { buffer.deallocate() }
  var position = start
  while position < image.size - 1 {
    let wanted = min(chunk, image.size - position)
    let count = try image.read(into: .init(rebasing: buffer[..<wanted]), at: position)
    guard count > 1 else { return false }
    var next = buffer.baseAddress!
    let end = next + count
    while let found = memchr(next, 0xff, end - next), found + 1 < end {
      if (found + 1).load(as: UInt8.self) == endOfImage { return true }
      next = UnsafeMutableRawPointer(found + 1)
    }
    // The last byte again: a marker may lie across the border.
    position += count - 1
  }
  return false
}

/// Checks that the images of a Multi-Picture index (an APP2 segment) lie in the file.
private func checkPictures(_ image: ImageFile, at start: Int, count: Int) throws(Stop) {
  let body = try image.bytes(at: start, count: count, "the index of pictures")
  guard body.starts(with: Array("MPF\0".utf8)), body.count >= 4 + 8 else { return }
  let base = 4
  let order: ByteOrder = body[base] == UInt8(ascii: "M") ? .big : .little
  let directory = base + Int(body.number(base + 4, 4, order))
  guard directory + 2 <= body.count else { return }
  let entries = Int(body.number(directory, 2, order))
  for i in 0..<entries {
    let entry = directory + 2 + 12 * i
    guard entry + 12 <= body.count else { return }
    guard body.number(entry, 2, order) == 0xb002 else { continue }
    let pictures = Int(body.number(entry + 4, 4, order)) / 16
    let table = base + Int(body.number(entry + 8, 4, order))
    for picture in 0..<pictures {
      let row = table + 16 * picture
      guard row + 16 <= body.count else { return }
      let size = body.number(row + 4, 4, order)
      if picture == 0 {
        // An editor that keeps the index and drops the pictures leaves one that does not fit the first.
        guard try image.available(at: Int(size) - 2, count: 2) == [0xff, endOfImage] else { return }
        continue
      }
      // Counted from the index's byte order.
      let at = UInt64(start + base) + body.number(row + 8, 4, order)
      guard image.holds(at, size) else {
        throw .missing("picture \(picture + 1) of \(pictures) lies beyond the end of the file")
      }
    }
  }
}
