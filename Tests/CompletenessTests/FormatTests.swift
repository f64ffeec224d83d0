import Paths
import TestSupport
import Testing

@testable import Completeness

@Suite("what a look finds in each format, and what it lets pass")
struct FormatTests {
  @Test("a JPEG may be followed by zeros, by a maker's notes or by a video")
  func afterJPEG() async throws {
    let picture = try picture("baseline.jpg")
    for more in [
      [UInt8](repeating: 0, count: 100_000), [UInt8](repeating: 0, count: 7), Array("SEFT".utf8),
      FrameFactory.content(seed: 1, bytes: 2_500_000),
    ] {
      #expect(try await look(picture + more, "a.jpg") == .whole)
      let cut = try await look(picture.dropLast(2) + more.filter { $0 == 0 }, "a.jpg")
      #expect(cut == .incomplete("it has no end-of-image marker"))
    }
  }

  @Test("the end of a JPEG's preview is not taken for its own")
  func preview() async throws {
    let picture = try picture("baseline.jpg")
    let preview = Array("Exif\0\0".utf8) + picture
    let segment: [UInt8] = [0xff, 0xe1] + be(UInt16(preview.count + 2)) + preview
    let whole = picture[..<2] + segment + picture[2...]
    #expect(try await look(Array(whole), "a.jpg") == .whole)
    #expect(
      try await look(Array(whole[..<(2 + segment.count)]), "a.jpg")
        == .incomplete("segment 2 lies beyond the end of the file"))
    let cut = try await look(Array(whole.dropLast(100)), "a.jpg")
    #expect(cut == .incomplete("it has no end-of-image marker"))
  }

  @Test("a JPEG of several pictures is incomplete without the last, unless its index is an old one")
  func pictures() async throws {
    let picture = try picture("small.jpg")
    let indexSize = 4 + 8 + 2 + 12 + 4 + 32
    let first = picture.count + 4 + indexSize
    let index = { (size: Int) -> [UInt8] in
      let row1 = be(UInt32(0)) + be(UInt32(size)) + be(UInt32(0)) + be(UInt32(0))
      let row2 = be(UInt32(0)) + be(UInt32(picture.count)) + be(UInt32(first - 10)) + be(UInt32(0))
      let field = be(UInt16(0xb002)) + be(UInt16(7)) + be(UInt32(32)) + be(UInt32(26))
      let directory = be(UInt16(1)) + field + be(UInt32(0))
      let body = Array("MPF\0MM\0\u{2a}".utf8) + be(UInt32(8)) + directory + row1 + row2
      return [0xff, 0xe2] + be(UInt16(body.count + 2)) + body
    }
    #expect(index(first).count == 4 + indexSize)
    let one = picture[..<2] + index(first) + picture[2...]
    #expect(try await look(one + picture, "a.jpg") == .whole)
    #expect(
      try await look(Array(one), "a.jpg")
        == .incomplete("picture 2 of 2 lies beyond the end of the file"))
    let edited = picture[..<2] + index(first - 3) + picture[2...]
    #expect(try await look(Array(edited), "a.jpg") == .whole)
  }

  @Test("a DPX whose pixels are all there is whole, whatever size its header claims")
  func claims() async throws {
    var dpx = try picture("10 bit.dpx")
    for claim in [UInt32(0), 1, .max, 2_000_000_000, UInt32(dpx.count) + 1] {
      dpx.replaceSubrange(16..<20, with: be(claim))
      #expect(try await look(dpx, "a.dpx") == .whole)
      #expect(try await look(dpx.dropLast(), "a.dpx").isIncomplete)
    }
    #expect(
      try await look(Array(dpx[..<(dpx.count / 2)]), "a.dpx")
        == .incomplete("line 11 of 50 lies beyond the end of the file"))
  }

  @Test("of a DPX in runs, only the header tells the size")
  func runs() async throws {
    var dpx = try picture("10 bit.dpx")
    let short = Array(dpx[..<5000])
    dpx.replaceSubrange(806..<808, with: be(UInt16(1)))
    #expect(try await look(dpx, "a.dpx") == .whole)
    #expect(try await look(Array(dpx[..<5000]), "a.dpx").isIncomplete)
    dpx.replaceSubrange(16..<20, with: be(UInt32.max))
    #expect(try await look(dpx, "a.dpx") == .unjudged)
    #expect(try await look(short, "a.dpx").isIncomplete)
  }

  @Test("a PNG may be followed by anything, and must have its small chunks as they were")
  func png() async throws {
    let png = try picture("small.png")
    #expect(try await look(png + [1, 2, 3], "a.png") == .whole)
    var damaged = png
    damaged[20] ^= 1
    #expect(
      try await look(damaged, "a.png") == .incomplete("chunk 1 (IHDR) does not have its checksum"))
    let noPixels = png[..<33] + png[(png.count - 12)...]
    #expect(try await look(Array(noPixels), "a.png") == .incomplete("it has no pixels"))
  }

  @Test("a TIFF whose strips have no place yet is incomplete")
  func strips() async throws {
    let tiff = try picture("lzw.tif")
    let start = Int(tiff.number(4, 4, .little))
    for i in 0..<Int(tiff.number(start, 2, .little)) {
      let entry = start + 2 + 12 * i
      let tag = tiff.number(entry, 2, .little)
      guard [273, 279].contains(tag) else { continue }
      #expect(tiff.number(entry + 4, 4, .little) == 2)
      var changed = tiff
      let list = Int(tiff.number(entry + 8, 4, .little))
      let width = tiff.number(entry + 2, 2, .little) == 3 ? 2 : 4
      for byte in 0..<width { changed[(width == 2 ? entry + 8 : list) + width + byte] = 0 }
      let what = tag == 273 ? "offset" : "size"
      #expect(
        try await look(changed, "a.tif")
          == .incomplete("strip 2 of 2 is not written yet: its \(what) is 0"))
    }
  }
}

private func picture(_ name: FileName) throws -> [UInt8] {
  try Picture.all.get().first { $0.file == name }!.content
}

private func look(_ content: [UInt8], _ name: FileName) async throws -> Completeness {
  try await inTemporaryFolder { try Sample(in: $0, name, content).look() }
}

private func be(_ number: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: number.bigEndian) { Array($0) }
}
