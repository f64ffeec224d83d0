import Foundation
import Testing

@testable import Rules

@Suite("Included files")
struct IncludeTests {
  private func load(_ text: String, _ includes: [String: String]) -> LoadedRules {
    RuleSet.parse(files: [("10.yaml", text)], includes: includes)
  }

  private let rule = "rules: [ { rule: a, match: '{shot}.{frame}.exr', to: '{shot}/{name}' } ]\n"

  @Test("tokens and defaults of an included file count, and the including file's own win")
  func own() {
    let tokens = "tokens: { shot: 'sh\\d+' }\ndefaults: { conflict: skip, verify: none }\n"
    let plain = load("hotplate: 1\ninclude: tokens/a.yaml\n" + rule, ["tokens/a.yaml": tokens])
    #expect(plain.problems.isEmpty)
    #expect(plain.rules.rules[0].conflict == .skip)
    #expect(plain.rules.explain(path("x.1.exr")).rule == nil)
    #expect(plain.rules.explain(path("sh1.1.exr")).rule?.name == "a")
    let own = load(
      "hotplate: 1\ninclude: [tokens/a.yaml]\ntokens: { shot: x }\ndefaults: { conflict: replace }\n"
        + rule, ["tokens/a.yaml": tokens])
    #expect(own.rules.rules[0].conflict == .replace)
    #expect(own.rules.rules[0].verify == .none)
    #expect(own.rules.explain(path("x.1.exr")).rule?.name == "a")
    #expect(own.rules.explain(path("sh1.1.exr")).rule == nil)
  }

  @Test("two included files may say the same, and differ where the including file decides")
  func twice() {
    let includes = [
      "a.yaml": "tokens: { shot: 'sh\\d+' }", "b.yaml": "hotplate: 1\ntokens: { shot: 'sh\\d+' }",
      "c.yaml": "include: [a.yaml]\ntokens: { shot: 'x' }",
    ]
    #expect(load("hotplate: 1\ninclude: [a.yaml, b.yaml]\n" + rule, includes).problems.isEmpty)
    #expect(
      load("hotplate: 1\ninclude: [a.yaml, c.yaml]\n" + rule, includes).problems.map(\.code) == [
        "include-twice"
      ])
    #expect(
      load("hotplate: 1\ninclude: [a.yaml, c.yaml]\ntokens: { shot: y }\n" + rule, includes)
        .problems.isEmpty)
  }

  @Test("a path counts from the file it stands in")
  func nested() {
    let loaded = load(
      "hotplate: 1\ninclude: [tokens/all.yaml]\n" + rule,
      [
        "tokens/all.yaml": "include: [./deep/x.yaml, ../base.yaml]", "tokens/deep/x.yaml": "",
        "base.yaml": "tokens: { shot: 'sh\\d+' }",
      ])
    #expect(loaded.problems.isEmpty)
    #expect(
      loaded.sources.map(\.file) == [
        "10.yaml", "tokens/all.yaml", "tokens/deep/x.yaml", "base.yaml",
      ])
    #expect(loaded.sources.map(\.rules) == [1, 0, 0, 0])
    #expect(loaded.files == 1)
  }

  @Test("a mistake in an included file keeps those out that include it, and no others")
  func mistake() {
    let loaded = RuleSet.parse(
      files: [
        ("10.yaml", "hotplate: 1\ninclude: [bad.yaml]\n" + rule),
        ("20.yaml", "hotplate: 1\ninclude: [bad.yaml]\n"),
        ("30.yaml", "hotplate: 1\nrules: [ { rule: b, match: '*', to: '{name}' } ]"),
      ], includes: ["bad.yaml": "tokens: { shot: '[' }"])
    #expect(loaded.rules.rules.map(\.name) == ["b"])
    #expect(loaded.problems.map(\.file) == ["bad.yaml", "10.yaml", "20.yaml"])
    #expect(loaded.sources.map(\.isLoaded) == [false, false, true, false])
  }

  @Test("included files are read beneath the rules' directory, and are sources to watch")
  func directory() throws {
    let directory = NSTemporaryDirectory() + "/include-" + UUID().uuidString
    try FileManager.default.createDirectory(
      atPath: "\(directory)/tokens", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    func write(_ text: String, _ name: String) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
    }
    try write("hotplate: 1\ninclude: [tokens/a.yaml]\n" + rule, "10.yaml")
    try write("tokens: { shot: 'sh\\d+' }", "tokens/a.yaml")
    try write("hotplate: 1\ninclude: [tokens/later.yaml]\n", "20.yaml")
    #expect(mkfifo("\(directory)/tokens/fifo.yaml", 0o600) == 0)
    try write("hotplate: 1\ninclude: [tokens/fifo.yaml]\n", "30.yaml")
    let loaded = RuleSet.load(directory: directory)
    #expect(loaded.rules.rules.map(\.name) == ["a"])
    #expect(
      loaded.sources.map(\.file)
        == [
          "10.yaml", "20.yaml", "30.yaml", "tokens/a.yaml", "tokens/later.yaml", "tokens/fifo.yaml",
        ].map { "\(directory)/\($0)" })
    #expect(loaded.sources.map(\.isLoaded) == [true, false, false, true, false, false])
    #expect(
      loaded.problems.map(\.message) == [
        "'tokens/later.yaml': it is not there", "'tokens/fifo.yaml': it is no regular file",
      ])
  }
}
