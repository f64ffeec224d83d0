import ReadModel
import Testing

@testable import hotplate

@Suite struct TableTests {
  private var table: TextTable {
    var table = TextTable(header: ["NAME", "SIZE", "PLACE"], rightAligned: [1])
    table.rows = [
      [.init("größe", .good), .init("5"), .init("here")],
      [.init("長い"), .init("1000"), .init("there")],
    ]
    table.notes[0] = "conflict: it is there"
    return table
  }

  @Test func `columns align by what a terminal shows`() {
    #expect(
      table.lines(color: false, width: nil) == [
        "NAME   SIZE  PLACE",
        "größe     5  here",
        "  conflict: it is there",
        "長い   1000  there",
      ])
  }

  @Test func `a line is cut at the width of the terminal, colours not counted`() {
    let lines = table.lines(color: true, width: 9)
    #expect(
      lines == [
        "\u{1B}[2mNAME\u{1B}[0m   \u{1B}[2mS…\u{1B}[0m",
        "\u{1B}[32mgröße\u{1B}[0m   …",
        "\u{1B}[33m  confli…\u{1B}[0m",
        "長い   1…",
      ])
  }

  @Test func `no rows are no table`() {
    #expect(TextTable(header: ["A"]).lines(color: false, width: nil) == [])
  }

  @Test(
    arguments: [
      (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (9_994, "9.99 kB"), (9_996, "10.0 kB"),
      (48_000_000, "48.0 MB"), (999_499, "999 kB"), (999_500, "1.00 MB"),
      (1_200_000_000, "1.20 GB"), (9_223_372_036_854_775_807, "9.22 EB"),
    ] as [(Int64, String)])
  func `bytes show three figures`(bytes: Int64, text: String) {
    #expect(byteCount(bytes) == text)
  }

  @Test func `nothing that a stranger named acts on the terminal`() {
    let evil = "a\u{1B}]0;owned\u{7}\u{202E}b\nc"
    let place = SequenceView(
      directory: ExactText("/drop/" + evil), pattern: ExactText(evil), frames: evil)
    let reason = ReasonView(
      code: ReasonCode(rawValue: evil), message: "'a\\x0ab' " + evil, path: ExactText(evil),
      by: evil, at: Timestamp(milliseconds: 0))
    let job = JobView(
      id: evil, state: .held, rule: evil, hotFolder: evil, source: place, destination: place,
      frames: FramesView(expected: 1), bytes: BytesView(expected: 1), reason: reason,
      created: Timestamp(milliseconds: 0), members: [])
    let lines = jobTable([job]).lines(color: false, width: nil)
    #expect(lines.count == 3)
    for line in lines {
      #expect(!line.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
    }
    // A name that was escaped already is not escaped twice.
    #expect(lines[2].contains("'a\\x0ab'"))
  }

  @Test(
    arguments: [
      ([:], true), (["NO_COLOR": ""], true), (["NO_COLOR": "1"], false), (["NO_COLOR": "0"], false),
      (["TERM": "dumb"], false), (["TERM": "xterm"], true),
    ] as [([String: String], Bool)])
  func `colours go where they are wanted`(environment: [String: String], wanted: Bool) {
    #expect(Terminal.wantsColor { environment[$0] } == wanted)
  }
}
