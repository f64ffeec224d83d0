import Testing

@testable import ReadModel

@Suite struct ExactTextTests {
  @Test(
    arguments: [
      ([], ""),
      (Array("größe".utf8), "größe"),
      ([0x61, 0xFF, 0x62], "a\u{FFFD}b"),
      // A character cut short: each of its bytes is bad.
      ([0xE2, 0x82, 0x78], "\u{FFFD}\u{FFFD}x"),
      // A surrogate and an overlong slash are not UTF-8.
      ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"),
      ([0xC0, 0xAF], "\u{FFFD}\u{FFFD}"),
      ([0xF0, 0x9F, 0x8E, 0xAC, 0xF0, 0x9F], "🎬\u{FFFD}\u{FFFD}"),
    ] as [([UInt8], String)])
  func `each bad byte shows as one replacement mark`(bytes: [UInt8], text: String) {
    #expect(ExactText(bytes).text == text)
  }

  @Test func `two spellings that Unicode calls equal stay two names`() throws {
    let composed = SequenceView(directory: "/\u{E9}", pattern: nil, frames: nil)
    let decomposed = SequenceView(directory: "/e\u{301}", pattern: nil, frames: nil)
    #expect(composed != decomposed)
    let read = try JSON.decode(SequenceView.self, from: JSON.encode(decomposed))
    #expect(read.directory.bytes == Array("/e\u{301}".utf8))
  }

  @Test func `every byte comes back from JSON`() throws {
    let all = ExactText((0...255).map { UInt8($0) })
    let view = SequenceView(directory: all, pattern: all, frames: nil)
    #expect(try JSON.decode(SequenceView.self, from: JSON.encode(view)) == view)
  }

  @Test func `base64 that is none is refused`() {
    let json = Array(#"{"directory": "/a", "directory_bytes": "?", "pattern": null}"#.utf8)
    #expect(throws: DecodingError.self) { try JSON.decode(SequenceView.self, from: json) }
  }
}
