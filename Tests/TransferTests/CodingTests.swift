import Files
import Foundation
import Paths
import Testing

@testable import Transfer

/// What lies in a journal, whoever wrote it.
struct CodingTests {
  private let file = #"""
    {"source": "shot/a.1001.exr", "destination": "v001/a.1001.exr",
     "snapshot": {"inode": 7, "birth": 1, "size": 3, "modified": 2, "changed": 2}}
    """#

  private func plan(_ how: String) throws -> TransferPlan {
    let json = """
      {"id": "1", \(how), "verify": "copy", "durability": "safe", "conflict": "skip",
       "files": [\(file)], "sourceRoot": "/hot", "destinationRoot": "/out", "owner": "state"}
      """
    return try JSONDecoder().decode(TransferPlan.self, from: Data(json.utf8))
  }

  @Test func `a plan written before there were lists is read as a list of one`() throws {
    #expect(try plan(#""action": "copy""#).actions == [.copy])
    let move = try plan(#""action": "move""#)
    #expect(move.isMove && move.files.count == 1 && move.conflict == .skip)
  }

  @Test func `a plan keeps its order of preference`() throws {
    let listed = try plan(#""actions": ["reflink", "hardlink", "copy"]"#)
    #expect(listed.actions == [.reflink, .hardlink, .copy] && !listed.isMove)
    #expect(try roundTrip(listed) == listed)
  }

  @Test(arguments: [#""actions": []"#, #""actions": ["move", "copy"]"#, #""owner": "none""#])
  func `a plan without an action, or with a move among others, is not read`(how: String) {
    #expect(throws: DecodingError.self) { try plan(how) }
  }

  @Test func `a receipt written before anything was replaced is read`() throws {
    let json = #"""
      {"index": 0, "digest": "99aa06d3014798d86001c324468d497f", "inode": 9, "birth": 5,
       "source": {"inode": 7, "birth": 1, "size": 3, "modified": 2, "changed": 2}, "bytes": 3,
       "bootID": "b", "mount": {"filesystem": 61267, "inode": 2, "birth": 0}, "durable": true,
       "method": "clone"}
      """#
    let receipt = try JSONDecoder().decode(Receipt.self, from: Data(json.utf8))
    #expect(receipt.method == .clone && receipt.replaces == nil)
    let replacing = receipt.replacing(receipt.source)
    #expect(try roundTrip(replacing) == replacing)
  }

  @Test func `what has to be right at once is durable before the commit`() throws {
    for (action, conflict, durable) in [
      (TransferPlan.Action.copy, TransferPlan.ConflictRule.hold, false), (.move, .hold, true),
      (.copy, .replace, true), (.hardlink, .skip, false),
    ] {
      let plan = TransferPlan(
        id: "1", action: action, verify: .copy, durability: .fast, conflict: conflict, files: [],
        sourceRoot: "/", destinationRoot: "/", owner: "o")
      #expect(plan.isDurable == durable)
    }
  }

  @Test func `a symlink's target is absolute, also below the root of all`() throws {
    let below = try plan(#""action": "symlink""#)
    #expect(below.symlinkTarget(0) == Array("/hot/shot/a.1001.exr".utf8))
    let root = TransferPlan(
      id: "1", action: .symlink, verify: .copy, durability: .fast, conflict: .hold,
      files: below.files, sourceRoot: "/", destinationRoot: "/", owner: "o")
    #expect(root.symlinkTarget(0) == Array("/shot/a.1001.exr".utf8))
  }
}
