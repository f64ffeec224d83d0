import Paths
import TestSupport
import Testing

@testable import Sequences

private struct Row: Decodable, Sendable, CustomTestStringConvertible {
  let about: String
  let names: [String]
  let sequences: [String]?
  let singles: [String]?
  var testDescription: String { about }
}

private func found(in names: [FileName]) -> (sequences: [FrameSequence], singles: [FileName]) {
  var finder = SequenceFinder()
  for name in names { finder.add(name) }
  return finder.finish()
}

@Suite("Names become sequences")
struct SequenceFinderTests {
  @Test(
    "every row of sequences.json comes out as written, in any order of its names",
    arguments: try table("sequences", of: Row.self))
  private func golden(row: Row) {
    var random = SeededNumbers(seed: seed)
    var names = row.names.map { FileName(bytes(shownAs: $0)) }
    for _ in 0..<4 {
      let (sequences, singles) = found(in: names)
      #expect(sequences.map(\.description) == row.sequences ?? [])
      #expect(singles.map(\.description) == (row.singles ?? []).map { shown(bytes(shownAs: $0)) })
      names.shuffle(using: &random)
    }
  }

  @Test("no name is lost or made up: sequences and single names give back exactly what was added")
  func roundTrip() {
    var random = SeededNumbers(seed: seed)
    for _ in 0..<2_000 {
      // Few stems, so that names meet.
      let stems = (0..<3).map { _ in (randomName(&random), randomName(&random)) }
      let names = (0..<Int.random(in: 0...40, using: &random)).map { _ in
        let (head, tail) = stems.randomElement(using: &random)!
        return FileName(head + randomNumber(&random) + tail)
      }
      let (sequences, singles) = found(in: names)
      let back = sequences.flatMap { Array($0.names) } + singles
      #expect(Set(back) == Set(names), "seed \(seed)")
      #expect(back.count == Set(back).count, "seed \(seed)")
      for sequence in sequences {
        #expect(sequence.frames.count > 1, "seed \(seed)")
        for frame in sequence.frames {
          #expect(sequence.pattern.frame(of: sequence.pattern.name(of: frame)) == frame)
        }
      }
      let again = found(in: names.shuffled(using: &random))
      #expect(again.sequences == sequences && again.singles == singles, "seed \(seed)")
    }
  }

  @Test("many groups, far more than the table starts with, are all kept apart")
  func manyGroups() {
    let names = (0..<5_000).flatMap { shot in (1...3).map { FileName("sh\(shot)_x.000\($0).exr") } }
    let (sequences, singles) = found(in: names)
    #expect(sequences.count == 5_000)
    #expect(singles.isEmpty)
    #expect(sequences.allSatisfy { $0.frames == FrameSet(1...3) })
  }

  @Test("frames far apart and frames close together are found alike")
  func sparseAndDense() {
    let sparse = [1, 63, 64, 65, 127, 128, 129, 1_000_000, 999_999_999_999_999_999]
    let dense = Array(-130...700)
    for frames in [sparse, dense] {
      let pattern = SequencePattern(head: "a.".utf8, padding: 1, tail: ".exr".utf8)
      let (sequences, _) = found(in: frames.shuffled().map(pattern.name(of:)))
      #expect(sequences == [FrameSequence(pattern: pattern, frames: FrameSet(frames))])
    }
  }
}

private func randomNumber(_ random: inout SeededNumbers) -> [UInt8] {
  var bytes: [UInt8] = []
  let value = [Int.random(in: -3...12, using: &random), Int.random(in: 90...1100, using: &random)]
    .randomElement(using: &random)!
  appendNumber(value, padding: Int.random(in: 1...5, using: &random), to: &bytes)
  return bytes
}
