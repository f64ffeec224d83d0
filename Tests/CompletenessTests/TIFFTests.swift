import Paths
import TestSupport
import Testing

@testable import Completeness

/// A TIFF of two strips of LZW data, put together by hand in the spellings that oiiotool does not write.
struct HandmadeTIFF: Sendable, CustomStringConvertible {
  var order: ByteOrder
  var isBig: Bool
  /// Whether the directory stands before the strips, or after them as most programs have it.
  var isDirectoryFirst: Bool

  static let all = [ByteOrder.little, .big].flatMap { order in
    [false, true].flatMap { isBig in
      [false, true].map { HandmadeTIFF(order: order, isBig: isBig, isDirectoryFirst: $0) }
    }
  }

  var description: String {
    "\(isBig ? "BigTIFF" : "TIFF"), \(order), directory \(isDirectoryFirst ? "first" : "last")"
  }

  private var word: Int { isBig ? 8 : 4 }
  private static let strip = [UInt8](repeating: 0x80, count: 100)

  var content: [UInt8] {
    let header = isBig ? 16 : 8
    let fields: [(tag: Int, values: [Int])] = [
      (256, [10]), (257, [10]), (258, [8]), (259, [5]), (273, []), (278, [5]), (279, [100, 100]),
    ]
    let directorySize = (isBig ? 8 : 2) + fields.count * (isBig ? 20 : 12) + word
    let lists = 4 * word
    let directory = header + (isDirectoryFirst ? 0 : 200)
    let firstStrip = header + (isDirectoryFirst ? directorySize + lists : 0)
    var list = directory + directorySize

    var bytes = number(fields.count, isBig ? 8 : 2)
    var values: [UInt8] = []
    for field in fields {
      let own = field.tag == 273 ? [firstStrip, firstStrip + 100] : field.values
      bytes += number(field.tag, 2) + number(isBig ? 16 : 4, 2) + number(own.count, word)
      if own.count == 1 {
        bytes += number(own[0], word)
      } else {
        bytes += number(list, word)
        values += own.flatMap { number($0, word) }
        list += own.count * word
      }
    }
    bytes += number(0, word) + values
    let strips = Self.strip + Self.strip
    let start = Array((order == .little ? "II" : "MM").utf8) + number(isBig ? 43 : 42, 2)
    let sizes = isBig ? number(8, 2) + number(0, 2) : []
    return start + sizes + number(directory, word)
      + (isDirectoryFirst ? bytes + strips : strips + bytes)
  }

  private func number(_ value: Int, _ width: Int) -> [UInt8] {
    let little = (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    return order == .little ? little : little.reversed()
  }
}

@Suite("a look at TIFF files in every spelling")
struct TIFFTests {
  @Test(
    "either order of bytes, either size of offsets: whole, cut, and zeros from some point on",
    arguments: HandmadeTIFF.all)
  func spellings(_ tiff: HandmadeTIFF) async throws {
    let content = tiff.content
    try await inTemporaryFolder { folder in
      let sample = try Sample(in: folder, "a.tif", content)
      #expect(try sample.look() == .whole)
      for length in (0..<content.count).reversed() {
        try sample.descriptor.truncate(to: length)
        #expect(try sample.look().isIncomplete, "cut to \(length)")
      }
      for start in (0..<(content.count - 16)).reversed() {
        try sample.write(
          content[..<start] + [UInt8](repeating: 0, count: content.count - start), at: 0)
        #expect(try sample.look().isIncomplete, "zeros from \(start) on")
      }
    }
  }

  @Test("the sentence names the strip that is not there")
  func sentences() async throws {
    let content = HandmadeTIFF(order: .big, isBig: true, isDirectoryFirst: true).content
    try await inTemporaryFolder { folder in
      let sample = try Sample(in: folder, "a.tif", content)
      try sample.write([UInt8](repeating: 0, count: 20), at: content.count - 20)
      #expect(try sample.look() == .incomplete("the last strip ends in zeros"))
      try sample.descriptor.truncate(to: content.count - 20)
      #expect(try sample.look() == .incomplete("strip 2 of 2 lies beyond the end of the file"))
    }
  }
}
