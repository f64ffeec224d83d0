import Paths
import Sequences

extension RuleSet {
  /// Runs every example of every rule against all rules; `when.hot_folder` and `ready` count as satisfied.
  ///
  /// - Returns: those that did not come out as written.
  public func runExamples() -> [Problem] {
    examples.compactMap(problem)
  }

  private func problem(_ example: Example) -> Problem? {
    let assignments = assign(example.given.files, hotFolder: nil)
    switch example.expectation {
    case .refused:
      for assignment in assignments {
        guard case .taken(let rule, _) = assignment.outcome, rule.name == example.rule else {
          continue
        }
        return example.problem(
          at: example.expectationItem,
          "'\(example.rule)' takes this, and goes on to \(becomes(assignment))",
          hint: nil)
      }
      return nil
    case .becomes(let expected):
      var files: [RelativePath] = []
      for assignment in assignments {
        switch assignment.outcome {
        case .taken(let rule, _):
          guard rule.name == example.rule else {
            return example.problem(
              at: example.givenItem, "the rule '\(rule.name)' takes this before '\(example.rule)'",
              hint: "it stands in \(rule.file):\(rule.line)")
          }
          do throws(DestinationError) {
            files += try destination(of: assignment).files
          } catch {
            return example.problem(at: example.givenItem, error.description, hint: nil)
          }
        case .unmatched(let refusals):
          let why = refusals.first { $0.rule == example.rule }?.why
          return example.problem(
            at: example.givenItem, "'\(example.rule)' does not take this", hint: why)
        case .failed(let rule, let message):
          return example.problem(
            at: example.givenItem, "the rule '\(rule)' fails here", hint: message)
        }
      }
      if files == expected.files { return nil }
      return example.problem(
        at: example.expectationItem, "this comes out differently",
        hint: "it becomes \(assignments.map(becomes).joined(separator: ", "))")
    }
  }

  /// As it could stand in the example.
  private func becomes(_ assignment: Assignment) -> String {
    do throws(DestinationError) {
      let destination = try destination(of: assignment)
      guard let pattern = destination.pattern, let frames = destination.frames else {
        return destination.files.prefix(3).map { "'\(literal($0))'" }.joined(separator: ", ")
      }
      let ranges = frames.ranges.map { range in
        let numbers = [range.lowerBound, range.upperBound].map { number(pattern.padding, $0) }
        return range.count == 1 ? numbers[0] : numbers.joined(separator: "-")
      }
      let directory = destination.directory.isRoot ? "" : "\(literal(destination.directory))/"
      let text = { (bytes: [UInt8]) in shown(bytes).replacing("[", with: "[[]") }
      return
        "'\(directory)\(text(pattern.head))[\(ranges.joined(separator: ","))]\(text(pattern.tail))'"
    } catch {
      return "nothing: \(error.description)"
    }
  }

  private func literal(_ path: RelativePath) -> String {
    shown(path.bytes).replacing("[", with: "[[]")
  }

  private func number(_ padding: Int, _ frame: Int) -> String {
    SequencePattern(head: [], padding: padding, tail: []).name(of: frame).bytes.text
  }
}

extension Example {
  fileprivate func problem(at item: Item, _ message: String, hint: String?) -> Problem {
    source.problem(
      line: item.line, column: item.column, length: source.length(of: item), code: "example",
      message,
      hint: hint)
  }
}
