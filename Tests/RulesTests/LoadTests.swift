import Foundation
import Paths
import Testing

@testable import Rules

@Suite("Loading a directory of rules")
struct LoadTests {
  /// A directory of its own, gone after the test.
  private func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = NSTemporaryDirectory() + "/rules-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory)
  }

  private func write(_ text: String, _ path: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  }

  private func rule(_ name: String) -> String {
    "hotplate: 1\nrules: [ { rule: \(name), match: '\(name)', to: '{name}' } ]\n"
  }

  @Test("rules are asked in byte order of their files' names")
  func order() throws {
    try withDirectory { directory in
      for name in ["b", "a", "B", "10", "9"] {
        try write(rule(name), "\(directory)/\(name).yaml")
      }
      let loaded = RuleSet.load(directory: directory)
      #expect(loaded.problems.isEmpty)
      #expect(loaded.files == 5)
      #expect(loaded.rules.rules.map(\.name) == ["10", "9", "B", "a", "b"])
    }
  }

  @Test("hidden files and other names are no rules, and a .yml gets a warning")
  func otherNames() throws {
    try withDirectory { directory in
      try write(rule("a"), "\(directory)/a.yaml")
      try write("not: rules", "\(directory)/.b.yaml")
      try write("not: rules", "\(directory)/c.yaml~")
      try write("not: rules", "\(directory)/d.yml")
      try FileManager.default.createDirectory(
        atPath: "\(directory)/tokens", withIntermediateDirectories: true)
      let loaded = RuleSet.load(directory: directory)
      #expect(loaded.files == 1)
      #expect(loaded.isClean)
      #expect(
        loaded.problems.map { $0.rendered(color: false) } == [
          "\(directory)/d.yml: warning: this file is not read\n      the name of a rule file ends in .yaml"
        ])
    }
  }

  @Test("a file with a mistake is not loaded, and the others are")
  func mistake() throws {
    try withDirectory { directory in
      try write(rule("a"), "\(directory)/a.yaml")
      try write("hotplate: 1\nrulez: []\n", "\(directory)/b.yaml")
      try write(rule("c"), "\(directory)/c.yaml")
      let loaded = RuleSet.load(directory: directory)
      #expect(loaded.rules.rules.map(\.name) == ["a", "c"])
      #expect(loaded.files == 3)
      #expect(!loaded.isClean)
      #expect(loaded.sources.map(\.isLoaded) == [true, false, true])
      let report = loaded.rendered(color: false) { _ in
        "the 6 rules it held at 10:42:07 stay active"
      }
      #expect(
        report == """
          \(directory)/b.yaml:2:1: error: unknown key 'rulez' in a rule file
              2 | rulez: []
                | ^~~~~ did you mean 'rules'?  (hotplate, include, tokens, defaults, rules)
          note: this file was not loaded; the 6 rules it held at 10:42:07 stay active

          """)
    }
  }

  @Test("a rule in a later file that never gets a file is that file's mistake")
  func shadowedByAnotherFile() {
    let loaded = RuleSet.parse(files: [
      ("10.yaml", "hotplate: 1\nrules: [ { rule: all, match: '**', to: '{name}' } ]"),
      ("20.yaml", rule("late")), ("30.yaml", rule("all")),
    ])
    #expect(loaded.problems.map(\.file) == ["20.yaml", "30.yaml", "30.yaml"])
    #expect(loaded.problems.map(\.code) == ["shadowed", "duplicate-rule", "shadowed"])
    #expect(loaded.rules.rules.map(\.name) == ["all"])
  }

  @Test(
    "what cannot be read is named and stops nothing: a FIFO, bad UTF-8, a dangling link, too large a file"
  )
  func unreadable() throws {
    try withDirectory { directory in
      try write(rule("a"), "\(directory)/a.yaml")
      #expect(mkfifo("\(directory)/fifo.yaml", 0o600) == 0)
      try Data([0x68, 0xff, 0x0a]).write(to: URL(fileURLWithPath: "\(directory)/latin.yaml"))
      try FileManager.default.createSymbolicLink(
        atPath: "\(directory)/gone.yaml", withDestinationPath: "nowhere")
      try FileManager.default.createSymbolicLink(
        atPath: "\(directory)/linked.yaml", withDestinationPath: "elsewhere")
      try write(rule("linked"), "\(directory)/elsewhere")
      try write(String(repeating: "# large\n", count: 300_000), "\(directory)/large.yaml")
      let loaded = RuleSet.load(directory: directory)
      #expect(
        loaded.problems.map { $0.rendered(color: false).split(separator: ": error: ")[1] } == [
          "it is no regular file", "it cannot be read: No such file or directory",
          "the file is larger than 1 MiB\n      rules are written by hand: is this the right file?",
          "it is not UTF-8\n      save it as UTF-8",
        ])
      #expect(loaded.files == 6)
      #expect(loaded.rules.rules.map(\.name) == ["a", "linked"])
    }
  }

  @Test("a directory that is not there is a problem, not an empty set")
  func noDirectory() {
    let loaded = RuleSet.load(directory: "/nonexistent/rules")
    #expect(!loaded.isClean)
    #expect(
      loaded.rendered(color: false)
        == "/nonexistent/rules: error: the rules cannot be read: No such file or directory\n      create it, or name another directory\n"
    )
  }

  @Test("examples are counted and run against all rules")
  func examples() {
    let loaded = RuleSet.parse(files: [
      (
        "10.yaml",
        """
        hotplate: 1
        rules:
          - rule: a
            match: 'a.{frame}.exr'
            to: '{name}'
            examples: [ { given: 'a.1.exr', becomes: 'a.1.exr' }, { given: 'b.1.exr', refused: no } ]
        """
      )
    ])
    #expect(loaded.examples == 2)
    #expect(loaded.rules.runExamples().isEmpty)
  }

  @Test("an earlier rule that takes a later one's example is found across files")
  func examplesAcrossFiles() {
    let loaded = RuleSet.parse(files: [
      ("10.yaml", "hotplate: 1\nrules: [ { rule: a, match: '{x}.{frame}.exr', to: '{name}' } ]"),
      (
        "20.yaml",
        """
        hotplate: 1
        rules:
          - rule: b
            match: 'b.{frame}.exr'
            to: 'b/{name}'
            examples: [ { given: 'b.1.exr', becomes: 'b/b.1.exr' } ]
        """
      ),
    ])
    #expect(loaded.problems.map(\.message) == ["the rule 'a' takes this before 'b'"])
    #expect(loaded.rules.rules.map(\.name) == ["a"])
  }

  @Test("a byte order mark and Windows line ends are no mistakes")
  func windows() {
    let loaded = RuleSet.parse(files: [
      (
        "a.yaml",
        "\u{feff}hotplate: 1\r\nrules:\r\n  - rule: a\r\n    match: 'x'\r\n    too: 'y'\r\n"
      )
    ])
    #expect(loaded.problems.map(\.line) == [3, 5])
    #expect(loaded.problems.last?.lineText == "    too: 'y'")
  }
}
