import Foundation
import TestSupport
import Testing

@testable import Sequences

@Suite("Frame sets")
struct FrameSetTests {
  @Test(
    "text is read and written in one form",
    arguments: [
      ("1001-1003,1005", "1001-1003,1005"), ("", ""), ("7", "7"), ("-5--2", "-5--2"),
      ("-5-10", "-5-10"),
      ("3,1,2", "1-3"), ("1-5,4-9", "1-9"), ("0001-0010", "1-10"), ("1 , 3-4", "1,3-4"),
      ("5-5", "5"),
      ("-0", "0"), ("1-2,3-4", "1-4"),
      (
        "-999999999999999999-999999999999999999",
        "-999999999999999999-999999999999999999"
      ),
    ])
  func text(given: String, written: String) throws {
    let frames = try #require(FrameSet(given))
    #expect(frames.description == written)
    #expect(FrameSet(written) == frames)
  }

  @Test(
    "what is no list of frames is refused",
    arguments: [
      "a", "1-", "-", "--1", "1--", "5-1", "1,,2", ",", "1,", "1-2-3", "1 2", "1- 2",
      "1000000000000000000", "1x2", "+1",
      "\u{661}", " ",
    ])
  func refused(text: String) { #expect(FrameSet(text) == nil) }

  @Test("a million contiguous frames are one range, and counting them is no walk")
  func contiguous() {
    var frames = FrameSet(1...1_000_000)
    frames.insert(1_000_001)
    #expect(frames.ranges == [1...1_000_001])
    #expect(FrameSet(FrameSet.limits).count == 1_999_999_999_999_999_999)
  }

  @Test("missing frames are the gaps between the first and the last")
  func missing() {
    #expect(FrameSet("1001-1003,1005,1010")?.missing.description == "1004,1006-1009")
    #expect(FrameSet("1-5")?.missing.isEmpty == true)
    #expect(FrameSet().missing.isEmpty)
  }

  @Test("shifting keeps gaps, and refuses to leave the numbers a name can hold")
  func shifted() {
    #expect(FrameSet("1-3,5")?.shifted(by: -10)?.description == "-9--7,-5")
    #expect(FrameSet("1-3")?.shifted(by: FrameSet.limits.upperBound) == nil)
    #expect(FrameSet("1-3")?.shifted(by: .max) == nil)
    #expect(FrameSet("-3")?.shifted(by: .min) == nil)
  }

  @Test("first, last and iteration")
  func ends() {
    let frames: FrameSet = [5, 1, 2]
    #expect(frames.first == 1 && frames.last == 5)
    #expect(Array(frames) == [1, 2, 5])
    #expect(FrameSet().first == nil && FrameSet().last == nil && FrameSet().isEmpty)
  }

  @Test("JSON holds the text, and text that is none is an error")
  func codable() throws {
    let data = try JSONEncoder().encode([FrameSet([1, 2, 9])])
    #expect(String(decoding: data, as: UTF8.self) == #"["1-2,9"]"#)
    #expect(try JSONDecoder().decode([FrameSet].self, from: data) == [[1, 2, 9]])
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode([FrameSet].self, from: Data(#"["x"]"#.utf8))
    }
  }

  @Test("every operation gives what a plain set of numbers gives")
  func againstSet() throws {
    var random = SeededNumbers(seed: seed)
    for _ in 0..<3_000 {
      var frames = FrameSet()
      var plain: Set<Int> = []
      for _ in 0..<Int.random(in: 0...12, using: &random) {
        let low = Int.random(in: -20...20, using: &random)
        let range = low...low + Int.random(in: 0...6, using: &random)
        if Bool.random(using: &random) {
          frames.insert(range)
          plain.formUnion(range)
        } else {
          frames.remove(range)
          plain.subtract(range)
        }
      }
      let otherPlain = Set((0..<8).map { _ in Int.random(in: -20...20, using: &random) })
      let other = FrameSet(otherPlain)

      #expect(Array(frames) == plain.sorted(), "seed \(seed)")
      for (a, b) in zip(frames.ranges, frames.ranges.dropFirst()) {
        #expect(a.upperBound + 1 < b.lowerBound, "seed \(seed)")
      }
      #expect(frames.count == plain.count)
      #expect(FrameSet(plain) == frames)
      #expect(FrameSet(frames.description) == frames, "\(frames), seed \(seed)")
      #expect(frames.union(other) == FrameSet(plain.union(otherPlain)), "seed \(seed)")
      #expect(frames.subtracting(other) == FrameSet(plain.subtracting(otherPlain)), "seed \(seed)")
      #expect(
        frames.intersection(other) == FrameSet(plain.intersection(otherPlain)), "seed \(seed)")
      #expect(frames.isSuperset(of: other) == plain.isSuperset(of: otherPlain), "seed \(seed)")
      #expect(frames.isSuperset(of: frames.subtracting(other)))
      for frame in -30...30 { #expect(frames.contains(frame) == plain.contains(frame)) }
    }
  }

  @Test("no text crashes the reader")
  func anyText() {
    var random = SeededNumbers(seed: seed)
    let pieces = ["-", ",", " ", "0", "1", "12", "999999999999999999", "9", "x", "\u{e9}"]
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0...7, using: &random))
        .map { _ in pieces.randomElement(using: &random)! }.joined()
      if let frames = FrameSet(text) { #expect(FrameSet(frames.description) == frames, "\(text)") }
    }
  }
}
