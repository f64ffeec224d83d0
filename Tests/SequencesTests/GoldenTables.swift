import Foundation
import Paths

/// A name in a table is written as Hotplate shows it: `\xNN` for a byte, a backslash doubled; in JSON each backslash once
/// more. Real UTF-8 may stand there as well.
func bytes(shownAs text: String) -> [UInt8] {
  var result: [UInt8] = []
  var rest = Array(text.utf8)[...]
  while let byte = rest.popFirst() {
    if byte != UInt8(ascii: "\\") {
      result.append(byte)
    } else if rest.first == UInt8(ascii: "x"),
      let escaped = UInt8(String(decoding: rest.dropFirst().prefix(2), as: UTF8.self), radix: 16)
    {
      result.append(escaped)
      rest = rest.dropFirst(3)
    } else {
      result.append(rest.popFirst() ?? byte)
    }
  }
  return result
}

/// Reads a table that lies beside the tests.
func table<Row: Decodable>(_ name: String, of: Row.Type = Row.self) throws -> [Row] {
  guard let url = Bundle.module.url(forResource: name, withExtension: "json") else {
    throw CocoaError(.fileNoSuchFile)
  }
  return try JSONDecoder().decode([Row].self, from: Data(contentsOf: url))
}

/// Random numbers that come again with the same seed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  /// SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// The seed of this run's property tests: `HOTPLATE_SEED`, else a new one, printed so that a failure comes again.
let seed: UInt64 = {
  let given = ProcessInfo.processInfo.environment["HOTPLATE_SEED"].flatMap { UInt64($0) }
  let seed = given ?? UInt64.random(in: 0...UInt64(UInt32.max))
  print("HOTPLATE_SEED=\(seed)")
  return seed
}()
