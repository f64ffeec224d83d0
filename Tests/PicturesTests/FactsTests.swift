import Files
import Foundation
import ReadModel
import TestSupport
import Testing

@testable import Pictures

/// What headers say.
@Suite struct FactsTests {
  private func facts(_ path: String, _ studio: Studio) async throws -> PictureFacts {
    let pictures = try studio.pictures()
    let view = try #require(await pictures.pictures(of: doneJob(path)).pictures.first)
    #expect(view.path.text == path)
    #expect(view.url == "/api/v1/jobs/0199-a/pictures/first")
    return try #require(view.facts)
  }

  @Test func `the header of an EXR is told as people say it`() async throws {
    try await inStudio { studio in
      let path = try studio.make(
        "a.exr",
        gray(0.5, "96x54") + ["--ch", "R,G,B,A=1,Z=1", "--fullsize", "128x72+0+0"]
          + ["--compression", "piz", "--attrib:type=timecode", "smpte:TimeCode", "01:02:03:04"]
          + ["--attrib:type=rational", "FramesPerSecond", "24000/1001"])
      let wanted = PictureFacts(
        format: "OpenEXR", width: 128, height: 72, channels: ["R", "G", "B", "A", "Z"],
        compression: "piz", frameRate: 24000.0 / 1001, timeCode: "01:02:03:04")
      #expect(try await facts(path, studio) == wanted)
      // OpenImageIO writes that name with a capital; the standard attribute has none.
      var bytes = Array(try Data(contentsOf: URL(filePath: path)))
      let name = try #require(bytes.firstRange(of: Array("FramesPerSecond\0rational".utf8)))
      bytes[name.lowerBound] = UInt8(ascii: "f")
      try FrameFactory.overwrite(bytes, in: path)
      #expect(try await facts(path, studio) == wanted)
    }
  }

  @Test func `channels of several parts bear the name of theirs`() async throws {
    try await inStudio { studio in
      let path = try studio.make(
        "a.exr",
        gray(0.5) + ["--attrib", "oiio:subimagename", "beauty"]
          + ["--create", "64x36", "1", "--chnames", "Z"]
          + ["--attrib", "oiio:subimagename", "depth", "--siappend"])
      let facts = try await facts(path, studio)
      #expect(facts.channels == ["beauty.R", "beauty.G", "beauty.B", "depth.Z"])
      #expect(facts.frameRate == nil)
      #expect(facts.timeCode == nil)
    }
  }

  @Test func `of other formats the name alone is told`() async throws {
    try await inStudio { studio in
      #expect(try await facts(try studio.make("a.dpx"), studio) == PictureFacts(format: "DPX"))
      // The first bytes say what it is, not the name.
      let png = try studio.make("b.png")
      try FileManager.default.moveItem(atPath: png, toPath: "\(studio.frames)/b.exr")
      let facts = try await facts("\(studio.frames)/b.exr", studio)
      #expect(facts == PictureFacts(format: "PNG"))
    }
  }

  @Test func `a time code is read as SMPTE packs it`() {
    #expect(timeCode(0x0102_0304) == "01:02:03:04")
    #expect(timeCode(0x2359_5929) == "23:59:59:29")
    // Drop-frame is bit 6; the other flags say nothing of the time.
    #expect(timeCode(0x0102_0344) == "01:02:03;04")
    #expect(timeCode(0xc1_82_83_84) == "01:02:03:04")
    for nonsense: UInt32 in [0x0a00_0000, 0x2500_0000, 0x0061_0000, 0x0000_6100, 0x0000_000a] {
      #expect(timeCode(nonsense) == nil)
    }
  }

  @Test func `no header, however it was damaged, does more than give other facts`() async throws {
    try await inStudio { studio in
      let path = try studio.make(
        "a.exr", gray(0.5) + ["--ch", "R,G,B,A=1,Z=1", "--compression", "zip"])
      let whole = Array(try Data(contentsOf: URL(filePath: path)))
      var numbers = SeededNumbers()
      for _ in 0..<2000 {
        var bytes = whole
        for _ in 0..<Int.random(in: 1...4, using: &numbers) {
          bytes[Int.random(in: 4..<400, using: &numbers)] = UInt8.random(
            in: 0...255, using: &numbers)
        }
        try FrameFactory.overwrite(bytes, in: path)
        let file = try Descriptor.frame(at: Array(path.utf8))
        let header = try EXRHeader(file, size: bytes.count)
        #expect(header?.facts.channels?.count ?? 0 <= 1000, "seed \(numbers.seed)")
      }
    }
  }
}
