import Foundation
import Paths
import TestSupport

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

/// The seed of this run's property tests, which a failure names: `HOTPLATE_TEST_SEED` gives the same numbers again.
let seed = SeededNumbers().seed
