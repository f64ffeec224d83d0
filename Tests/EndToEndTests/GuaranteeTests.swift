import Foundation
import Testing

/// The README's tables whose last column is `proven by`: a sentence, and the tests that fail when it is not true.
@Suite("the guarantees in the README")
struct GuaranteeTests {
  private static let sections = [
    "Use it", "Watch it", "Cancel it", "When there is no room", "Undo it",
    "What it promises, and what not yet",
  ]

  @Test("each guarantee in the README names the tests that prove it, and they are there")
  func proofs() throws {
    let tests = try Self.testNames()
    #expect(tests.count > 500, "the tests were not found")
    for guarantee in try Guarantee.inReadme() {
      #expect(!guarantee.proofs.isEmpty, "nothing proves: \(guarantee.sentence)")
      #expect(guarantee.hasOnlyProofs, "more than names of tests behind: \(guarantee.sentence)")
      for proof in guarantee.proofs where !tests.contains(proof) {
        let found = tests.filter { $0.contains(proof) }
        #expect(found.count == 1, "\"\(proof)\" is part of \(found.count) tests' names: \(found)")
      }
    }
  }

  @Test("no section of guarantees in the README is without its table", arguments: sections)
  func table(section: String) throws {
    #expect(try Guarantee.inReadme().contains { $0.section == section })
  }

  /// As Swift Testing shows them: the display name, or else the function's.
  private static func testNames() throws -> Set<String> {
    let folder = top.appending(path: "Tests")
    var names: Set<String> = []
    for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    where path.hasSuffix(".swift") {
      let text = try String(contentsOf: folder.appending(path: path), encoding: .utf8)
      let lines = text.split(separator: "\n").map { $0.drop(while: \.isWhitespace) }
      for (number, line) in lines.enumerated() where line.hasPrefix("@Test") {
        let declaration = lines[number...].prefix(16).joined(separator: "\n").dropFirst(5)
        if let name = testName(declaration) { names.insert(name) }
      }
    }
    return names
  }

  /// - Parameter declaration: what stands behind `@Test`.
  private static func testName(_ declaration: Substring) -> String? {
    let inside = declaration.drop { $0 == "(" || $0.isWhitespace }
    if declaration.first == "(", inside.first == "\"" {
      return String(inside.dropFirst().prefix { $0 != "\"" })
    }
    guard let function = declaration.range(of: "func")?.upperBound else { return nil }
    let name = declaration[function...].drop(while: \.isWhitespace)
    return name.first == "`" ? String(name.dropFirst().prefix { $0 != "`" }) : nil
  }
}

/// A row of such a table.
private struct Guarantee {
  let section: String
  let sentence: String
  /// The last cell as it is written.
  let cell: String

  /// Names of tests, whole or a part that no other has.
  var proofs: [String] {
    cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
      .filter { $0.offset % 2 == 1 }.map { String($0.element) }
  }

  var hasOnlyProofs: Bool { cell == proofs.map { "`\($0)`" }.joined(separator: ", ") }

  static func inReadme() throws -> [Guarantee] {
    let text = try String(contentsOf: top.appending(path: "README.md"), encoding: .utf8)
    var result: [Guarantee] = []
    var section = ""
    var isProven = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("## ") { section = String(line.dropFirst(3)) }
      guard line.hasPrefix("|") else {
        isProven = false
        continue
      }
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      if cells.last == "proven by" {
        isProven = true
      } else if isProven, cells.last != "---" {
        result.append(
          Guarantee(section: section, sentence: cells[0], cell: cells.count > 1 ? cells.last! : ""))
      }
    }
    return result
  }
}

private let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()
