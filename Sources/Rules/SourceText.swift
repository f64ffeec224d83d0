/// The text of one rule file, for finding places in it. Every item of the file refers to it.
final class SourceText: Sendable {
  /// As it was named to the loader; safe to show.
  let file: String
  let text: String
  /// Without their ends, whatever those are. None of a file that is refused for its size.
  let lines: [Substring]

  init(file: String, text: String) {
    self.file = file
    let plain = text.first == "\u{feff}" ? String(text.dropFirst()) : text
    self.text = plain
    lines =
      isTooLarge(text)
      ? [] : plain.split(omittingEmptySubsequences: false, whereSeparator: endsLine)
  }

  /// Line `number`, from 1; empty beyond the end.
  func line(_ number: Int) -> Substring {
    lines.indices.contains(number - 1) ? lines[number - 1] : ""
  }

  func problem(
    line: Int, column: Int, length: Int = 1, severity: Problem.Severity = .error, code: String,
    _ message: String, hint: String? = nil
  ) -> Problem {
    Problem(
      file: file, line: line, column: column, length: length, severity: severity, code: code,
      message: message, hint: hint, lineText: String(self.line(line)))
  }
}

func isTooLarge(_ text: String) -> Bool { text.utf8.count > Screening.largest }

/// YAML 1.1 ends lines with more than newlines; its marks count them.
private func endsLine(_ character: Character) -> Bool {
  switch character {
  case "\n", "\r\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": true
  default: false
  }
}

/// A node of a rule file: text, a list or a mapping, and where it stands. Every scalar is text.
struct Item: Sendable {
  enum Content: Sendable {
    case text(String)
    case list([Item])
    case map([Entry])
  }
  enum Style: Sendable { case plain, singleQuoted, doubleQuoted, block }

  struct Entry: Sendable {
    let key: Item
    let value: Item
  }

  let content: Content
  let source: SourceText
  let line: Int
  let column: Int
  let style: Style

  /// The text of a scalar; nil for the others.
  var text: String? { if case .text(let text) = content { text } else { nil } }

  /// Nothing was written here (`match:` and no more).
  var isMissing: Bool { text == "" && style == .plain }

  var kind: String {
    switch content {
    case .text: "text"
    case .list: "a list"
    case .map: "a mapping"
    }
  }
}

extension Item {
  /// A mistake that this item is.
  func problem(_ code: String, _ message: String, hint: String? = nil) -> Problem {
    source.problem(
      line: line, column: column, length: source.length(of: self), code: code, message, hint: hint)
  }

  /// A mistake inside the text of a scalar.
  func problem(_ error: PatternError) -> Problem {
    let start = source.column(in: self, at: error.offset)
    let end = source.column(in: self, at: error.offset + error.length)
    return source.problem(
      line: line, column: start, length: max(1, end - start), code: error.code, error.message,
      hint: error.hint)
  }

  /// Whether both say the same, wherever they stand.
  func says(theSameAs other: Item) -> Bool {
    switch (content, other.content) {
    case (.text(let one), .text(let two)): one == two
    case (.list(let one), .list(let two)):
      one.count == two.count && zip(one, two).allSatisfy { $0.says(theSameAs: $1) }
    case (.map(let one), .map(let two)):
      one.count == two.count
        && zip(one, two).allSatisfy {
          $0.key.says(theSameAs: $1.key) && $0.value.says(theSameAs: $1.value)
        }
    default: false
    }
  }
}

extension SourceText {
  /// Where the scalar at `offset` of an item's text stands in the line, and how far the item reaches from there.
  ///
  /// - Parameter offset: Unicode scalars from the start of the text.
  /// - Returns: the item's own start where its text does not stand in one line as it is (block scalars, folded text).
  func column(in item: Item, at offset: Int) -> Int {
    columns(of: item).flatMap { $0.indices.contains(offset) ? $0[offset] : $0.last }
      ?? item.column
  }

  /// How much of its line an item takes, quotes included; 1 where that is not plain to see.
  func length(of item: Item) -> Int {
    guard let columns = columns(of: item), let end = columns.last else { return 1 }
    return max(1, end - item.column + (item.style == .plain ? 0 : 1))
  }

  /// The column of each scalar of the text, and of its end; nil where it does not stand in one line.
  private func columns(of item: Item) -> [Int]? {
    guard let text = item.text, item.style != .block else { return nil }
    let wanted = Array(text.unicodeScalars)
    let raw = Array(line(item.line).unicodeScalars)
    var index = item.column - 1 + (item.style == .plain ? 0 : 1)
    var columns: [Int] = []
    for scalar in wanted {
      guard index < raw.count else { return nil }
      columns.append(index + 1)
      switch (item.style, raw[index]) {
      case (.singleQuoted, "'"): index += 2
      case (.doubleQuoted, "\\"):
        guard index + 1 < raw.count else { return nil }
        index += 2 + (escapeDigits[raw[index + 1]] ?? 0)
      case (_, scalar): index += 1
      default: return nil
      }
    }
    return columns + [index + 1]
  }
}

/// YAML 1.1, "Escape sequences": how many hexadecimal digits follow.
private let escapeDigits: [Unicode.Scalar: Int] = ["x": 2, "u": 4, "U": 8]
