/// A mistake in a rule file: where it stands, what is wrong, what to do.
public struct Problem: Error, Hashable, Sendable {
  public enum Severity: String, Sendable, Codable { case error, warning }

  /// The file as it was named to the loader; safe to show.
  public let file: String
  /// From 1; 0 where the file as a whole is meant.
  public let line: Int
  /// From 1, in Unicode scalars, as editors count.
  public let column: Int
  /// How much the caret underlines; at least 1.
  public let length: Int
  public let severity: Severity
  /// Stays the same when the wording changes, e.g. `unknown-key`.
  public let code: String
  public let message: String
  public let hint: String?
  /// The line itself, as it stands in the file.
  public let lineText: String

  public init(
    file: String, line: Int, column: Int, length: Int, severity: Severity = .error, code: String,
    message: String, hint: String? = nil, lineText: String
  ) {
    self.file = file
    self.line = line
    self.column = column
    self.length = max(1, length)
    self.severity = severity
    self.code = code
    // Both may quote the file, and the file may hold what acts on a terminal.
    self.message = harmless(message)
    self.hint = hint.map(harmless)
    self.lineText = lineText
  }

  /// A problem of a whole file or directory.
  init(file: String, severity: Severity = .error, code: String, _ message: String, hint: String?) {
    self.init(
      file: file, line: 0, column: 0, length: 1, severity: severity, code: code, message: message,
      hint: hint, lineText: "")
  }

  /// The report a person reads: place, message, the line, a caret, the remedy. Ends without a newline.
  public func rendered(color: Bool) -> String {
    let paint = Paint(color)
    let place = line > 0 ? "\(file):\(line):\(column)" : file
    let rank = severity == .error ? paint.red("error:") : paint.yellow("warning:")
    var result = "\(paint.bold("\(place):")) \(rank) \(paint.bold(message))"
    guard line > 0 else {
      if let hint { result += "\n      \(hint)" }
      return result
    }
    let number = String(line)
    let gutter = String(repeating: " ", count: max(5, number.count))
    let excerpt = Excerpt(of: lineText, column: column, length: length)
    result += "\n\(gutter.dropLast(number.count))\(number) | \(excerpt.line)"
    result += "\n\(gutter) | \(excerpt.padding)\(paint.green(excerpt.caret))"
    if let hint { result += " \(hint)" }
    return result
  }
}

/// The part of a line that a report shows, with nothing in it that acts on a terminal.
private struct Excerpt {
  let line: String
  let padding: String
  let caret: String

  init(of text: String, column: Int, length: Int) {
    var scalars = Array(text.unicodeScalars)
    var start = max(0, column - 1)
    // A line of many kilobytes is not readable: its part around the column is.
    let widest = 160
    if scalars.count > widest {
      let from = max(0, min(start - widest / 3, scalars.count - widest))
      let to = min(scalars.count, from + widest)
      let cut = Array("…".unicodeScalars)
      start += (from > 0 ? 1 : 0) - from
      scalars =
        (from > 0 ? cut : []) + scalars[from..<to] + (to < scalars.count ? cut : [])
    }
    line = String(String.UnicodeScalarView(scalars.map(harmless)))
    padding = String(repeating: " ", count: start)
    // Where the line ends there is nothing to underline but its end.
    let room = max(1, min(length, scalars.count - start))
    caret = "^" + String(repeating: "~", count: room - 1)
  }
}

private func harmless(_ text: String) -> String {
  String(String.UnicodeScalarView(text.unicodeScalars.map(harmless)))
}

private func harmless(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
    scalar == "\t" ? " " : "\u{fffd}"
  default: scalar
  }
}

/// Terminal colours, or none.
struct Paint {
  let on: Bool
  init(_ on: Bool) { self.on = on }
  func red(_ text: String) -> String { sgr("1;31", text) }
  func yellow(_ text: String) -> String { sgr("1;33", text) }
  func green(_ text: String) -> String { sgr("32", text) }
  func bold(_ text: String) -> String { sgr("1", text) }
  private func sgr(_ code: String, _ text: String) -> String {
    on ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
  }
}
