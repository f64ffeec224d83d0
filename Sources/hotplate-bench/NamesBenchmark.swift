import Foundation
import Paths
import Sequences

/// Shuffled names to sequences, against Python's fileseq.
///
/// Both read the same file of names first and are timed from the names in memory to the last sequence; they take turns.
/// Without fileseq our side is measured alone, and the row says how to install it.
struct NamesBenchmark {
  var sequences = 1_000
  var framesEach = 1_000
  var rounds = 3

  func run() throws -> [BenchmarkRow] {
    let file = FileManager.default.temporaryDirectory
      .appending(path: "hotplate-bench-names-\(UUID().uuidString)")
    try shuffledNames().write(to: file)
    defer {
      do { try FileManager.default.removeItem(at: file) } catch {
        FileHandle.standardError.write(Data("hotplate-bench: \(error)\n".utf8))
      }
    }
    let names = try Data(contentsOf: file).split(separator: newline).map { FileName(Array($0)) }

    var ours: [Duration] = []
    var theirs: [Double] = []
    var skipped: String?
    for _ in 0..<rounds {
      ours.append(try findOurs(names))
      guard skipped == nil else { continue }
      do { theirs.append(try findTheirs(file)) } catch let missing as PeerMissing {
        skipped = missing.description
      }
    }
    return [
      BenchmarkRow(
        "\(names.count) shuffled names → \(sequences) sequences", against: "fileseq (Python)",
        ours: Timing(runs: ours), theirs: skipped == nil ? Timing(runs: theirs) : nil, goal: 20,
        note: skipped)
    ]
  }

  /// `sh1000_comp_v003.1001.exr` and so on, a line each; the same order in every run.
  private func shuffledNames() -> Data {
    var random = FixedGenerator()
    var names: [String] = []
    for sequence in 0..<sequences {
      for frame in 1001..<1001 + framesEach {
        names.append("sh\(1000 + sequence)_comp_v003.\(frame).exr")
      }
    }
    names.shuffle(using: &random)
    return Data((names.joined(separator: "\n") + "\n").utf8)
  }

  private func findOurs(_ names: [FileName]) throws -> Duration {
    var found = 0
    let time = ContinuousClock().measure {
      var finder = SequenceFinder()
      for name in names { finder.add(name) }
      found = finder.finish().sequences.count
    }
    guard found == sequences else { throw WrongCount(who: "hotplate", found: found) }
    return time
  }

  private func findTheirs(_ file: URL) throws -> Double {
    let python = Process()
    let output = Pipe()
    python.executableURL = URL(filePath: "/usr/bin/env")
    python.arguments = ["python3", "-c", script, file.path]
    python.standardOutput = output
    python.standardError = FileHandle.nullDevice
    try python.run()
    let text = String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    python.waitUntilExit()
    let words = text.split(whereSeparator: \.isWhitespace)
    guard python.terminationStatus == 0, words.count == 2, let seconds = Double(words[0]),
      let found = Int(words[1])
    else { throw PeerMissing() }
    guard found == sequences else { throw WrongCount(who: "fileseq", found: found) }
    return seconds
  }
}

private let newline = UInt8(ascii: "\n")

private let script = """
  import sys, time
  import fileseq
  names = open(sys.argv[1]).read().splitlines()
  start = time.perf_counter()
  found = fileseq.findSequencesInList(names)
  print(time.perf_counter() - start, len(found))
  """

private struct PeerMissing: Error, CustomStringConvertible {
  let description =
    "skipped: `python3 -c 'import fileseq'` fails; install it with `python3 -m pip install fileseq==3.4.0`"
}

/// A peer that does something else is no comparison.
private struct WrongCount: Error, CustomStringConvertible {
  let who: String
  let found: Int
  var description: String { "\(who) found \(found) sequences: the figures would mean nothing" }
}

/// A 64-bit linear congruential generator (Knuth's MMIX constants), its high half: good enough to shuffle.
struct FixedGenerator: RandomNumberGenerator {
  private var state: UInt64 = 1001

  mutating func next() -> UInt64 {
    step() << 32 | step()
  }

  private mutating func step() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state >> 32
  }
}
