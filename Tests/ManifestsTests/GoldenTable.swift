import Foundation
import Paths
import Testing
import Yams

@testable import Manifests

/// A case of `Golden/*.yaml`: a manifest, and what is read from it or why it is refused.
///
/// ```yaml
/// - case: what it is about
///   name: all.md5          # the manifest's name
///   text: "…"              # or latin1: each character one byte
///   entries:               # paths as Hotplate shows them: \xNN for a byte, a backslash doubled
///     - { path: a, MD5: 900150983cd24fb0d6963f7d28e17f72, size: 3, line: 1 }
///   references: [b.mhl]    # optional
///   directory: A/ascmhl    # optional: where it lies …
///   speaks_of: A           # … and where its paths start, if not there
///   mistake: "…"           # instead of entries: the whole message
/// ```
struct GoldenCase: Decodable, Sendable, CustomTestStringConvertible {
  let name: String
  let manifest: String
  let text: String?
  let latin1: String?
  let entries: [Entry]?
  let references: [String]?
  let directory: String?
  let speaksOf: String?
  let mistake: String?

  struct Entry: Decodable, Sendable, Hashable {
    let path: String
    let checksum: [String: String]
    let size: Int?
    let line: Int

    private struct Key: CodingKey {
      let stringValue: String
      let intValue: Int? = nil
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: Key.self)
      path = try values.decode(String.self, forKey: Key(stringValue: "path"))
      size = try values.decodeIfPresent(Int.self, forKey: Key(stringValue: "size"))
      line = try values.decode(Int.self, forKey: Key(stringValue: "line"))
      var checksum: [String: String] = [:]
      for key in values.allKeys where !["path", "size", "line"].contains(key.stringValue) {
        checksum[key.stringValue] = try values.decode(String.self, forKey: key)
      }
      self.checksum = checksum
    }

    init(_ entry: Manifest.Entry) {
      path = "\(entry.path)"
      checksum = entry.checksum.map { ["\($0.algorithm)": "\($0)"] } ?? [:]
      size = entry.size
      line = entry.line
    }
  }

  enum CodingKeys: String, CodingKey {
    case name = "case"
    case manifest = "name"
    case text, latin1, entries, references, directory
    case speaksOf = "speaks_of"
    case mistake
  }

  var bytes: [UInt8] {
    latin1.map { $0.unicodeScalars.map { UInt8($0.value) } } ?? Array((text ?? "").utf8)
  }

  var testDescription: String { name }

  static let all: [GoldenCase] = {
    let directory = Bundle.module.resourceURL!.appendingPathComponent("Golden")
    return ["lines", "lists", "mistakes"].flatMap { name in
      let file = directory.appendingPathComponent("\(name).yaml")
      return try! YAMLDecoder().decode(
        [GoldenCase].self, from: String(contentsOf: file, encoding: .utf8))
    }
  }()
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
