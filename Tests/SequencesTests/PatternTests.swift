import Foundation
import Paths
import TestSupport
import Testing

@testable import Sequences

@Suite("Patterns and padding")
struct PatternTests {
  private func pattern(_ padding: Int, _ kind: Slot.Kind = .frame) -> SequencePattern {
    SequencePattern(head: "50%_a.".utf8, padding: padding, tail: ".exr".utf8, kind: kind)
  }

  @Test("a pattern is written as fileseq and printf read it")
  func texts() {
    #expect(pattern(4).pattern == "50%_a.#.exr")
    #expect(pattern(1).pattern == "50%_a.@.exr")
    #expect(pattern(6).pattern == "50%_a.@@@@@@.exr")
    #expect(pattern(4, .udim).pattern == "50%_a.<UDIM>.exr")
    #expect(pattern(4).printf == "50%%_a.%04d.exr")
    #expect(pattern(1).printf == "50%%_a.%d.exr")
    #expect(pattern(12).printf == "50%%_a.%012d.exr")
    let percents = SequencePattern(head: "".utf8, padding: 4, tail: "%%d".utf8)
    #expect(percents.printf == "%04d%%%%d")
  }

  @Test("frames are written as the C library's printf writes them")
  func sameAsPrintf() {
    var random = SeededNumbers(seed: seed)
    let limits = FrameSet.limits
    for frame in [0, -1, 9, 10, -10, limits.lowerBound, limits.upperBound]
      + (0..<2_000).map({ _ in Int.random(in: -20_000...20_000, using: &random) })
    {
      let padding = Int.random(in: 1...21, using: &random)
      var bytes: [UInt8] = []
      appendNumber(frame, padding: padding, to: &bytes)
      #expect(
        String(decoding: bytes, as: UTF8.self) == String(format: "%0\(padding)ld", frame),
        "seed \(seed)")
    }
  }

  @Test("a name belongs to a pattern only if the pattern would write exactly it")
  func frameOfName() {
    #expect(pattern(4).frame(of: "50%_a.0007.exr") == 7)
    #expect(pattern(4).frame(of: "50%_a.-007.exr") == -7)
    #expect(pattern(4).frame(of: "50%_a.10000.exr") == 10000)
    #expect(pattern(4).frame(of: "50%_a.007.exr") == nil)
    #expect(pattern(4).frame(of: "50%_a.00007.exr") == nil)
    #expect(pattern(4).frame(of: "50%_a.-000.exr") == nil)
    #expect(pattern(4).frame(of: "50%_a..exr") == nil)
    #expect(pattern(4).frame(of: "50%_a.exr") == nil)
    #expect(pattern(4).frame(of: "50%_b.0007.exr") == nil)
    #expect(pattern(4).frame(of: "50%_a.0007.exr~") == nil)
  }

  @Test("numbers are parted by the padding that writes them, each part ascending")
  func partition() throws {
    let numbers = try ["0002", "1", "01", "10000", "0001", "-001", "9", "1"].map {
      try #require(FrameNumber($0.utf8))
    }
    #expect(
      partitionByPadding(numbers) == [
        PaddingPart(padding: 1, members: [1, 7, 6]),
        PaddingPart(padding: 2, members: [2]),
        PaddingPart(padding: 4, members: [5, 4, 0, 3]),
      ])
    #expect(partitionByPadding([]) == [])
  }

  @Test("a pattern survives JSON byte for byte")
  func codable() throws {
    let sequence = FrameSequence(
      pattern: SequencePattern(head: [0xff, 0x0a], padding: 3, tail: [0x25], kind: .udim),
      frames: [1001, 1002, 1011])
    let data = try JSONEncoder().encode(sequence)
    #expect(try JSONDecoder().decode(FrameSequence.self, from: data) == sequence)
  }
}

@Suite("In flight")
struct InFlightTests {
  @Test(
    "names of unfinished copies",
    arguments: [
      ".a.1002.exr.XyZ12", ".hidden", ".cancel", "a.exr~", "a.part", "a.1.exr.Part", "a.filepart",
      "a.tmp",
      "a.partial", "~",
    ])
  func inFlight(name: String) { #expect(isInFlight(FileName(name))) }

  @Test(
    "names of whole files",
    arguments: [
      "a.1002.exr", "part", "a.parts", "apart", "a.tmp.exr", "~a", "a.", "", "sh010.cancel",
      "a tmp",
    ])
  func whole(name: String) { #expect(!isInFlight(FileName(name))) }
}
