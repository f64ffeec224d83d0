import Foundation
import Logging
import ReadModel
import Testing

@testable import hotplate

@Suite struct LogTests {
  private let at = Timestamp(milliseconds: 0)

  @Test func `a line of text has its time, level, words and values, whose job first`() {
    let record = LogRecord(
      at: at, level: .info, message: "staged",
      metadata: [
        "seconds": .stringConvertible(0.25), "job": "8f3a", "frames": .stringConvertible(100),
        "source": "/drop/a b", "reason": "it is \"there\"", "by": "",
      ])
    #expect(
      record.text
        == "1970-01-01T00:00:00.000Z info staged job=8f3a source=\"/drop/a b\" by=\"\" frames=100 "
        + "reason=\"it is \\\"there\\\"\" seconds=0.25\n")
  }

  @Test func `a line of JSON is one object, its numbers numbers`() throws {
    let record = LogRecord(
      at: at, level: .warning, message: "held",
      metadata: [
        "job": "8f3a", "frames": .stringConvertible(100), "seconds": .stringConvertible(0.25),
        "list": ["a", "b"], "of": ["x": "y"], "level": "not this one",
        "odd": .stringConvertible(Double.nan),
      ])
    #expect(
      record.json
        == #"{"at":"1970-01-01T00:00:00.000Z","frames":100,"job":"8f3a","level":"warning","list":["a","b"],"#
        + #""message":"held","odd":"nan","of":{"x":"y"},"seconds":0.25}"# + "\n")
  }

  @Test(arguments: ["a\nb", "a\u{1B}[2Jb", "\u{202E}", "\"", "\\", "\u{0}", "é", "\u{2028}"])
  func `no word makes a second line or acts on a terminal`(word: String) throws {
    let record = LogRecord(
      at: at, level: .info, message: word, metadata: ["job": "\(word)", "\(word)": "x"])
    for line in [record.text, record.brief] {
      #expect(line.last == "\n")
      for scalar in line.unicodeScalars.dropLast() {
        #expect(scalar.value >= 0x20 && ![0x202E, 0x2028].contains(scalar.value))
      }
    }
    let bytes = Data(record.json.utf8)
    #expect(bytes.dropLast().allSatisfy { $0 >= 0x20 })
    let object = try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: String])
    #expect(object["message"] == word)
    #expect(object["job"] == word)
  }

  @Test func `formats are text and json, nothing else`() throws {
    #expect(try LogOptions.parse([]).format == nil)
    #expect(try LogOptions.parse(["--log-format", "json"]).format == .json)
    #expect(throws: (any Error).self) { try LogOptions.parse(["--log-format", "xml"]) }
  }

  @Test(
    arguments: [
      ([:], false), (["TERM": ""], false), (["TERM": "dumb"], false), (["TERM": "xterm"], true),
    ] as [([String: String], Bool)])
  func `lines are drawn over others where the terminal can`(
    environment: [String: String], can: Bool
  ) {
    #expect(Terminal.repaints { environment[$0] } == can)
  }
}
