import Paths
import Testing

@testable import Rules

@Suite("What a delivery waits for, and where it goes")
struct DeliveryTests {
  private func assignment(_ rules: RuleSet, _ files: String...) throws -> Assignment {
    let assignments = rules.assign(try files.flatMap { try ExamplePath($0).files }, hotFolder: nil)
    try #require(assignments.count == 1)
    return assignments[0]
  }

  @Test("a rule carries what it says about readiness, the way and the order")
  func rule() {
    let rules = sound(
      """
      hotplate: 1
      rules:
        - rule: all
          together: '/{package}/'
          match: '{x}.{frame}.exr'
          ready: { quiet: 60s, frames: 1-3, marker: '{package}.done', manifest: '*.md5', patience: 4h, whole: no }
          to: 'v{version|default:001}/{name}'
          find: [version]
          transfer: [reflink, hardlink, copy]
          conflict: version-up
          verify: readback
          at_most: 2
          priority: -5
        - { rule: little, match: '{x}.mov', to: '{name}', ready: { whole: true } }
        - { rule: waits, match: '{x}.{frame}.dpx', to: '{name}', ready: { gaps: wait, patience: 5m } }
        - { rule: not, match: '*', leave: because }
      """)
    let all = rules.rules[0]
    #expect(all.isDelivery)
    #expect(
      all.ready
        == Rule.Ready(
          quiet: .seconds(60), frames: [1, 2, 3], gaps: .wait, patience: .seconds(4 * 3600),
          whole: false, hasMarker: true, hasManifest: true))
    #expect(all.transfer == [.reflink, .hardlink, .copy])
    #expect(all.conflict == .versionUp)
    #expect(all.verify == .readback)
    #expect(all.atMost == 2)
    #expect(all.priority == -5)
    #expect(all.leave == nil)
    let little = rules.rules[1]
    #expect(
      little.ready
        == Rule.Ready(
          quiet: nil, frames: nil, gaps: .accept, patience: nil, whole: true, hasMarker: false,
          hasManifest: false))
    #expect(!little.isDelivery && little.atMost == nil && little.priority == 0)
    #expect(rules.rules[2].ready.gaps == .wait)
    #expect(rules.rules[2].ready.patience == .seconds(300))
    #expect(rules.rules[3].leave == "because")
  }

  @Test("a default patience is for those rules that wait for something")
  func defaultPatience() {
    let rules = sound(
      """
      hotplate: 1
      defaults: { ready: { patience: 1h } }
      rules:
        - { rule: a, match: '{x}.{frame}.exr', to: '{name}' }
        - { rule: b, match: '{x}.{frame}.dpx', to: '{name}', ready: { frames: 1-2 } }
      """)
    #expect(rules.rules.map(\.ready.patience) == [nil, .seconds(3600)])
  }

  @Test("a match knows its delivery, and an assignment holds files of one alone")
  func delivery() throws {
    let rules = sound(
      """
      hotplate: 1
      tokens: { shot: 'sh\\d+' }
      rules: [ { rule: a, together: '{shot}_v{version}/', match: '{x}.{frame}.exr', to: '{shot}/{name}' } ]
      """)
    let one = try assignment(rules, "in/sh1_v2/deep/a.[1-2].exr")
    #expect(one.delivery == path("in/sh1_v2"))
    guard case .taken(let match) = rules.decide(path("in/sh1_v2/a.1.exr"), hotFolder: nil) else {
      Issue.record("not taken")
      return
    }
    #expect(match.delivery == path("in/sh1_v2"))
    #expect(match.rule.name == "a")
    #expect(match.tokens.map(\.name) == ["x", "frame", "shot", "version"])
    let plain = sound("hotplate: 1\nrules: [ { rule: a, match: '{x}.mov', to: '{name}' } ]")
    #expect(try assignment(plain, "in/a.mov").delivery == nil)
  }

  @Test("the marker lies in the delivery's directory, or in the sequence's own")
  func marker() throws {
    let rules = sound(
      """
      hotplate: 1
      tokens: { layer: { beauty: [rgba] } }
      rules:
        - rule: package
          together: '/{vendor}/{package}/'
          match: '{shot}.{frame}.exr'
          ready: { marker: '{package|lower}.done' }
          to: '{name}'
        - rule: sequence
          match: '{shot}_{layer}.{frame}.dpx'
          ready: { marker: '{stem}.{layer}_ok' }
          to: '{name}'
        - { rule: single, match: '{x}.mov', ready: { marker: 'ready/{name}.ok' }, to: '{name}' }
        - { rule: none, match: '{x}.tif', to: '{name}' }
      """)
    func marker(_ file: String) throws -> RelativePath? {
      try rules.deliveryMarker(of: assignment(rules, file))
    }
    #expect(try marker("acme/P1/deep/a.[1-2].exr") == path("acme/P1/p1.done"))
    #expect(try marker("in/a_rgba.[1-2].dpx") == path("in/a_rgba.beauty_ok"))
    #expect(try marker("in/a.mov") == path("in/ready/a.mov.ok"))
    #expect(try marker("a.tif") == nil)
    for (companion, expected) in [
      ("acme/P1/p1.done", true), ("acme/P1/P1.done", true), ("acme/P1/P1.DONE", false),
      ("acme/P1/p2.done", false), ("acme/P1/deep/P1.done", false), ("p1.done", false),
      ("in/a_rgba.rgba_ok", true), ("x.z_ok", false), ("a/ready/b.mov.ok", true),
      ("a/b.mov.ok", false),
    ] {
      #expect(rules.isCompanion(path(companion)) == expected, "\(companion)")
    }
  }

  @Test("manifests lie anywhere below the delivery, or beside the sequence")
  func manifest() throws {
    let rules = sound(
      """
      hotplate: 1
      rules:
        - rule: package
          together: '/{vendor}/{package}/'
          match: '{shot}.{frame}.exr'
          ready: { manifest: '*.md5' }
          to: '{name}'
        - { rule: alone, match: '{shot}.{frame}.dpx', ready: { manifest: '{shot}.sha1' }, to: '{name}' }
      """)
    let package = try assignment(rules, "acme/p1/a.[1-2].exr")
    for (file, isManifest, isCompanion) in [
      ("acme/p1/all.md5", true, true), ("acme/p1/x/y/all.MD5", true, true),
      ("acme/p1/all.sha256", false, false), ("acme/p2/all.md5", false, true),
      ("acme/all.md5", false, false),
    ] {
      #expect(rules.isManifest(path(file), of: package) == isManifest, "\(file)")
      #expect(rules.isCompanion(path(file)) == isCompanion, "\(file)")
    }
    let alone = try assignment(rules, "in/a.[1-2].dpx")
    #expect(rules.isManifest(path("in/a.sha1"), of: alone))
    #expect(!rules.isManifest(path("in/b.sha1"), of: alone))
    #expect(!rules.isManifest(path("in/x/a.sha1"), of: alone))
    #expect(rules.isCompanion(path("anywhere/b.sha1")))
  }

  @Test("a version in a directory tells where its numbers are looked up")
  func versioned() throws {
    let rules = sound(
      """
      hotplate: 1
      rules:
        - { rule: a, match: '{shot}_v{version}.{frame}.exr', to: '{shot}/render/pub_v{version:03d}_x/{shot}_v{version:02d}.{frame}.exr', conflict: version-up }
        - { rule: b, match: '{shot}_v{version}.{frame}.dpx', to: 'v{version}/{name}' }
        - { rule: c, match: '{shot}.{frame}.tif', find: [version], to: 'v{version:04d|default:007}/{name}', conflict: version-up }
        - { rule: d, match: '{shot}_v{version}.mov', to: '{shot}_v{version}.mov' }
      """)
    let a = try assignment(rules, "sh_v12.[1-2].exr")
    let first = try rules.destination(of: a)
    #expect(
      first.versioned
        == Destination.Versioned(
          parent: path("sh/render"), head: bytes("pub_v"), tail: bytes("_x"), padding: 3, source: 12
        ))
    let next = try rules.destination(of: a, version: 1000)
    #expect(next.files[0] == path("sh/render/pub_v1000_x/sh_v1000.1.exr"))
    #expect(next.versioned == first.versioned)
    #expect(try rules.destination(of: a, version: 7).directory == path("sh/render/pub_v007_x"))

    let b = try assignment(rules, "sh_v007.[1-2].dpx")
    #expect(
      try rules.destination(of: b).versioned
        == Destination.Versioned(parent: .root, head: bytes("v"), tail: [], padding: 3, source: 7))
    // `{name}` is the file's own name, whatever version it is published as.
    #expect(try rules.destination(of: b, version: 8).files[0] == path("v008/sh_v007.1.dpx"))
    let c = try assignment(rules, "sh.[1-2].tif")
    #expect(try rules.destination(of: c).versioned?.source == 7)
    #expect(try rules.destination(of: c, version: 9).directory == path("v0009"))
    #expect(try rules.destination(of: assignment(rules, "sh_v1.mov")).versioned == nil)
  }

  @Test("a day is written as the calendar writes it, and only days that there are")
  func day() {
    #expect(Day("2025-06-14")?.description == "2025-06-14")
    #expect(Day("2024-02-29") != nil)
    for text in ["2025-02-29", "2025-13-01", "2025-00-10", "2025-1-10", "20250610", "", "a-b-c"] {
      #expect(Day(text) == nil, "\(text)")
    }
    #expect(Day(year: 7, month: 1, day: 2)?.description == "0007-01-02")
    #expect(Day.today.year >= 2025)
  }

  @Test("an explanation names the root, and what is left")
  func explanation() {
    let rules = sound(
      """
      hotplate: 1
      tokens: { show: { MOON: [mfl] } }
      rules:
        - { rule: a, match: '*.{frame}.exr', find: [show], root: '{show}', to: '{name}' }
        - { rule: b, match: '*.done', leave: a marker }
      """)
    let one = rules.explain(path("x/mfl_a.1.exr"))
    #expect(one.root == "MOON")
    #expect(one.destination == path("mfl_a.1.exr"))
    #expect(one.tokens.map(\.value.text) == ["1", "MOON"])
    let two = rules.explain(path("x.done"))
    #expect(two.left == "a marker")
    #expect(two.rule?.name == "b")
    #expect(two.destination == nil && two.root == nil && two.held == nil)
    #expect(two.tried.map(\.matched) == [false, true])
    let three = rules.explain(path("x.1.exr"))
    #expect(three.tried[0].why == "'to' needs {show}, and none is found in the name")
  }
}
