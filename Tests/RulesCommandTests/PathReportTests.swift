import Foundation
import Paths
import ReadModel
import Rules
import Testing

@testable import hotplate

private let rules = """
  hotplate: 1
  rules:
    - { rule: notes, match: '*.txt', leave: not ours }
    - rule: plates
      match: '{shot}_{plate}.{frame}.exr'
      when: { count: 1-2 }
      to: 'plates/{name}'
    - rule: frames
      match: '{shot}_v{version}.{frame}.exr'
      together: '/{vendor}/'
      ready: { frames: 1-4, patience: 10m, marker: '{vendor}.done' }
      renumber: { first: 1001 }
      to: '{vendor}/v{version:03d}/{shot}.{frame:04d}.exr'
      conflict: version-up
  """

@Suite("explain")
struct PathReportTests {
  @Test("a sequence that does not exist is explained as if its files were there")
  func sequence() throws {
    try Folders.with { folders in
      let report = try folders.report(rules, "acme/sh_v1.[1-3].exr")
      #expect(report.explanation.rule?.name == "frames")
      #expect(report.explanation.tried.map(\.matched) == [false, false, true])
      #expect(report.explanation.tried[1].why == "when.count is 1-2, and there are 3 frames")
      let part = try #require(report.parts.first)
      #expect(report.parts.count == 1)
      #expect(part.frames == [1, 2, 3])
      #expect(part.delivery?.description == "acme")
      #expect(part.destination?.files.first?.description == "acme/v001/sh.1001.exr")
      #expect(part.destination?.files.last?.description == "acme/v001/sh.1003.exr")
      #expect(part.readiness?.conditions.map(\.code) == ["quiet", "incomplete", "gaps", "marker"])
      #expect(part.readiness?.lacks.map(\.lack) == ["frame 4 missing"])
      #expect(part.readiness?.patience == .seconds(600))
      let text = report.lines(Ink(isOn: false)).joined(separator: "\n")
      for piece in [
        "acme/sh_v1.[1-3].exr", "when.count is 1-2", "{vendor}   acme",
        "source     acme/sh_v1.@.exr 1-3, 3 frames", "delivery   acme/",
        "→          acme/v001/sh.#.exr 1001-1003", "first      acme/v001/sh.1001.exr",
        "last       acme/v001/sh.1003.exr", "the frames 1-4  frame 4 missing",
        "the marker acme/acme.done", "waited for 10m", "copy; verified while it is copied",
        "next free number of acme/v001",
      ] { #expect(text.contains(piece), "\(piece)\n\(text)") }
      #expect(!text.contains("\u{1B}"))
      #expect(report.lines(Ink(isOn: true)).joined().contains("\u{1B}["))
    }
  }

  @Test("what lies beside a path in the hot folder counts, and its marker is looked for")
  func looking() throws {
    try Folders.with { folders in
      for frame in [1, 2, 4] { try folders.write("acme/sh_v1.\(frame).exr", in: folders.drop) }
      let report = try folders.report(rules, "acme/sh_v1.3.exr", looking: true)
      let part = try #require(report.parts.first)
      #expect(part.frames == [1, 2, 3, 4])
      #expect(part.readiness?.lacks.map(\.code) == ["marker"])
      try folders.write("acme/acme.done", in: folders.drop, "")
      let later = try folders.report(rules, "acme/sh_v1.3.exr", looking: true)
      #expect(later.parts.first?.readiness?.lacks.isEmpty == true)
    }
  }

  @Test("left, unmatched and held are three answers, each shown as what it is")
  func answers() throws {
    try Folders.with { folders in
      let held = """
        hotplate: 1
        rules:
          - { rule: odd, match: '{shot}.exr', to: '{parent}/{shot}.exr' }
        """
      let cases = [
        (rules, "a.txt", "left       not ours"), (rules, "a.mov", "no rule takes it"),
        (held, "a.exr", "held       {parent} has no value"),
      ]
      for (rules, path, text) in cases {
        let lines = try folders.report(rules, path).lines(Ink(isOn: false)).joined(separator: "\n")
        #expect(lines.contains(text), "\(lines)")
      }
    }
  }

  @Test("brackets that are no frames are an error with a remedy, and [[] is a bracket")
  func brackets() throws {
    for text in ["a.[1-].exr", "a.[x].exr", "a.[1-2].[3].exr", "a.[1", "a.[].exr"] {
      let error = #expect(throws: GivenPathError.self) { try RuleSet.files(given: text) }
      #expect(error?.message.isEmpty == false)
    }
    #expect(
      try RuleSet.files(given: "a[[]x].[9-10].exr").map(\.description) == [
        "a[x].9.exr", "a[x].10.exr",
      ])
    #expect(try RuleSet.files(given: "a.[008-010].exr").last?.description == "a.010.exr")
  }

  @Test("the JSON keeps the interface's keys and adds one object for each sequence")
  func encoded() throws {
    try Folders.with { folders in
      let report = try folders.report(rules, "acme/sh_v1.[1-3].exr")
      let data = Data(try JSON.encode(report))
      let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      #expect(
        Set(object.keys) == [
          "path", "rule", "tokens", "destination", "root", "left", "held", "notices", "tried",
          "sequences",
        ])
      #expect(object["destination"] as? String == "acme/v001/sh.1001.exr")
      let part = try #require((object["sequences"] as? [[String: Any]])?.first)
      #expect(part["conflict"] as? String == "version-up")
      #expect(part["patience"] as? Double == 600)
      #expect((part["source"] as? [String: Any])?["frames"] as? String == "1-3")
      #expect((part["destination"] as? [String: Any])?["frames"] as? String == "1001-1003")
    }
  }
}
