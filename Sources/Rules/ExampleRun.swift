import Paths
import Sequences

extension RuleSet {
  /// Runs every example of every rule against all rules; `when.hot_folder` and `ready` count as satisfied, and `{today}`
  /// is whatever day the example says.
  ///
  /// - Returns: those that did not come out as written.
  public func runExamples() -> [Problem] {
    examples.compactMap(problem)
  }

  private func problem(_ example: Example) -> Problem? {
    let assignments = assign(example.given.files, hotFolder: nil)
    switch example.expectation {
    case .refused: return refusalProblem(example, assignments)
    case .left:
      for assignment in assignments {
        guard case .left(let rule, _, _) = assignment.outcome else {
          return self.problem(example, assignment) ?? destinationProblem(example, assignment)
        }
        if let problem = takerProblem(example, rule) { return problem }
      }
      return nil
    case .becomes(let expected, let root):
      for assignment in assignments {
        if let problem = self.problem(example, assignment) { return problem }
      }
      return becomingProblem(example, assignments, expected, root)
    }
  }

  /// Why a rule other than the example's own speaks for it, or none.
  private func problem(_ example: Example, _ assignment: Assignment) -> Problem? {
    switch assignment.outcome {
    case .taken(let rule, _): return takerProblem(example, rule)
    case .left(let rule, _, let answer):
      if let problem = takerProblem(example, rule) { return problem }
      if case .left = example.expectation { return nil }
      return example.givenItem.problem(
        "example", "'\(rule.name)' leaves this: \(answer)", hint: "write left: yes")
    case .unmatched(let refusals):
      let why = refusals.first { $0.rule == example.rule }?.why
      return example.givenItem.problem(
        "example", "'\(example.rule)' does not take this", hint: why)
    case .failed(let rule, let message):
      return example.givenItem.problem("example", "the rule '\(rule)' fails here", hint: message)
    }
  }

  private func takerProblem(_ example: Example, _ rule: Rule) -> Problem? {
    if rule.name == example.rule { return nil }
    return example.givenItem.problem(
      "example", "the rule '\(rule.name)' takes this before '\(example.rule)'",
      hint: "it stands in \(rule.file):\(rule.line)")
  }

  private func refusalProblem(_ example: Example, _ assignments: [Assignment]) -> Problem? {
    for assignment in assignments {
      switch assignment.outcome {
      case .taken(let rule, _) where rule.name == example.rule:
        return destinationProblem(example, assignment)
      case .left(let rule, _, let answer) where rule.name == example.rule:
        return example.expectationItem.problem(
          "example", "'\(rule.name)' takes this, and leaves it: \(answer)",
          hint: "write left: yes, or an 'except' in the rule")
      case .failed(let rule, let message):
        return example.givenItem.problem("example", "the rule '\(rule)' fails here", hint: message)
      default: continue
      }
    }
    return nil
  }

  private func destinationProblem(_ example: Example, _ assignment: Assignment) -> Problem {
    example.expectationItem.problem(
      "example",
      "'\(example.rule)' takes this, and it goes on to \(becomes(assignment, on: .today))",
      hint: "write that as 'becomes', or let the rule refuse it: a narrower 'match', or 'except'")
  }

  private func becomingProblem(
    _ example: Example, _ assignments: [Assignment], _ expected: ExamplePath, _ root: String?
  ) -> Problem? {
    let days = days(in: expected.text)
    for day in days {
      var files: [RelativePath] = []
      var roots: Set<String> = []
      for assignment in assignments {
        do throws(DestinationError) {
          let destination = try destination(of: assignment, on: day)
          files += destination.files
          roots.insert(destination.root)
        } catch {
          return example.givenItem.problem("example", error.description)
        }
      }
      if files == expected.files, root == nil || roots == [root] { return nil }
    }
    return example.expectationItem.problem(
      "example", "this comes out differently",
      hint: "it becomes "
        + assignments.map { becomes($0, on: days[0]) }.joined(separator: ", "))
  }

  /// The days that a path speaks of, as `2025-06-14` or `20250614`; never none.
  private func days(in text: String) -> [Day] {
    let bytes = Array(text.utf8)
    var days: [Day] = []
    for start in bytes.indices {
      if let day = Day(bytes[start...].prefix(10).text) { days.append(day) }
      let run = bytes[start...].prefix(8)
      let isStart = start == 0 || !bytes[start - 1].isDigit
      guard isStart, run.count == 8, run.allSatisfy(\.isDigit) else { continue }
      let digits = run.text
      if let day = Day("\(digits.prefix(4))-\(digits.dropFirst(4).prefix(2))-\(digits.suffix(2))") {
        days.append(day)
      }
    }
    return days.isEmpty ? [.today] : days
  }

  /// As it could stand in the example.
  private func becomes(_ assignment: Assignment, on day: Day) -> String {
    do throws(DestinationError) {
      let destination = try destination(of: assignment, on: day)
      let root = assignment.match?.compiled.root == nil ? "" : "\(harmlessRoot(destination.root)):"
      guard let pattern = destination.pattern, let frames = destination.frames else {
        return destination.files.prefix(3).map { "'\(root)\(literal($0))'" }.joined(
          separator: ", ")
      }
      let ranges = frames.ranges.map { range in
        let numbers = [range.lowerBound, range.upperBound].map { number(pattern.padding, $0) }
        return range.count == 1 ? numbers[0] : numbers.joined(separator: "-")
      }
      let directory = destination.directory.isRoot ? "" : "\(literal(destination.directory))/"
      let text = { (bytes: [UInt8]) in shown(bytes).replacing("[", with: "[[]") }
      return
        "'\(root)\(directory)\(text(pattern.head))[\(ranges.joined(separator: ","))]\(text(pattern.tail))'"
    } catch {
      return "nothing: \(error.description)"
    }
  }

  private func harmlessRoot(_ root: String) -> String { shown(Array(root.utf8)) }

  private func literal(_ path: RelativePath) -> String {
    shown(path.bytes).replacing("[", with: "[[]")
  }

  private func number(_ padding: Int, _ frame: Int) -> String {
    SequencePattern(head: [], padding: padding, tail: []).name(of: frame).bytes.text
  }
}
