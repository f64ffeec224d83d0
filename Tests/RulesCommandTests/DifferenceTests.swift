import Foundation
import Paths
import ReadModel
import Rules
import Testing

@testable import hotplate

private let old = """
  hotplate: 1
  rules:
    - { rule: moved, match: 'm_{shot}.{frame}.exr', to: 'old/{name}' }
    - { rule: dropped, match: 'd_{shot}.{frame}.exr', to: '{name}' }
    - { rule: unwanted, match: 'u_{shot}.{frame}.exr', to: '{name}' }
    - { rule: same, match: 's_{shot}.{frame}.exr', to: '{name}' }
    - { rule: way, match: 'w_{shot}.{frame}.exr', to: '{name}' }
  """

private let new = """
  hotplate: 1
  rules:
    - { rule: moved, match: 'm_{shot}.{frame}.exr', to: 'new/{name}' }
    - { rule: added, match: 'a_{shot}.{frame}.exr', to: '{name}' }
    - { rule: unwanted, match: 'u_{shot}.{frame}.exr', leave: not any more }
    - { rule: same, match: 's_{shot}.{frame}.exr', to: '{name}' }
    - { rule: way, match: 'w_{shot}.{frame}.exr', to: '{name}', transfer: move }
  """

@Suite("what a change of rules would change")
struct DifferenceTests {
  private func difference(_ folders: Folders, _ old: String, _ new: String) throws -> PlanDifference
  {
    let sets = [old, new].map { RuleSet.parse(files: [("rules.yaml", $0)]) }
    for set in sets { #expect(set.isClean, "\(set.rendered(color: false))") }
    var difference = PlanDifference(from: sets[0].rules, to: sets[1].rules)
    difference.add(FolderListing(of: try InputFolder(Array(folders.drop.utf8))))
    return difference
  }

  @Test("only what differs is named, a sequence at a time, with both rules and both places")
  func kinds() throws {
    try Folders.with { folders in
      for name in ["m", "d", "a", "u", "s", "w"] {
        for frame in 1...2 { try folders.write("x/\(name)_sh.\(frame).exr", in: folders.drop) }
      }
      let difference = try difference(folders, old, new)
      #expect(difference.looked == 12)
      #expect(
        difference.changes.map(\.kind) == [
          .newlyTaken, .noLongerTaken, .elsewhere, .newlyLeft, .otherwise,
        ])
      #expect(difference.changes.allSatisfy { $0.files.count == 2 })
      let moved = try #require(difference.changes.first { $0.kind == .elsewhere })
      #expect(moved.source.shownPlace == "\(folders.drop)/x/m_sh.@.exr 1-2")
      #expect(moved.old.destination?.shownPlace == "old/m_sh.@.exr 1-2")
      #expect(moved.new.destination?.shownPlace == "new/m_sh.@.exr 1-2")
      let way = try #require(difference.changes.first { $0.kind == .otherwise })
      #expect(way.differs == ["transfer: copy → move"])
      let lines = difference.lines(Ink(isOn: false))
      #expect(
        lines.last
          == "10 of 12 files differ: 2 would go elsewhere, 2 newly taken, 2 no longer taken, 2 newly left, 2 would be handled otherwise"
      )
      #expect(lines.contains("    new        not any more  [unwanted]"))
    }
  }

  @Test("rules that say the same differ in nothing, however they are written")
  func nothing() throws {
    try Folders.with { folders in
      for frame in 1...2 { try folders.write("s_sh.\(frame).exr", in: folders.drop) }
      let difference = try difference(
        folders, old, old.replacing("'{name}' }", with: "'{name}', about: x }"))
      #expect(difference.isEmpty)
      #expect(difference.lines(Ink(isOn: false)) == ["nothing differs in 2 files"])
    }
  }

  @Test("of a sequence that is parted, each part is named with its own frames")
  func parted() throws {
    try Folders.with { folders in
      for frame in 1...4 { try folders.write("m_sh.\(frame).exr", in: folders.drop) }
      let split = new.replacing(
        "rules:\n",
        with:
          "rules:\n  - { rule: low, match: 'm_{shot}.{frame}.exr', except: ['*.[34].exr', '*.3.exr', '*.4.exr'], to: 'old/{name}' }\n",
        maxReplacements: 1)
      let difference = try difference(folders, old, split)
      #expect(
        difference.changes.map { "\($0.kind.rawValue): \($0.source.shownPlace)" } == [
          "would be handled otherwise: \(folders.drop)/m_sh.@.exr 1-2",
          "would go elsewhere: \(folders.drop)/m_sh.@.exr 3-4",
        ])
    }
  }

  @Test("the JSON has a row a file, and the exact bytes of names that are not UTF-8")
  func encoded() throws {
    try Folders.with { folders in
      let name = Array("m_".utf8) + [0xff] + Array(".1.exr".utf8)
      try folders.write(name, in: folders.drop)
      let data = Data(try JSON.encode(try difference(folders, old, new)))
      let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      #expect(object["files"] as? Int == 1)
      let change = try #require((object["differences"] as? [[String: Any]])?.first)
      #expect(change["kind"] as? String == "would go elsewhere")
      let row = try #require((change["map_bytes"] as? [[String]])?.first)
      #expect(Data(base64Encoded: row[2]) == Data(Array("new/".utf8) + name))
    }
  }
}
