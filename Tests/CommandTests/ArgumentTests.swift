import ArgumentParser
import Testing

@testable import hotplate

@Suite struct ArgumentTests {
  @Test func `an argument that is not UTF-8 keeps its bytes`() throws {
    let bad: [UInt8] = Array("/drop/".utf8) + [0xFF]
    let text = String(decoding: bad, as: UTF8.self)
    #expect(try exactBytes(of: text, in: [Array("cancel".utf8), bad]) == bad)
    #expect(try exactBytes(of: text, in: [Array("--path=".utf8) + bad]) == bad)
    #expect(try exactBytes(of: "/drop/é", in: [bad]) == Array("/drop/é".utf8))
  }

  @Test func `two arguments that look the same are not guessed between`() {
    let text = "\u{FFFD}"
    let failure = #expect(throws: Failure.self) { try exactBytes(of: text, in: [[0xFF], [0xFE]]) }
    #expect(failure?.status == .usage)
  }

  @Test(arguments: [
    ("/a/b", "/a/b"), ("b", "/room/b"), (".", "/room"), ("..", "/"), ("../../..", "/"),
    ("/a//b/./c/../d/", "/a/b/d"), ("", "/room"),
  ])
  func `a path is made absolute by its spelling`(path: String, absolute: String) {
    #expect(absolutePath(Array(path.utf8), in: Array("/room".utf8)) == Array(absolute.utf8))
  }

  @Test(
    arguments: [
      (["XDG_STATE_HOME": "/x", "HOME": "/home/m"], "/x/hotplate"),
      (["XDG_STATE_HOME": "x", "HOME": "/home/m"], "/home/m/.local/state/hotplate"),
      (["HOME": "/home/m"], "/home/m/.local/state/hotplate"),
    ] as [([String: String], String)])
  func `the state lies where the desktop's rules say`(
    environment: [String: String], directory: String
  ) throws {
    #expect(try StateOptions.defaultDirectory { environment[$0] } == directory)
  }

  @Test func `without a home the state must be named`() {
    let failure = #expect(throws: Failure.self) { try StateOptions.defaultDirectory { _ in nil } }
    #expect(failure?.status == .usage)
    #expect(failure?.rendered.hasSuffix("\n  name the directory with --state DIR\n") == true)
  }

  @Test(arguments: [
    [], ["abc", "--path", "/drop"], ["abc", "--no-such"],
  ])
  func `a cancel of nothing or of two things is a usage mistake`(arguments: [String]) {
    let error = #expect(throws: (any Error).self) { try CancelCommand.parse(arguments) }
    #expect(error.map { CancelCommand.exitCode(for: $0).rawValue } == CommandStatus.usage.rawValue)
  }

  @Test func `jobs takes several states and refuses others`() throws {
    let jobs = try JobsCommand.parse(["--state-of", "held", "failed", "--state", "/x", "--json"])
    #expect(jobs.states == [.held, .failed])
    #expect(try jobs.options.directory() == "/x")
    #expect(throws: (any Error).self) { try JobsCommand.parse(["--state-of", "asleep"]) }
    #expect(throws: (any Error).self) { try JobsCommand.parse(["--limit", "0"]) }
  }
}
