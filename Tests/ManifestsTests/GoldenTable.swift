import Foundation
import Paths
import TestSupport
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

/// The seed of this run's property tests, which a failure names: `HOTPLATE_TEST_SEED` gives the same numbers again.
let seed = SeededNumbers().seed
