import Paths
import Sequences
import Testing

@testable import Rules

@Suite("Names are bytes")
struct NameTests {
  let rules = sound(
    """
    hotplate: 1
    tokens: { x: '[^/.]+' }
    rules:
      - { rule: any, match: 'a/{x}.{frame}.exr', to: 'out/{x}.{frame:04d}.exr' }
      - { rule: one, match: '?.mov', to: '{name}' }
      - { rule: accent, match: 'é.{frame}.dpx', to: '{name}' }
    """)

  private func destinations(_ paths: [[UInt8]]) throws -> [[UInt8]] {
    try rules.assign(paths.map { RelativePath($0)! }, hotFolder: nil)
      .flatMap { try rules.destination(of: $0).files.map(\.bytes) }
  }

  @Test("a name that is not UTF-8 matches and keeps every byte")
  func notUTF8() throws {
    let name = bytes("a/x") + [0xff, 0xc3] + bytes("y.7.exr")
    #expect(try destinations([name]) == [bytes("out/x") + [0xff, 0xc3] + bytes("y.0007.exr")])
  }

  @Test("a directory that is not UTF-8 does not change how a name matches")
  func notUTF8Directory() throws {
    let path = [0xff] + bytes("/é.mov")
    #expect(try destinations([path]) == [bytes("é.mov")])
  }

  @Test("a newline in a name is a character like any other")
  func newline() throws {
    #expect(try destinations([bytes("a/x\ny.7.exr")]) == [bytes("out/x\ny.0007.exr")])
  }

  @Test("two spellings that Unicode calls equal stay two sequences")
  func normalization() throws {
    let composed = bytes("a/\u{e9}.1.exr")
    let decomposed = bytes("a/e\u{301}.1.exr")
    let assignments = rules.assign(
      [composed, decomposed].map { RelativePath($0)! }, hotFolder: nil)
    #expect(assignments.count == 2)
    #expect(
      Set(try destinations([composed, decomposed])) == [
        bytes("out/\u{e9}.0001.exr"), bytes("out/e\u{301}.0001.exr"),
      ])
  }

  @Test("a question mark is one character where the name is UTF-8, and one byte where it is not")
  func oneCharacter() throws {
    #expect(try destinations([bytes("é.mov")]) == [bytes("é.mov")])
    #expect(try destinations([[0xff] + bytes(".mov")]) == [[0xff] + bytes(".mov")])
    guard case .unmatched = rules.decide(path("ab.mov"), hotFolder: nil) else {
      Issue.record("two characters fitted one '?'")
      return
    }
  }

  @Test("letters beyond ASCII have no case either")
  func caseOfAccents() throws {
    #expect(try destinations([bytes("É.1.dpx")]) == [bytes("É.1.dpx")])
  }

  @Test("a path outside every rule is grouped by the guess")
  func guessed() {
    let assignments = rules.assign(
      ["z.0001.tif", "z.0002.tif", "z.mov2"].map(path), hotFolder: nil)
    #expect(assignments.map(\.files.count) == [2, 1])
    #expect(assignments[0].pattern?.description == "z.#.tif")
    #expect(assignments[0].frames?.description == "1-2")
    #expect(assignments[1].pattern == nil)
  }

  @Test("an assignment's files ascend by frame, whatever order they came in")
  func order() throws {
    let assignments = rules.assign(
      ["a/x.10.exr", "a/x.9.exr", "a/x.8.exr"].map(path), hotFolder: nil)
    #expect(assignments.map(\.files) == [["a/x.8.exr", "a/x.9.exr", "a/x.10.exr"].map(path)])
    let destination = try rules.destination(of: assignments[0])
    #expect(destination.files == ["out/x.0008.exr", "out/x.0009.exr", "out/x.0010.exr"].map(path))
    #expect(destination.directory == path("out"))
    #expect(destination.pattern?.description == "x.#.exr")
    #expect(destination.frames?.description == "8-10")
  }
}
