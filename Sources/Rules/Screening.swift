/// What is refused in a rule file before YAML composes it: anchors, aliases, tags, too deep a nesting, and the traps
/// that a regular expression or a pattern walks into when nobody quoted it.
///
/// An alias bomb stalls inside composing, so it must not come that far; and the report of a YAML parser about
/// `match: *.exr` or `to: {shot}/x` speaks of things that its writer never meant. This reads just enough of YAML to
/// know where a value starts. Where it doubts it refuses; `compose` looks again for anchors.
struct Screening {
  static let deepest = 32
  static let largest = 1 << 20

  private let source: SourceText
  private var problems: [Problem] = []

  private var line: [UInt8] = []
  private var lineNumber = 0
  private var at = 0

  /// The columns (bytes, from 0) of the block nodes that are open.
  private var columns: [Int] = []
  /// Where each open `[` and `{` stands.
  private var brackets: [(line: Int, at: Int, byte: UInt8)] = []
  private var quote: UInt8?
  /// The column that the text of a `|` or `>` must be deeper than.
  private var blockTextBeyond: Int?
  /// The column that the next line of an unquoted scalar must be deeper than.
  private var scalarBeyond: Int?
  private var sawKey = false
  private var valueMayStart = true
  private var lastWasQuoted = false
  private var isTooDeep = false

  static func problems(in source: SourceText) -> [Problem] {
    var screening = Screening(source: source)
    screening.run()
    return screening.problems
  }

  private init(source: SourceText) { self.source = source }

  private mutating func run() {
    for (index, text) in source.lines.enumerated() {
      line = Array(text.utf8)
      lineNumber = index + 1
      at = 0
      readLine()
      if isTooDeep || problems.count >= 20 { return }
    }
  }

  private mutating func readLine() {
    if quote != nil {
      finishQuote()
      if quote != nil { return }
    } else {
      let indent = line.prefix { $0 == space }.count
      at = indent
      let isBlank = line[at...].allSatisfy { $0 == space || $0 == tab }
      if let beyond = blockTextBeyond {
        if isBlank || indent > beyond { return }
        blockTextBeyond = nil
      }
      if isBlank { return }
      if brackets.isEmpty { startBlockLine(indent) }
    }
    while at < line.count, !isTooDeep { readToken() }
    if brackets.isEmpty {
      scalarBeyond =
        valueMayStart || lastWasQuoted
        ? nil : (sawKey ? columns.last : columns.dropLast().last ?? -1)
    }
  }

  private mutating func startBlockLine(_ indent: Int) {
    if let beyond = scalarBeyond, indent > beyond, line[at] != hash {
      valueMayStart = false
      return
    }
    scalarBeyond = nil
    if line[at] == tab {
      report("tab", at, 1, "a tab in the indentation", hint: "YAML indents with spaces only")
      at = line.count
      return
    }
    if line[at] == hash {
      at = line.count
      return
    }
    while let last = columns.last, last >= indent { columns.removeLast() }
    push(indent)
    valueMayStart = true
    lastWasQuoted = false
  }

  private mutating func push(_ column: Int) {
    columns.append(column)
    sawKey = false
    checkDepth()
  }

  private mutating func checkDepth() {
    guard columns.count + brackets.count > Self.deepest, !isTooDeep else { return }
    isTooDeep = true
    report(
      "depth", at, 1, "nested deeper than \(Self.deepest) levels",
      hint: "a rule needs no more than 4")
  }

  private mutating func readToken() {
    let byte = line[at]
    if byte == space || byte == tab {
      at += 1
      if at < line.count, line[at] == hash {
        if !valueMayStart, !brackets.isEmpty { lastWasQuoted = true }
        at = line.count
      }
      return
    }
    if valueMayStart { startValue(byte) } else { continueValue(byte) }
  }

  private mutating func startValue(_ byte: UInt8) {
    lastWasQuoted = false
    switch byte {
    case dash where brackets.isEmpty && isBlank(at + 1), question where isBlank(at + 1):
      at += 1
      while at < line.count, line[at] == space { at += 1 }
      if at < line.count, brackets.isEmpty, line[at] != hash { push(at) }
    case star: refuseStart("alias", "a bare '*' is a YAML alias")
    case ampersand: refuseStart("anchor", "a bare '&' is a YAML anchor")
    case exclamation: refuseStart("tag", "a bare '!' is a YAML tag")
    case UInt8(ascii: "@"), UInt8(ascii: "`"), UInt8(ascii: "%"):
      if byte == UInt8(ascii: "%"), at == 0 {
        at = line.count
      } else {
        refuseStart("bare", "text cannot start with a bare '\(Character(Unicode.Scalar(byte)))'")
      }
    case singleQuote, doubleQuote:
      quote = byte
      at += 1
      finishQuote()
    case pipe, greater:
      if brackets.isEmpty {
        blockTextBeyond = sawKey ? columns.last : columns.dropLast().last ?? -1
        valueMayStart = true
        at = line.count
      } else {
        refuseStart("bare", "text cannot start with a bare '\(Character(Unicode.Scalar(byte)))'")
      }
    case open, openBrace: openBracket(byte)
    case close, closeBrace: closeBracket()
    case comma where !brackets.isEmpty: at += 1
    case colon where isBlank(at + 1) || !brackets.isEmpty: at += 1
    default:
      valueMayStart = false
      at += 1
    }
  }

  private mutating func continueValue(_ byte: UInt8) {
    let inFlow = !brackets.isEmpty
    switch byte {
    case colon where isBlank(at + 1) || (inFlow && (lastWasQuoted || isFlowMark(at + 1))):
      valueMayStart = true
      lastWasQuoted = false
      sawKey = true
      at += 1
    case comma where inFlow:
      valueMayStart = true
      at += 1
    case open where inFlow, openBrace where inFlow: openBracket(byte)
    case close where inFlow, closeBrace where inFlow: closeBracket()
    default: at += 1
    }
  }

  // MARK: Brackets

  private mutating func openBracket(_ byte: UInt8) {
    brackets.append((lineNumber, at, byte))
    checkDepth()
    valueMayStart = true
    at += 1
  }

  private mutating func closeBracket() {
    at += 1
    valueMayStart = false
    guard let opening = brackets.popLast() else { return }
    lastWasQuoted = true
    // `{shot}_x`: a mapping or list never goes on like this, a pattern does.
    guard opening.line == lineNumber, at < line.count, !isBlank(at), !isFlowMark(at),
      line[at] != colon
    else { return }
    let name = opening.byte == openBrace ? "mapping" : "list"
    let mark = Character(Unicode.Scalar(opening.byte))
    at = opening.at
    refuseStart("bare", "a bare '\(mark)' starts a YAML \(name)")
  }

  // MARK: Quotes

  private mutating func finishQuote() {
    while at < line.count {
      let byte = line[at]
      if quote == doubleQuote, byte == backslash {
        if at + 1 < line.count, !yamlEscapes.contains(line[at + 1]) { reportEscape() }
        at += 2
        continue
      }
      at += 1
      guard byte == quote else { continue }
      if quote == singleQuote, at < line.count, line[at] == singleQuote {
        at += 1
        continue
      }
      quote = nil
      valueMayStart = false
      lastWasQuoted = true
      return
    }
  }

  private mutating func reportEscape() {
    let mark = Character(Unicode.Scalar(line[at + 1] < 0x80 ? line[at + 1] : UInt8(ascii: "?")))
    var start = at
    while start > 0, line[start] != doubleQuote { start -= 1 }
    var end = at
    while end < line.count, line[end] != doubleQuote { end += line[end] == backslash ? 2 : 1 }
    let inner = start + 1 < end && end < line.count ? line[(start + 1)..<end].text : nil
    report(
      "escape", at, 2, "'\\\(mark)' means nothing inside double quotes",
      hint: "put single quotes around it" + (inner.map { ": '\($0)'" } ?? ""))
  }

  // MARK: Reports

  /// Reports unquoted text that starts with a mark of YAML's, and goes on behind it.
  private mutating func refuseStart(_ code: String, _ message: String) {
    let rest = line[at...]
    var end = line.count
    if brackets.isEmpty {
      // A comment is a hash after a space.
      for index in rest.indices.dropFirst() where line[index] == hash && line[index - 1] == space {
        end = index
        break
      }
    } else {
      var depth = 0
      for index in rest.indices {
        let byte = line[index]
        if byte == openBrace || byte == open { depth += 1 }
        if byte == closeBrace || byte == close {
          depth -= 1
          if depth < 0 {
            end = index
            break
          }
        }
        if byte == comma, depth == 0 {
          end = index
          break
        }
      }
    }
    while end > at + 1, line[end - 1] == space { end -= 1 }
    let text = line[at..<end].text.replacing("'", with: "''")
    report(
      code, at, line[at..<end].text.unicodeScalars.count, message,
      hint: "put single quotes around it: '\(text)'")
    at = end
    valueMayStart = false
    lastWasQuoted = true
  }

  private mutating func report(
    _ code: String, _ at: Int, _ length: Int, _ message: String, hint: String
  ) {
    let column = line[..<min(at, line.count)].count { $0 & 0xc0 != 0x80 } + 1
    problems.append(
      source.problem(
        line: lineNumber, column: column, length: length, code: "yaml-\(code)", message, hint: hint)
    )
  }

  private func isBlank(_ index: Int) -> Bool {
    index >= line.count || line[index] == space || line[index] == tab
  }

  private func isFlowMark(_ index: Int) -> Bool {
    index < line.count && [comma, open, close, openBrace, closeBrace].contains(line[index])
  }
}

private let space = UInt8(ascii: " ")
private let tab = UInt8(ascii: "\t")
private let hash = UInt8(ascii: "#")
private let dash = UInt8(ascii: "-")
private let question = UInt8(ascii: "?")
private let colon = UInt8(ascii: ":")
private let comma = UInt8(ascii: ",")
private let star = UInt8(ascii: "*")
private let ampersand = UInt8(ascii: "&")
private let exclamation = UInt8(ascii: "!")
private let pipe = UInt8(ascii: "|")
private let greater = UInt8(ascii: ">")
private let open = UInt8(ascii: "[")
private let close = UInt8(ascii: "]")
private let openBrace = UInt8(ascii: "{")
private let closeBrace = UInt8(ascii: "}")
private let singleQuote = UInt8(ascii: "'")
private let doubleQuote = UInt8(ascii: "\"")
private let backslash = UInt8(ascii: "\\")
/// YAML 1.1, "Escape sequences".
private let yamlEscapes = Set("0abt\tnvfre \"/\\N_LPxuU".utf8)
