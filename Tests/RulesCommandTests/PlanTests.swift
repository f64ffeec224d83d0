import Files
import Foundation
import Glibc
import Paths
import ReadModel
import Rules
import Testing

@testable import hotplate

/// A hot folder and a destination of one test's own, removed afterwards.
struct Folders {
  let top: String
  var drop: String { top + "/drop" }
  var shows: String { top + "/shows" }
  var moon: String { top + "/moon" }

  static func with(_ body: (Folders) throws -> Void) throws {
    let top = FileManager.default.temporaryDirectory.path + "/plan-" + UUID().uuidString
    let folders = Folders(top: top)
    for path in [folders.drop, folders.shows, folders.moon] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    defer { #expect(throws: Never.self) { try FileManager.default.removeItem(atPath: top) } }
    try body(folders)
  }

  func write(_ path: String, in folder: String, _ text: String = "12345") throws {
    try write(Array(path.utf8), in: folder, text)
  }

  func write(_ path: [UInt8], in folder: String, _ text: String = "12345") throws {
    let whole = Array("\(folder)/".utf8) + path
    let directory = String(
      decoding: whole[..<whole.lastIndex(of: UInt8(ascii: "/"))!], as: UTF8.self)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let file = open(whole.map { CChar(bitPattern: $0) } + [0], O_CREAT | O_WRONLY, 0o600)
    #expect(Glibc.write(file, text, text.utf8.count) == text.utf8.count)
    close(file)
  }

  func plan(_ rules: String, to target: Bool = true) throws -> Plan {
    let loaded = RuleSet.parse(files: [("rules.yaml", rules)])
    #expect(loaded.problems.isEmpty, "\(loaded.rendered(color: false))")
    let roots = try target ? RootFolders(arguments: [shows, "MOON=\(moon)"]) : .unknown
    var plan = Plan(by: loaded.rules, to: roots)
    plan.add(FolderListing(of: try InputFolder(Array(drop.utf8))))
    return plan
  }

  func report(_ rules: String, _ text: String, looking: Bool = false) throws -> PathReport {
    let loaded = RuleSet.parse(files: [("rules.yaml", rules)])
    #expect(loaded.problems.isEmpty, "\(loaded.rendered(color: false))")
    let files = try RuleSet.files(given: text)
    return try PathReport(
      of: RelativePath(text)!, files: files, isSequence: files.count > 1,
      in: looking ? InputFolder(Array(drop.utf8)) : nil, by: loaded.rules, to: .unknown)
  }
}

private let rules = """
  hotplate: 1
  rules:
    - { rule: frames, match: '{shot}_v{version}.{frame}.exr', to: '{shot}/v{version:03d}/{shot}.{frame:04d}.exr' }
    - { rule: movies, match: '{shot}.mov', to: '{shot}.mov' }
  """

private func json(_ value: some Encodable) throws -> [String: Any] {
  let data = Data(try JSON.encode(value))
  return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
}

@Suite("hotplate plan")
struct PlanTests {
  @Test("each sequence has its rule, its destination and the way of every file")
  func plan() throws {
    try Folders.with { folders in
      for frame in [8, 9, 10] { try folders.write("a/sh_v1.\(frame).exr", in: folders.drop) }
      try folders.write("z/readme.txt", in: folders.drop)
      let plan = try folders.plan(rules)
      #expect(plan.sequences.map(\.rule) == ["frames", nil])
      let object = try json(plan)
      let sequence = try #require((object["sequences"] as? [[String: Any]])?.first)
      let source = try #require(sequence["source"] as? [String: Any])
      #expect(source["pattern"] as? String == "sh_v1.@.exr")
      #expect(source["bytes"] as? Int == 15)
      let destination = try #require(sequence["destination"] as? [String: Any])
      #expect(destination["directory"] as? String == "\(folders.shows)/sh/v001")
      #expect(destination["pattern"] as? String == "sh.#.exr")
      #expect(destination["frames"] as? String == "8-10")
      #expect(
        sequence["map"] as? [[String]]
          == [8, 9, 10].map {
            [
              "\(folders.drop)/a/sh_v1.\($0).exr",
              "\(folders.shows)/sh/v001/sh.00\($0 < 10 ? "0" : "")\($0).exr",
            ]
          })
      #expect(sequence["map_bytes"] == nil)
      #expect(sequence["reason"] is NSNull)
      #expect((sequence["conflicts"] as? [Any])?.isEmpty == true)
      let other = try #require((object["sequences"] as? [[String: Any]])?.last)
      #expect(
        (other["reason"] as? String)?.hasPrefix("no rule takes it; frames: does not fit") == true)
      #expect(other["destination"] is NSNull)
    }
  }

  @Test("what lies at the destination already is a conflict, and so is a second source")
  func conflicts() throws {
    try Folders.with { folders in
      try folders.write("a/sh_v1.1.exr", in: folders.drop)
      try folders.write("b/sh_v01.1.exr", in: folders.drop)
      try folders.write("z/x.mov", in: folders.drop)
      try folders.write("z/y.mov", in: folders.drop)
      try folders.write("sh/v001/sh.0001.exr", in: folders.shows, "old")
      try folders.write("x.mov", in: folders.shows, "54321")
      try FileManager.default.createSymbolicLink(
        atPath: "\(folders.shows)/y.mov", withDestinationPath: "nowhere")
      let messages = try folders.plan(rules).sequences.flatMap(\.conflicts).map(\.message)
      #expect(
        messages == [
          "\(folders.shows)/sh/v001/sh.0001.exr exists, with 3 bytes and not 5",
          "\(folders.shows)/sh/v001/sh.0001.exr exists, with 3 bytes and not 5",
          "\(folders.shows)/sh/v001/sh.0001.exr is also where \(folders.drop)/a/sh_v1.1.exr goes",
          "\(folders.shows)/x.mov exists, of the same size; it is compared when it is taken",
          "\(folders.shows)/y.mov exists, and is a symlink",
        ])
      #expect(try folders.plan(rules, to: false).sequences.flatMap(\.conflicts).count == 1)
    }
  }

  @Test("what goes to another root is named by it, and what is left says so")
  func roots() throws {
    try Folders.with { folders in
      for name in ["a/moon_x.exr", "a/x.exr", "b/x.exr", "b/x.done"] {
        try folders.write(name, in: folders.drop)
      }
      try folders.write("x.exr", in: folders.shows, "old")
      let plan = try folders.plan(
        """
        hotplate: 1
        tokens: { show: [moon] }
        rules:
          - { rule: shows, match: '{show}_{x}.exr', root: '{show}', to: '{x}.exr' }
          - { rule: rest, match: '/a/{x}.exr', to: '{x}.exr' }
          - { rule: marker, match: '*.done', leave: a marker }
        """)
      #expect(
        plan.sequences.map { $0.destination?.pattern?.text } == ["x.exr", "x.exr", nil, nil])
      #expect(plan.sequences[0].map.map(\.destination.text) == ["moon:x.exr"])
      #expect(plan.sequences.map(\.conflicts.count) == [0, 1, 0, 0])
      #expect(plan.sequences[2].reason?.text == "left: a marker")
      #expect(plan.sequences[2].rule == "marker")
    }
  }

  @Test("a symlink and a FIFO are named and left alone, Hotplate's own directories are not seen")
  func skipped() throws {
    try Folders.with { folders in
      try folders.write("secret/x.mov", in: folders.shows)
      try folders.write(".hotplate-1/x.mov", in: folders.drop)
      try folders.write("z.mov.part", in: folders.drop)
      try FileManager.default.createSymbolicLink(
        atPath: "\(folders.drop)/link", withDestinationPath: "\(folders.shows)/secret")
      #expect(mkfifo("\(folders.drop)/pipe.mov", 0o600) == 0)
      let plan = try folders.plan(rules)
      #expect(plan.sequences.isEmpty)
      #expect(
        plan.skipped.map { "\($0.path.text.dropFirst(folders.drop.count + 1)): \($0.why)" } == [
          "link: a symlink, which is not followed", "pipe.mov: a FIFO",
          "z.mov.part: in flight: it counts when it is renamed",
        ])
    }
  }

  @Test("a sentinel holds what it covers")
  func sentinels() throws {
    try Folders.with { folders in
      for name in ["a/x.mov", "a/b/y.mov", "c/sh_v1.1.exr", "c/so_v1.1.exr", "d/sh_v1.1.exr"] {
        try folders.write(name, in: folders.drop)
      }
      try folders.write("a/.cancel", in: folders.drop)
      try folders.write("c/sh_v1.cancel", in: folders.drop)
      let plan = try folders.plan(rules)
      #expect(
        plan.sequences.map { $0.reason?.text.dropFirst("on hold: \(folders.drop)/".count) } == [
          "a/.cancel stands there", "a/.cancel stands there", "c/sh_v1.cancel stands there", nil,
          nil,
        ])
    }
  }

  @Test("names that are not UTF-8 have their exact bytes in the JSON")
  func notUTF8() throws {
    try Folders.with { folders in
      let name: [UInt8] = [0xff] + Array(".mov".utf8)
      try folders.write(name, in: folders.drop)
      let sequence = try #require(
        (try json(try folders.plan(rules))["sequences"] as? [[String: Any]])?.first)
      let pair = [folders.drop, folders.shows].map {
        Data(Array("\($0)/".utf8) + name).base64EncodedString()
      }
      #expect(sequence["map_bytes"] as? [[String]] == [pair])
      #expect(
        sequence["map"] as? [[String]] == [
          ["\(folders.drop)/\u{fffd}.mov", "\(folders.shows)/\u{fffd}.mov"]
        ])
    }
  }

  @Test("the hot folder's name is that of the directory itself, not of a symlink to it")
  func name() throws {
    try Folders.with { folders in
      try FileManager.default.createSymbolicLink(
        atPath: "\(folders.top)/other", withDestinationPath: "drop")
      let folder = try InputFolder(Array("\(folders.top)/other/".utf8))
      #expect(folder.name == "drop")
      #expect(folder.given == Array("\(folders.top)/other".utf8))
      for text in ["other/x.mov", "drop/x.mov", "./other//x.mov"] {
        #expect(folder.relative(Array("\(folders.top)/\(text)".utf8)) == RelativePath("x.mov"))
      }
      #expect(folder.relative(Array("\(folders.top)/shows/x.mov".utf8)) == nil)
      #expect(folder.relative(Array("\(folders.top)/otherwise/x.mov".utf8)) == nil)
    }
  }
}

@Suite("hotplate check and explain")
struct ReportTests {
  @Test("check's JSON holds what the interface names")
  func check() throws {
    let loaded = RuleSet.parse(files: [
      ("a.yaml", rules), ("b.yaml", "hotplate: 1\nrulez: []\n"),
    ])
    let object = try json(CheckReport(loaded))
    #expect(object["ok"] as? Bool == false)
    #expect(object["files"] as? Int == 2)
    #expect(object["rules"] as? Int == 2)
    #expect(object["examples"] as? Int == 0)
    let problem = try #require((object["problems"] as? [[String: Any]])?.first)
    #expect(problem["file"] as? String == "b.yaml")
    #expect(problem["line"] as? Int == 2)
    #expect(problem["column"] as? Int == 1)
    #expect(problem["length"] as? Int == 5)
    #expect(problem["severity"] as? String == "error")
    #expect(problem["code"] as? String == "unknown-key")
    #expect(problem["message"] as? String == "unknown key 'rulez' in a rule file")
    #expect((problem["hint"] as? String)?.hasPrefix("did you mean 'rules'?") == true)
  }

  @Test("explain's JSON holds what the interface names, and its siblings tell the count")
  func explain() throws {
    try Folders.with { folders in
      for frame in 1...2 { try folders.write("a/sh_v1.\(frame).exr", in: folders.drop) }
      let loaded = RuleSet.parse(files: [
        ("a.yaml", rules.replacing("to:", with: "when: { count: 2 }, to:", maxReplacements: 1))
      ])
      #expect(loaded.problems.isEmpty)
      let folder = try InputFolder(Array(folders.drop.utf8))
      let path = RelativePath("a/sh_v1.1.exr")!
      #expect(try folder.files(beside: path).count == 2)
      #expect(try folder.files(beside: RelativePath("none/x.exr")!) == [])
      let report = try PathReport(
        of: path, files: [path], isSequence: false, in: folder, by: loaded.rules, to: .unknown)
      let object = try json(report)
      #expect(object["path"] as? String == "a/sh_v1.1.exr")
      #expect(object["rule"] as? String == "frames")
      #expect(
        object["tokens"] as? [String: String] == ["shot": "sh", "version": "1", "frame": "1"])
      #expect(object["destination"] as? String == "sh/v001/sh.0001.exr")
      #expect(object["held"] is NSNull)
      let tried = try #require((object["tried"] as? [[String: Any]])?.first)
      #expect(tried["rule"] as? String == "frames")
      #expect(tried["matched"] as? Bool == true)
      #expect((tried["why"] as? String)?.hasPrefix("fits '") == true)
    }
  }
}
