import Files
import Foundation
import Paths
import TestSupport
import Testing

@testable import Completeness

@Suite("a look at what is no picture, or wants to do harm")
struct HostileTests {
  @Test(
    "a file that is named as a picture and is empty, or zeros from its first bytes on, is incomplete",
    arguments: ["a.exr", "a.dpx", "a.png", "a.jpg", "a.JPEG", "a.tif", "1001.TiFF", ".exr"])
  func named(_ name: String) async throws {
    try await inTemporaryFolder { folder in
      let sample = try Sample(in: folder, FileName(name), [])
      #expect(try sample.look() == .incomplete("it is empty"))
      try sample.descriptor.truncate(to: 1)
      #expect(try sample.look() == .incomplete("it starts with zeros"))
      try sample.descriptor.truncate(to: 1 << 40)
      #expect(try sample.look() == .incomplete("it starts with zeros"))
      try sample.write([0x76, 0x2f], at: 0)
      #expect(try sample.look() == .incomplete("only its first 2 bytes are there"))
    }
  }

  @Test("of what is not named as a picture and does not begin as one, nothing is said")
  func others() async throws {
    try await inTemporaryFolder { folder in
      for (name, content) in [
        ("a.mov", ""), ("exr", ""), ("a.exr.md5", ""), ("a.mov", "\0\0\0\0"), ("a.exr", "hello"),
        ("a.png", "II"), ("notes", "MM"), ("a.txt", "BM"), ("\u{ff}", "\0"),
      ] {
        let sample = try Sample(in: folder, FileName(name), Array(content.utf8))
        let expected: Completeness =
          content == "II" ? .incomplete("only its first 2 bytes are there") : .unjudged
        #expect(try sample.look() == expected, "\(name)")
      }
    }
  }

  @Test("no damage crashes a look or makes it long, and none makes the library talk")
  func damaged() async throws {
    // A crash, or a word on standard error, is that of a process of its own.
    let child = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      // A fixed seed, as a crash could not tell another.
      let chosen = ProcessInfo.processInfo.environment["HOTPLATE_TEST_SEED"].flatMap { UInt64($0) }
      var random = SeededNumbers(seed: chosen ?? 3)
      let folder = try TemporaryFolder()
      for picture in try Picture.all.get() {
        let sample = try Sample(in: folder, picture.file, picture.content)
        for _ in 0..<150 { try damage(picture, sample, &random) }
      }
      try folder.remove()
    }
    #expect(child.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } == "")
  }

  @Test("directories of a TIFF that point at each other end")
  func circles() async throws {
    try await inTemporaryFolder { folder in
      let field = le(UInt16(330)) + le(UInt16(4)) + le(UInt32(1)) + le(UInt32(8))
      let sample = try Sample(
        in: folder, "a.tif",
        Array("II".utf8) + le(UInt16(42)) + le(UInt32(8)) + le(UInt16(1)) + field + le(UInt32(8)))
      #expect(try sample.look() == .whole)
    }
  }

  @Test("a TIFF with more directories than anyone writes is not judged, after few reads")
  func directories() async throws {
    try await inTemporaryFolder { folder in
      var bytes = Array("II".utf8) + le(UInt16(42)) + le(UInt32(8))
      for _ in 0..<100_000 {
        bytes += le(UInt16(1)) + le(UInt16(256)) + le(UInt16(3)) + le(UInt32(1)) + le(UInt32(1))
        bytes += le(UInt32(bytes.count + 4))
      }
      let sample = try Sample(in: folder, "a.tif", bytes)
      let image = ImageFile(sample.descriptor, size: bytes.count)
      #expect(try look(at: image, named: "a.tif") == .unjudged)
      #expect(image.reads < 3000)
    }
  }

  @Test("a PNG of a million chunks is not judged once it has taken the reads of a look")
  func chunks() async throws {
    try await inTemporaryFolder { folder in
      let content = try Picture.all.get().first { $0.file == "small.png" }!.content
      let chunk = le(UInt32(0)) + Array("abCd".utf8) + le(UInt32(0))
      var bytes = Array(content[..<33])
      bytes.reserveCapacity(13_000_000)
      for _ in 0..<1_000_000 { bytes += chunk }
      let sample = try Sample(in: folder, "a.png", bytes)
      let image = ImageFile(sample.descriptor, size: bytes.count)
      #expect(try look(at: image, named: "a.png") == .unjudged)
      #expect(image.reads <= ImageFile.mostReads)
    }
  }

  @Test("a file that became shorter than its status said is incomplete")
  func shrunk() async throws {
    try await inTemporaryFolder { folder in
      for picture in try Picture.all.get() {
        let sample = try Sample(in: folder, picture.file, picture.content)
        try sample.descriptor.truncate(to: picture.content.count / 2)
        let look = try completeness(
          of: sample.descriptor, named: picture.file, size: picture.content.count)
        #expect(look.isIncomplete, "\(picture.file)")
      }
    }
  }

  @Test("what cannot be read throws")
  func unreadable() async throws {
    try await inTemporaryFolder { folder in
      let directory = try Descriptor.directory(at: folder.path)
      #expect(throws: SystemError.self) {
        try completeness(of: directory, named: "a.exr", size: 100)
      }
    }
  }
}

/// Changes some bytes of a sample, mostly in its header, looks, and puts them back.
private func damage(_ picture: Picture, _ sample: Sample, _ random: inout SeededNumbers) throws {
  let size = picture.content.count
  var places: [Int] = []
  for _ in 0..<Int.random(in: 1...6, using: &random) {
    let end = Bool.random(using: &random) ? min(size, 600) : size
    let place = Int.random(in: 0..<end, using: &random)
    let value: UInt8 = [0, 1, 0x7f, 0x80, 0xff, .random(in: 0...255, using: &random)]
      .randomElement(using: &random)!
    let count = min([1, 1, 2, 4, 8].randomElement(using: &random)!, size - place)
    try sample.write([UInt8](repeating: value, count: count), at: place)
    places += place..<(place + count)
  }
  let image = ImageFile(sample.descriptor, size: size)
  _ = try look(at: image, named: picture.file)
  precondition(image.bytesRead < 4_000_000 && image.reads < 50_000, "\(picture.file): \(places)")
  for place in places { try sample.write([picture.content[place]], at: place) }
}
