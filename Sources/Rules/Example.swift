import Paths
import Sequences

/// An example that a rule brings along: it runs whenever the rules are loaded.
struct Example: Sendable {
  enum Expectation: Sendable {
    /// - root: nil where the rule names none.
    case becomes(ExamplePath, root: String?)
    /// The rule does not take it.
    case refused
    /// The rule knows it and leaves it.
    case left
  }

  let rule: String
  let given: ExamplePath
  let expectation: Expectation
  let givenItem: Item
  let expectationItem: Item
}

/// A path with at most one `[…]` of frames in it: `sh010.[1001-1003,1005].exr`. `[[]` is a bracket.
struct ExamplePath: Sendable {
  static let mostFrames = 10_000

  /// Ascending by frame.
  let files: [RelativePath]
  let text: String

  init(_ text: String) throws(PatternError) {
    let scalars = Array(text.unicodeScalars)
    var parts: [[UInt8]] = [[]]
    var numbers: [[UInt8]] = []
    var at = 0
    while at < scalars.count {
      guard scalars[at] == "[" else {
        parts[parts.count - 1] += Array(String(Character(scalars[at])).utf8)
        at += 1
        continue
      }
      guard let end = scalars[at...].firstIndex(of: "]") else {
        throw PatternError(
          at, code: "example", "this '[' is never closed", hint: "a bracket itself is written [[]")
      }
      let inner = Array(string(scalars[(at + 1)..<end]).utf8)
      if inner == [UInt8(ascii: "[")] {
        parts[parts.count - 1] += inner
      } else {
        guard parts.count == 1 else {
          throw PatternError(
            at, end + 1 - at, code: "example", "a second […] in one path",
            hint: "only one number tells frames apart")
        }
        numbers = try ExamplePath.numbers(inner, at, end + 1 - at)
        parts.append([])
      }
      at = end + 1
    }
    var files: [RelativePath] = []
    for number in parts.count == 1 ? [[]] : numbers {
      guard let path = RelativePath(parts[0] + number + (parts.count > 1 ? parts[1] : [])),
        !path.isRoot
      else {
        throw PatternError(
          0, scalars.count, code: "example", "'\(text)' is no path",
          hint: "a path from the hot folder's root, without '/' before or behind it")
      }
      files.append(path)
    }
    self.files = files
    self.text = text
  }

  /// The numbers of `1001-1003,1005`, as wide as they are written.
  private static func numbers(_ text: [UInt8], _ offset: Int, _ length: Int) throws(PatternError)
    -> [[UInt8]]
  {
    guard let frames = FrameSet(text.text), !frames.isEmpty else {
      throw PatternError(
        offset, length, code: "example", "'\(text.text)' are no frames",
        hint: "[1001-1003] or [1001-1003,1005]")
    }
    guard frames.count <= mostFrames else {
      throw PatternError(
        offset, length, code: "example", "\(frames.count) frames in one example",
        hint: "a few tell as much: [1001-1003]")
    }
    let first = text.prefix { $0 == ASCII.minus || $0.isDigit }
    let digits =
      first.prefix { $0 == ASCII.minus } + first.drop { $0 == ASCII.minus }.prefix(while: \.isDigit)
    let pattern = SequencePattern(head: [], padding: digits.count, tail: [])
    return frames.map { pattern.name(of: $0).bytes }
  }
}

extension FileReader {
  mutating func readExamples(_ item: Item, rule: String, hasRoot: Bool) -> [Example] {
    guard case .list(let items) = item.content else {
      report(
        item, "type", "'examples' is a list, not \(item.kind)",
        hint: "- { given: '…', becomes: '…' }")
      return []
    }
    return items.compactMap { readExample($0, rule: rule, hasRoot: hasRoot) }
  }

  private mutating func readExample(_ item: Item, rule: String, hasRoot: Bool) -> Example? {
    guard let entries = entries(of: item, Vocabulary.example, "an example") else { return nil }
    guard let givenItem = entries["given"], let given = examplePath(givenItem) else {
      if entries["given"] == nil {
        report(
          item, "example", "an example without 'given'",
          hint: "{ given: 'sh010.[1-3].exr', becomes: '…' }")
      }
      return nil
    }
    let said = ["becomes", "refused", "left"].compactMap { key in entries[key].map { (key, $0) } }
    guard said.count == 1 else {
      report(
        item, "example", "an example says either 'becomes', 'refused' or 'left'",
        hint: "{ given: '…', becomes: '…' }")
      return nil
    }
    let expectation: Example.Expectation
    switch said[0].0 {
    case "refused": expectation = .refused
    case "left": expectation = .left
    default:
      guard let (path, root) = destinationPath(said[0].1, hasRoot: hasRoot) else { return nil }
      expectation = .becomes(path, root: root)
    }
    return Example(
      rule: rule, given: given, expectation: expectation, givenItem: givenItem,
      expectationItem: said[0].1)
  }

  private mutating func examplePath(_ item: Item) -> ExamplePath? {
    destinationPath(item, hasRoot: false)?.path
  }

  /// `MOON:sh010/x.exr` where the rule names a root, else a path alone: that may hold a colon.
  private mutating func destinationPath(_ item: Item, hasRoot: Bool)
    -> (path: ExamplePath, root: String?)?
  {
    guard var text = text(item) else { return nil }
    var root: String?
    if hasRoot {
      guard let colon = text.firstIndex(of: ":"), colon > text.startIndex else {
        report(
          item, "example", "the root is missing", hint: "the rule names one: 'ROOT:\(text)'")
        return nil
      }
      root = String(text[..<colon])
      text = String(text[text.index(after: colon)...])
    }
    do throws(PatternError) {
      return (try ExamplePath(text), root)
    } catch {
      let shift = root.map { $0.unicodeScalars.count + 1 } ?? 0
      report(
        item,
        PatternError(
          error.offset + shift, error.length, code: error.code, error.message, hint: error.hint))
      return nil
    }
  }
}
