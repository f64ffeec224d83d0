import Glibc
import Paths
import TestSupport
import Testing

@testable import Completeness

@Suite("a look at EXR files that are rarely met")
struct EXRTests {
  @Test("a ripmap is whole, and incomplete without its last tile")
  func ripmap() async throws {
    try await inTemporaryFolder { folder in
      let sample = try Sample(in: folder, "ripmap.exr", [])
      var places: [(coordinates: [Int32], bytes: Int)] = []
      for y in 0...6 {
        for x in 0...6 {
          let (width, height) = (64 >> x, 64 >> y)
          for row in 0..<(height + 15) / 16 {
            for column in 0..<(width + 15) / 16 {
              let bytes = 2 * min(16, width) * min(16, height)
              places.append(([Int32(column), Int32(row), Int32(x), Int32(y)], bytes))
            }
          }
        }
      }
      try HandmadeEXR(tiles: (16, 2)).write(places, to: sample)
      #expect(try sample.look() == .whole)
      let size = try sample.descriptor.status().snapshot.size
      try sample.descriptor.truncate(to: size - 1)
      let last = "chunk \(places.count) of \(places.count)"
      #expect(try sample.look() == .incomplete("\(last) goes on beyond the end of the file"))
      try sample.descriptor.truncate(to: size - 3)
      #expect(try sample.look() == .incomplete("\(last) lies beyond the end of the file"))
    }
  }

  @Test("a compression that the library does not know is not judged")
  func unknownCompression() async throws {
    try await inTemporaryFolder { folder in
      for compression in [UInt8(10), 11, 200] {
        let sample = try Sample(in: folder, "new.exr", HandmadeEXR(compression: compression).header)
        #expect(try sample.look() == .unjudged)
      }
    }
  }

  @Test("of a picture of 2,160 uncompressed lines, the leaders are read and not the pixels")
  func frugal() async throws {
    try await inTemporaryFolder { folder in
      let sample = try Sample(in: folder, "big.exr", [])
      let places = (0..<2160).map { (coordinates: [Int32($0)], bytes: 8192) }
      try HandmadeEXR(width: 4096, height: 2160).write(places, to: sample)
      let image = ImageFile(sample.descriptor, size: try sample.descriptor.status().snapshot.size)
      #expect(try look(at: image, named: "x.exr") == .whole)
      #expect(image.size > 17_000_000)
      #expect(image.bytesRead < 50_000)
      #expect(image.reads < 2200)
    }
  }

  @Test("a table of 2^30 chunks is neither read nor given memory when the file has no room for it")
  func manyChunks() async throws {
    try await inTemporaryFolder { folder in
      let exr = HandmadeEXR(width: 1, height: (1 << 30) - 1)
      let sample = try Sample(in: folder, "huge.exr", exr.header)
      #expect(
        try sample.look()
          == .incomplete("its table of 1073741823 chunks goes on beyond the end of the file"))
      // A hole costs nothing, and looks like room.
      try sample.descriptor.truncate(to: 1 << 40)
      let image = ImageFile(sample.descriptor, size: 1 << 40)
      #expect(try look(at: image, named: "x.exr").isIncomplete)
      #expect(image.bytesRead < 100_000)
    }
  }

  @Test("more chunks than can be visited are sampled, and their whole table is read")
  func sampled() async throws {
    try await inTemporaryFolder { folder in
      let sample = try Sample(in: folder, "long.exr", [])
      let count: Int32 = 150_000
      let exr = HandmadeEXR(width: 1, height: count)
      let first = exr.header.count + 8 * Int(count)
      var bytes = exr.header
      for line in 0..<Int(count) { bytes += le(UInt64(first + 10 * line)) }
      for line in 0..<count { bytes += le(line) + le(Int32(2)) + [0, 60] }
      try sample.write(bytes, at: 0)
      let image = ImageFile(sample.descriptor, size: bytes.count)
      #expect(try look(at: image, named: "x.exr") == .whole)
      #expect(image.reads < 100_000)
      try sample.write(le(UInt64(0)), at: exr.header.count + 8 * 77_777)
      #expect(
        try sample.look()
          == .incomplete("chunk 77778 of 150000 is not written yet: its offset is 0"))
    }
  }

  @Test("a picture that is rewritten in place becomes whole when its table is")
  func rewritten() async throws {
    try await inTemporaryFolder { folder in
      let exr = HandmadeEXR(height: 3)
      let sample = try Sample(in: folder, "frame.exr", [])
      try exr.write((0..<3).map { ([Int32($0)], 128) }, to: sample)
      try sample.write([UInt8](repeating: 0, count: 24), at: exr.header.count)
      #expect(
        try sample.look() == .incomplete("chunk 1 of 3 is not written yet: its offset is 0"))
      try exr.write((0..<3).map { ([Int32($0)], 128) }, to: sample)
      #expect(try sample.look() == .whole)
    }
  }
}
