import Foundation
import Paths
import ReadModel
import Rules
import Testing

@testable import hotplate

private func json(_ value: some Encodable) throws -> [String: Any] {
  let data = Data(try JSON.encode(value))
  return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
}

private func rule(_ more: String) -> String {
  """
  hotplate: 1
  rules:
    - rule: frames
      match: '{shot}_v{version}.{frame}.exr'
      to: '{shot}/v{version:03d}/{shot}.{frame:04d}.exr'
      \(more)
  """
}

private let delivery = """
  hotplate: 1
  rules:
    - rule: frames
      match: '{shot}.{frame}.dpx'
      together: '/{vendor}/{pkg}/'
      ready: { frames: 1-3, marker: '{pkg}.done', manifest: '*.md5' }
      to: '{vendor}/{shot}/{name}'
    - { rule: notes, match: '*.txt', leave: not ours }
  """

@Suite("what plan says would become of a sequence")
struct VerdictTests {
  @Test(
    "what lies there already is answered as the rule's conflict says",
    arguments: [
      ("hold", "would be held", PlannedSequence.Would.hold),
      ("skip", "1 of 2 frames would be left out", .go),
      ("replace", "1 of 2 frames would be replaced", .go),
      ("version-up", "would become v004", .go),
    ])
  func resolution(conflict: String, text: String, would: PlannedSequence.Would) throws {
    try Folders.with { folders in
      for frame in 1...2 { try folders.write("sh_v1.\(frame).exr", in: folders.drop) }
      try folders.write("sh/v001/sh.0001.exr", in: folders.shows, "old")
      try folders.write("sh/v003/sh.0001.exr", in: folders.shows)
      let sequence = try #require(
        try folders.plan(rule("conflict: \(conflict)")).sequences.first)
      #expect(sequence.resolution == text)
      #expect(sequence.would == would)
      let number = conflict == "version-up" ? "004" : "001"
      #expect(sequence.map[0].destination.text == "\(folders.shows)/sh/v\(number)/sh.0001.exr")
    }
  }

  @Test("the same size is no conflict for certain: the bytes are compared when it is taken")
  func sameSize() throws {
    try Folders.with { folders in
      try folders.write("sh_v1.1.exr", in: folders.drop)
      try folders.write("sh/v001/sh.0001.exr", in: folders.shows)
      for (conflict, text) in [
        ("hold", "done already if all are identical, else held"),
        ("skip", "1 of 1 frame left out where not identical"),
        ("version-up", "done already if identical, else the next version"),
      ] {
        let sequence = try #require(
          try folders.plan(rule("conflict: \(conflict)")).sequences.first)
        #expect(sequence.resolution == text)
        #expect(sequence.would == .go)
        #expect(sequence.map[0].destination.text == "\(folders.shows)/sh/v001/sh.0001.exr")
      }
    }
  }

  @Test("layers of one directory and one version go to one new number together")
  func oneNumber() throws {
    try Folders.with { folders in
      for shot in ["sha", "shb"] { try folders.write("\(shot)_v1.1.exr", in: folders.drop) }
      try folders.write("v001/sha.1.exr", in: folders.shows, "old")
      let plan = try folders.plan(
        """
        hotplate: 1
        rules:
          - { rule: all, match: '{shot}_v{version}.{frame}.exr', to: 'v{version:03d}/{shot}.{frame}.exr', conflict: version-up }
        """)
      #expect(plan.sequences.map(\.would) == [.go, .go])
      #expect(
        plan.sequences.flatMap(\.map).map { $0.destination.text }.sorted()
          == ["sha", "shb"].map { "\(folders.shows)/v002/\($0).1.exr" })
    }
  }

  @Test("under hold, frames of a sequence that is there already would be held")
  func stranger() throws {
    try Folders.with { folders in
      try folders.write("sh_v1.2.exr", in: folders.drop)
      try folders.write("sh/v001/sh.0001.exr", in: folders.shows)
      let held = try #require(try folders.plan(rule("conflict: hold")).sequences.first)
      #expect(held.would == .hold)
      #expect(
        held.conflicts.map(\.message).joined().contains("sh.0001.exr is of the same sequence"))
      let taken = try #require(try folders.plan(rule("conflict: skip")).sequences.first)
      #expect(taken.would == .go)
    }
  }

  @Test("gaps, frames that are not whole and a wish for more are what it waits for")
  func waits() throws {
    try Folders.with { folders in
      for frame in [1, 3] { try folders.write("sh_v1.\(frame).exr", in: folders.drop) }
      try folders.write("sh_v1.4.exr", in: folders.drop, "")
      let sequence = try #require(
        try folders.plan(rule("ready: { frames: 1-5, patience: 1m }")).sequences.first)
      #expect(sequence.would == .wait)
      #expect(sequence.waitsFor.map(\.code) == ["incomplete", "gaps"])
      #expect(
        sequence.waitsFor.map(\.lack) == [
          "sh_v1.4.exr is not whole: it is empty", "frames 2,5 missing",
        ])
      let held = try #require(
        try folders.plan(rule("ready: { gaps: hold, whole: no }")).sequences.first)
      #expect(held.would == .hold)
      let accepted = try #require(try folders.plan(rule("ready: { whole: no }")).sequences.first)
      #expect(accepted.would == .go)
      #expect(accepted.source.missing == [2])
    }
  }

  @Test("a delivery waits as a whole for the marker, the manifest and the last frame of any member")
  func together() throws {
    try Folders.with { folders in
      for frame in 1...3 { try folders.write("acme/p1/a.\(frame).dpx", in: folders.drop) }
      for frame in 1...2 { try folders.write("acme/p1/sub/b.\(frame).dpx", in: folders.drop) }
      try folders.write("acme/p1/notes.txt", in: folders.drop)
      let plan = try folders.plan(delivery)
      let whole = try #require(plan.deliveries.first)
      #expect(plan.deliveries.count == 1)
      #expect(whole.directory.text == "\(folders.drop)/acme/p1")
      #expect(whole.would == .wait)
      let members = whole.members.map { plan.sequences[$0] }
      #expect(members.allSatisfy { $0.would == .wait })
      #expect(
        members.map { $0.waitsFor.map(\.code) }
          == [["marker", "manifest"], ["gaps", "marker", "manifest"]])
      let notes = try #require(plan.sequences.first { $0.rule == "notes" })
      #expect(notes.left == "not ours")
      #expect(notes.would == .stay)

      try folders.write("acme/p1/p1.done", in: folders.drop, "")
      try folders.write("acme/p1/list.md5", in: folders.drop)
      let later = try folders.plan(delivery)
      let codes = later.deliveries[0].members.flatMap { later.sequences[$0].waitsFor.map(\.code) }
      #expect(codes == ["gaps"])
      let companions = later.sequences.filter { $0.reason?.text.hasPrefix("a marker or") == true }
      #expect(companions.count == 2)
    }
  }

  @Test("a sentinel anywhere below holds the whole delivery, a copy under way keeps it waiting")
  func obstacles() throws {
    try Folders.with { folders in
      let rules = delivery.replacing(
        ", marker: '{pkg}.done', manifest: '*.md5'", with: ", whole: no")
      for frame in 1...3 { try folders.write("acme/p1/a.\(frame).dpx", in: folders.drop) }
      #expect(try folders.plan(rules).deliveries.map(\.would) == [.go])
      try folders.write("acme/p1/b.1.dpx.part", in: folders.drop)
      let waiting = try folders.plan(rules)
      #expect(waiting.deliveries.map(\.would) == [.wait])
      #expect(waiting.sequences.map(\.would) == [.wait])
      try folders.write("acme/p1/sub/.cancel", in: folders.drop, "")
      let held = try folders.plan(rules)
      #expect(held.deliveries.map(\.would) == [.hold])
      #expect(
        held.deliveries[0].reasons.first
          == "acme/p1/sub/.cancel stands there, and a delivery goes whole")
    }
  }

  @Test("a rule's root is one of those that were named; of another only its name is known")
  func roots() throws {
    try Folders.with { folders in
      let rules = """
        hotplate: 1
        rules:
          - { rule: movies, match: '{show}_{shot}.mov', root: '{show}', to: '{shot}.mov' }
        """
      for show in ["MOON", "MARS"] { try folders.write("\(show)_a.mov", in: folders.drop) }
      let plan = try folders.plan(rules)
      #expect(plan.sequences.map(\.would) == [.go, .go])
      #expect(plan.sequences[0].destination?.shownPlace == "MARS:a.mov")
      #expect(plan.sequences[1].map[0].destination.text == "\(folders.moon)/a.mov")
      #expect(plan.sequences[1].destination?.root == "MOON")
      // Nobody said where roots lie: all that is known is the path below.
      #expect(try folders.plan(rules, to: false).sequences.map(\.would) == [.go, .go])
      #expect(
        try folders.plan(rules, to: false).sequences[1].map[0].destination.text == "MOON:a.mov")
    }
  }

  @Test("each name of --to is said once, and a directory with an equals sign is written ./a=b")
  func rootArguments() throws {
    try Folders.with { folders in
      try FileManager.default.createDirectory(
        atPath: "\(folders.top)/a=b", withIntermediateDirectories: true)
      let odd = try RootFolders(arguments: ["\(folders.top)/a=b", "MOON=\(folders.moon)"])
      #expect(odd["default"]?.given == Array("\(folders.top)/a=b".utf8))
      #expect(odd["MOON"]?.given == Array(folders.moon.utf8))
      #expect(throws: (any Error).self) {
        try RootFolders(arguments: ["M=\(folders.moon)", "M=\(folders.shows)"])
      }
      let failure = #expect(throws: Failure.self) { try RootFolders(arguments: ["M=/no/such"]) }
      #expect(failure?.status == .noSuchInput)
    }
  }

  @Test("the JSON tells what would become of each, and what it waits for")
  func encoded() throws {
    try Folders.with { folders in
      for frame in [1, 3] { try folders.write("sh_v1.\(frame).exr", in: folders.drop) }
      let object = try json(try folders.plan(rule("ready: { gaps: wait }")))
      #expect((object["deliveries"] as? [Any])?.isEmpty == true)
      let sequence = try #require((object["sequences"] as? [[String: Any]])?.first)
      #expect(sequence["would"] as? String == "wait")
      #expect(sequence["resolution"] is NSNull)
      #expect(sequence["delivery"] is NSNull)
      #expect(sequence["left"] is NSNull)
      let waits = try #require(sequence["waits_for"] as? [[String: Any]])
      #expect(waits.map { $0["code"] as? String } == ["gaps"])
      #expect(waits.map { $0["lacks"] as? String } == ["frame 2 missing"])
    }
  }
}
