import Foundation
import Paths
import Rules

/// Fifty rules asked about shuffled names, on one core, against Python's `re` with the same patterns.
///
/// Both hold the names in memory and count how many each rule takes; they take turns. The rows below the first say where
/// our time goes: what it costs to name a frame's tokens and its destination as well, and what each kind of rule costs
/// alone.
struct RulesBenchmark {
  var names = 200_000
  var rounds = 5
  /// Names a second.
  static let goal = 500_000.0

  func run() throws -> [BenchmarkRow] {
    let rules = try load(Self.rules)
    let paths = shuffledNames()
    let file = FileManager.default.temporaryDirectory
      .appending(path: "hotplate-bench-rules-\(UUID().uuidString)")
    try Data((paths.map(\.description).joined(separator: "\n") + "\n").utf8).write(to: file)
    defer {
      do { try FileManager.default.removeItem(at: file) } catch {
        FileHandle.standardError.write(Data("hotplate-bench: \(error)\n".utf8))
      }
    }

    var ours: [Duration] = []
    var theirs: [Double] = []
    var skipped: String?
    let expected = count(paths, by: rules).taken
    for _ in 0..<rounds {
      let (time, taken) = count(paths, by: rules)
      precondition(taken == expected, "one answer a name")
      ours.append(time)
      guard skipped == nil else { continue }
      do { theirs.append(try countTheirs(file, expecting: expected)) } catch let missing as NoPython
      {
        skipped = missing.description
      }
    }
    let all = Timing(runs: ours)
    let rate = Double(names) / all.min
    let isReached = rate >= Self.goal ? "reached" : "MISSED"
    let note =
      "\(thousands(rate)) names/s, goal \(thousands(Self.goal)): \(isReached); \(expected) taken"
    return [
      BenchmarkRow(
        "\(names) names by \(Self.rules.count) rules", against: "re (Python)", ours: all,
        theirs: skipped == nil ? Timing(runs: theirs) : nil, goal: nil,
        note: [note, skipped].compactMap(\.self).joined(separator: "; "))
    ] + (try parts(paths, rules, all.min))
  }

  // MARK: where the time goes

  private func parts(_ paths: [RelativePath], _ rules: RuleSet, _ whole: Double) throws
    -> [BenchmarkRow]
  {
    var rows = [
      row("… and their tokens", whole) { _ = tokens(paths, by: rules) },
      row("… as sequences (assign)", whole) { _ = rules.assign(paths, hotFolder: nil) },
    ]
    let assignments = rules.assign(paths, hotFolder: nil)
    rows.append(
      row("… their destinations alone", whole) {
        for assignment in assignments {
          guard case .taken = assignment.outcome else { continue }
          do { _ = try rules.destination(of: assignment) } catch {
            preconditionFailure("every name has a destination: \(error)")
          }
        }
      })
    let alone = try Self.rules.map { text -> (name: String, time: Timing) in
      let rules = try load([text])
      return (rules.rules[0].name, timing { _ = count(paths, by: rules) })
    }
    for (name, time) in alone.sorted(by: { $0.time.min > $1.time.min }).prefix(Self.shownRules) {
      rows.append(
        BenchmarkRow(
          "rule '\(name)' alone", against: "–", ours: time, theirs: nil, goal: nil,
          note: share(time.min, of: whole)))
    }
    let rest = alone.map(\.time.min).sorted(by: >).dropFirst(Self.shownRules)
    if !rest.isEmpty {
      rows.append(
        BenchmarkRow(
          "the other \(rest.count), each alone", against: "–",
          ours: Timing(runs: Array(rest)), theirs: nil, goal: nil, note: "min and median of them"))
    }
    return rows
  }

  private static let shownRules = 5

  private func row(_ what: String, _ whole: Double, _ body: () -> Void) -> BenchmarkRow {
    let time = timing(body)
    return BenchmarkRow(
      what, against: "–", ours: time, theirs: nil, goal: nil, note: share(time.min, of: whole))
  }

  private func timing(_ body: () -> Void) -> Timing {
    Timing(runs: (0..<3).map { _ in ContinuousClock().measure(body) })
  }

  private func share(_ seconds: Double, of whole: Double) -> String {
    "\(Int((seconds / whole * 100).rounded())) % of the first row"
  }

  private func count(_ paths: [RelativePath], by rules: RuleSet) -> (time: Duration, taken: Int) {
    var taken = 0
    let time = ContinuousClock().measure {
      for path in paths {
        if case .taken = rules.decide(path, hotFolder: nil) { taken += 1 }
      }
    }
    return (time, taken)
  }

  private func tokens(_ paths: [RelativePath], by rules: RuleSet) -> Int {
    paths.reduce(0) { sum, path in
      guard case .taken(let match) = rules.decide(path, hotFolder: nil) else { return sum }
      return sum + match.tokens.count
    }
  }

  private func load(_ rules: [String]) throws -> RuleSet {
    let loaded = RuleSet.parse(files: [("bench.yaml", Self.head + rules.joined(separator: "\n"))])
    guard loaded.isClean else { throw BadRules(report: loaded.rendered(color: false)) }
    return loaded.rules
  }

  // MARK: the peer

  private func countTheirs(_ file: URL, expecting expected: Int) throws -> Double {
    let python = Process()
    let output = Pipe()
    python.executableURL = URL(filePath: "/usr/bin/env")
    python.arguments = ["python3", "-c", script, file.path] + Self.expressions
    python.standardOutput = output
    python.standardError = FileHandle.nullDevice
    try python.run()
    let text = String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    python.waitUntilExit()
    let words = text.split(whereSeparator: \.isWhitespace)
    guard python.terminationStatus == 0, words.count == 2, let seconds = Double(words[0]) else {
      throw NoPython()
    }
    guard Int(words[1]) == expected else {
      throw BadRules(report: "Python takes \(words[1]) names, Hotplate \(expected)")
    }
    return seconds
  }
}

private let script = """
  import re, sys, time
  names = open(sys.argv[1]).read().splitlines()
  rules = [re.compile(text, re.IGNORECASE | re.ASCII) for text in sys.argv[2:]]
  start = time.perf_counter()
  taken = 0
  for name in names:
      for rule in rules:
          if rule.fullmatch(name):
              taken += 1
              break
  print(time.perf_counter() - start, taken)
  """

private struct NoPython: Error, CustomStringConvertible {
  let description = "no peer: `python3` is not there, or fails"
}

/// Rules that do not say what they should are no comparison.
private struct BadRules: Error, CustomStringConvertible {
  let report: String
  var description: String { report }
}

private func thousands(_ number: Double) -> String {
  var digits = String(Int(number.rounded()))
  var result = ""
  while digits.count > 3 {
    result = "," + digits.suffix(3) + result
    digits.removeLast(3)
  }
  return digits + result
}
