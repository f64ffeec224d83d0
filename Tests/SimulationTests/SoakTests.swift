import Foundation
import TestSupport
import Testing

@testable import hotplate_bench

@Suite struct SoakTests {
  @Test
  func `the real daemon loses nothing in a while of drops, cancels, kills and full disks`()
    async throws
  {
    let outcome = try await soak("--minutes", "0.33")
    print(outcome.out)
    #expect(outcome.status == 0, "\(outcome.out)\(outcome.err)")
  }

  @Test(
    "a frame that somebody takes away, or a byte that somebody changes, ends a soak with exit 1",
    arguments: [("source", "lost: "), ("destination", "lost: "), ("byte", "damaged: ")])
  func tampered(what: String, complaint: String) async throws {
    let outcome = try await soak("--minutes", "0.1", "--tamper", what)
    #expect(outcome.status == 1, "\(outcome.out)\(outcome.err)")
    #expect(outcome.out.contains(complaint), "\(outcome.out)")
  }

  // MARK: The ledger

  private let place = "/wide/copies/1/c1.00001.raw"

  private func ledger(replaces: Bool = false) -> SoakLedger {
    let ledger = SoakLedger()
    for digest: UInt64 in [1, 2] {
      ledger.begin(digest, to: place, replaces: replaces, bytes: 10)
      ledger.own(digest)
    }
    return ledger
  }

  @Test func `what lies in the source, in staging or at the destination is not missing`() {
    let ledger = ledger()
    #expect(
      ledger.missing(["/drop/c1.1.raw": 1, "/wide/.hotplate-x/tree/c1.00001.raw": 2]).isEmpty)
    #expect(ledger.missing(["/drop/c1.1.raw": 1]).keys.sorted() == [2])
  }

  @Test func `nobody is owed what they removed, and nobody may take away what was delivered`() {
    let ledger = ledger()
    ledger.disown(1)
    ledger.disown(2)
    #expect(ledger.missing([:]).isEmpty)
    ledger.sight(1, bytes: 10, at: place)
    #expect(ledger.missing([:]).keys.sorted() == [1])
    ledger.clear(place)
    #expect(ledger.missing([:]).isEmpty)
    #expect(ledger.wrongs == [])
  }

  @Test func `a part of a frame, and a frame under another one's name, are damage`() {
    let ledger = ledger()
    ledger.sight(3, bytes: 5, at: place)
    ledger.sight(1, bytes: 10, at: "/wide/copies/1/c1.00002.raw")
    #expect(ledger.wrongs.count == 2)
    #expect(ledger.tally.damaged == 2)
  }

  @Test func `only a rule that replaces may overwrite, and only with what is newer`() {
    let held = ledger()
    held.sight(1, bytes: 10, at: place)
    held.sight(2, bytes: 10, at: place)
    #expect(held.tally.damaged == 1)
    let replaced = ledger(replaces: true)
    replaced.sight(1, bytes: 10, at: place)
    // Nobody has looked since, and it is there.
    #expect(replaced.missing([place: 2, "/drop/c1.1.raw": 1]).isEmpty)
    replaced.sight(2, bytes: 10, at: place)
    #expect(replaced.tally.damaged == 0)
    replaced.sight(1, bytes: 10, at: place)
    #expect(replaced.tally.damaged == 1)
  }
}

private func soak(_ arguments: String...) async throws -> Command.Outcome {
  let program = try benchmark()
  return try await onOwnThread { try Command.run([program, "soak"] + arguments) }
}
