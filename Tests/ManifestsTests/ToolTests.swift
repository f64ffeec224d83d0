import Files
import Foundation
import Paths
import TestSupport
import Testing

@testable import Manifests

/// What the real tools write about real files.
@Suite("Manifests of real tools")
struct ToolTests {
  /// Sizes around the blocks of the algorithms and the chunk of the check, and names that are awkward.
  private static let files: [(name: String, size: Int)] = [
    ("beauty.1001.exr", 0), ("beauty.1002.exr", 1), ("sub dir/b (1).exr", 240),
    ("two  blanks ", 241), ("*star", 1 << 20), ("ä=) = x", (1 << 20) + 1), ("[a]", 3_000_001),
  ]
  /// Only md5sum and its kin escape these.
  private static let escaped: [(name: String, size: Int)] = [
    ("back\\slash", 10), ("line\nend", 11), ("cr\r", 12), ("d/back\\slash", 13),
  ]

  struct Tool: Sendable, CustomTestStringConvertible {
    let command: [String]
    let manifest: String
    let algorithm: ChecksumAlgorithm
    var escapes = false
    var testDescription: String { command.joined(separator: " ") }
  }

  static let tools: [Tool] = [
    Tool(command: ["md5sum"], manifest: "all.md5", algorithm: .md5, escapes: true),
    Tool(command: ["md5sum", "-b"], manifest: "MD5SUMS", algorithm: .md5, escapes: true),
    Tool(command: ["md5sum", "--tag"], manifest: "all.txt", algorithm: .md5, escapes: true),
    Tool(command: ["sha1sum"], manifest: "SHA1SUMS", algorithm: .sha1, escapes: true),
    Tool(command: ["sha1sum", "--tag"], manifest: "x", algorithm: .sha1, escapes: true),
    Tool(command: ["sha256sum"], manifest: "all.sha256", algorithm: .sha256, escapes: true),
    Tool(command: ["xxhsum", "-q", "-H0"], manifest: "all.xxh32", algorithm: .xxh32),
    Tool(command: ["xxhsum", "-q"], manifest: "all.xxh64", algorithm: .xxh64),
    Tool(command: ["xxhsum", "-q", "-H2"], manifest: "all.xxh128", algorithm: .xxh128),
    Tool(command: ["xxhsum", "-q", "-H3"], manifest: "all.xxh3", algorithm: .xxh3),
    Tool(command: ["xxhsum", "-q", "-H1", "--tag"], manifest: "a", algorithm: .xxh64),
    Tool(command: ["xxhsum", "-q", "-H2", "--tag"], manifest: "b", algorithm: .xxh128),
  ]

  @Test("what a tool writes is read whole and holds; a changed byte is found", arguments: tools)
  func holds(_ tool: Tool) async throws {
    try await inTemporaryFolder { folder in
      let delivery = try Delivery(folder)
      let files = Self.files + (tool.escapes ? Self.escaped : [])
      var generator = SeededNumbers(seed: seed)
      for (name, size) in files {
        let words = (0..<(size / 8 + 1)).flatMap { _ in
          withUnsafeBytes(of: generator.next()) { Array($0) }
        }
        try delivery.write(Array(words.prefix(size)), path(name))
      }
      let outcome = try Command.run(
        ["sh", "-c", "cd \"$1\"; shift; exec \"$@\"", "sh", folder.path] + tool.command + ["--"]
          + files.map(\.name))
      #expect(outcome.status == 0, "\(outcome.err)")

      let manifest = try Manifest.parse(Array(outcome.out.utf8), named: FileName(tool.manifest))
      #expect(manifest.entries.map(\.path) == files.map { path($0.name) })
      #expect(manifest.entries.allSatisfy { $0.checksum?.algorithm == tool.algorithm })
      let check = ManifestCheck(in: delivery.directory)
      #expect(try check.findings(manifest.entries).first == [])

      for (name, size) in files where size > 0 {
        let file = try delivery.directory.open(path(name), O_RDWR)
        var last: UInt8 = 0
        _ = try withUnsafeMutableBytes(of: &last) { try file.read(into: $0, at: size - 1) }
        try withUnsafeBytes(of: last ^ 1) { try file.write($0, at: size - 1) }
      }
      let changed = files.filter { $0.size > 0 }.map {
        Finding.checksum(path($0.name), tool.algorithm)
      }
      #expect(try check.findings(manifest.entries).first == changed)
    }
  }
}
