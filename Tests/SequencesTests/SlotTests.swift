import Paths
import TestSupport
import Testing

@testable import Sequences

/// `a.[1001].exr`: the slot in brackets; `<1001>` a tile; neither: no slot.
private struct Row: Decodable, Sendable, CustomTestStringConvertible {
  let why: String
  let names: [String]
  var testDescription: String { why }
}

/// `name` with its slot marked as in the table.
private func marked(_ name: [UInt8], _ slot: Slot?) -> String {
  guard let slot else { return shown(name) }
  let (open, close) = slot.kind == .udim ? ("<", ">") : ("[", "]")
  return shown(Array(name[..<slot.range.lowerBound])) + open
    + shown(Array(name[slot.range])) + close + shown(Array(name[slot.range.upperBound...]))
}

@Suite("The slot of a name")
struct SlotTests {
  @Test(
    "every name of slots.json is guessed as it is marked there",
    arguments: try table("slots", of: Row.self))
  private func guesses(row: Row) {
    for text in row.names {
      let name = bytes(shownAs: text.filter { !"[]<>".contains($0) })
      let guessed = marked(name, guessSlot(in: FileName(name)))
      #expect(guessed == shown(bytes(shownAs: text)), "\(row.why)")
    }
  }

  @Test("a slot from a rule's digits takes in a sign and refuses what is no number")
  func slotOfDigits() {
    let name: FileName = "a.-002.exr"
    #expect(Slot(digits: 3..<6, in: name)?.range == 2..<6)
    #expect(Slot(.udim, digits: 3..<6, in: name)?.range == 3..<6)
    #expect(Slot(digits: 2..<6, in: name) == nil)
    #expect(Slot(digits: 3..<7, in: name) == nil)
    #expect(Slot(digits: 3..<3, in: name) == nil)
    #expect(Slot(digits: 3..<99, in: name) == nil)
    #expect(Slot(digits: 3..<6, in: "sh-1001.exr")?.range == 3..<6)
    #expect(Slot(digits: 0..<19, in: "1000000000000000000.exr") == nil)
  }

  @Test("head, number and tail put together are the name")
  func parts() throws {
    let name: FileName = "a.-002_l.exr"
    let slot = try #require(guessSlot(in: name))
    #expect(slot.head(in: name).elementsEqual("a.".utf8))
    #expect(slot.tail(in: name).elementsEqual("_l.exr".utf8))
    #expect(slot.number(in: name) == FrameNumber("-002".utf8))
    #expect(slot.number(in: name).value == -2)
    #expect(slot.number(in: name).width == 4)
    #expect(slot.number(in: name).isPadded)
  }

  @Test("no bytes crash the guess, and what it finds is a number within its name")
  func anyBytes() {
    var random = SeededNumbers(seed: seed)
    for _ in 0..<50_000 {
      let name = FileName(randomName(&random))
      guard let slot = guessSlot(in: name) else { continue }
      let number = FrameNumber(name.bytes[slot.range])
      #expect(number != nil, "\(name), seed \(seed)")
      #expect(number == slot.number(in: name), "\(name), seed \(seed)")
      #expect(!isInFlight(name), "\(name), seed \(seed)")
    }
  }
}

/// Pieces that mean something to the guess, and now and then any byte.
func randomName(_ random: inout SeededNumbers) -> [UInt8] {
  let pieces = [
    ".", "_", "-", " ", "0", "1", "2", "10", "001", "1001", "999999999999999999", "a", "v", "ver",
    "exr",
    "tex", "copy", "l", "left", "part", "~", "sc", "%", "#", "\u{e9}",
  ]
  var name: [UInt8] = []
  for _ in 0..<Int.random(in: 1...8, using: &random) {
    if Int.random(in: 0..<12, using: &random) == 0 {
      name.append(UInt8.random(in: 1...255, using: &random))
    } else {
      name += Array(pieces.randomElement(using: &random)!.utf8)
    }
  }
  return name
}
