/// The makers of a `Token` from what a rule file says. Mistakes are told as places in the text of one value.
extension Token {
  /// From a regular expression for the whole value, or a list of words and expressions of which one must fit.
  ///
  /// - Parameter isList: whether a text without any mark of a regular expression is a word that stands for itself.
  /// - Returns: the token, or for each bad expression its index and its mistake.
  static func fitting(_ name: String, anyOf texts: [String], isList: Bool)
    -> (token: Token, mistakes: [(index: Int, error: PatternError)])
  {
    var mistakes: [(Int, PatternError)] = []
    var parts: [(part: ExpressionPart, isWord: Bool)] = []
    for (index, text) in texts.enumerated() {
      do throws(PatternError) {
        let isWord = isList && !text.isEmpty && !text.unicodeScalars.contains(where: marks.contains)
        parts.append(
          (isWord ? ExpressionPart(word: text) : try ExpressionPart(text, of: name), isWord))
      } catch {
        mistakes.append((index, error))
      }
    }
    var expression: [UInt8] = []
    var groupCount = 0
    var values: [Int] = []
    var named: [(name: String, number: Int)] = []
    for (index, (part, isWord)) in parts.enumerated() {
      if index > 0 { expression.append(UInt8(ascii: "|")) }
      let stands = isWord || parts.count == 1
      expression += stands ? part.expression : bytes("(?:") + part.expression + bytes(")")
      if let value = part.valueGroup { values.append(groupCount + value) }
      for (name, number) in part.named { named.append((name, groupCount + number)) }
      groupCount += part.groupCount
    }
    let isNumber = name == Token.versionName || name == Token.udimName
    let token = Token(
      name: name, expression: expression, groupCount: groupCount, valueGroups: values,
      namedGroups: named, kind: name == udimName ? .slot : isNumber ? .number : .text,
      searches: searches(parts))
    return (token, mistakes)
  }

  /// Neighbouring words are looked for together, so that the right-most and longest counts; expressions in their order.
  private static func searches(_ parts: [(part: ExpressionPart, isWord: Bool)]) -> [Search] {
    var result: [Search] = []
    var words: [[UInt8]] = []
    func wordSearch() -> [Search] {
      if words.isEmpty { return [] }
      let longest = words.sorted { $0.count > $1.count }
      return [
        Search(
          expression: Array(longest.joined(separator: [UInt8(ascii: "|")])), valueGroups: [],
          namedGroups: [])
      ]
    }
    for (part, isWord) in parts {
      if isWord {
        words.append(part.expression)
        continue
      }
      result += wordSearch()
      words = []
      result.append(
        Search(
          expression: part.expression, valueGroups: part.valueGroup.map { [$0] } ?? [],
          namedGroups: part.named))
    }
    return result + wordSearch()
  }

  /// From canonical values and their aliases.
  ///
  /// - Parameters:
  ///   - aliases: each canonical value with its aliases; a canonical value is its own alias.
  ///   - others: the regular expression behind `"*"`, for values that are kept as written.
  /// - Throws: what is wrong with `others`.
  static func canonical(
    _ name: String, _ aliases: [(value: String, aliases: [String])], others: String?
  ) throws(PatternError) -> Token {
    var table: [[UInt8]: [UInt8]] = [:]
    for (value, words) in aliases {
      for word in [value] + words where table[bytes(word).folded] == nil {
        table[bytes(word).folded] = bytes(value)
      }
    }
    // The longest first: `diffuse_direct` is not `diffuse` and a rest.
    let words = table.keys.sorted { ($1.count, $0.text) < ($0.count, $1.text) }
    var expression = Array(words.map(Token.quoted).joined(separator: [UInt8(ascii: "|")]))
    // `"*"` is not looked for: it would fit any word.
    let searches =
      words.isEmpty ? [] : [Search(expression: expression, valueGroups: [], namedGroups: [])]
    guard let others else {
      return Token(name: name, expression: expression, canonical: table, searches: searches)
    }
    let part = try ExpressionPart(others, of: name)
    expression += bytes("\(words.isEmpty ? "" : "|")(?:\(others))")
    return Token(
      name: name, expression: expression, groupCount: part.groupCount,
      valueGroups: part.valueGroup.map { [$0] } ?? [], namedGroups: part.named, canonical: table,
      searches: searches)
  }
}

/// What makes an item of a list a regular expression.
private let marks = Set("\\^$.|?*+()[]{}".unicodeScalars)

/// One regular expression of a token, tried and found good.
private struct ExpressionPart {
  let expression: [UInt8]
  let groupCount: Int
  let named: [(name: String, number: Int)]
  /// The group of the token's own name, else its only group.
  let valueGroup: Int?

  /// A word that stands for itself.
  init(word: String) {
    expression = Token.quoted(bytes(word))
    groupCount = 0
    named = []
    valueGroup = nil
  }

  init(_ text: String, of token: String) throws(PatternError) {
    guard !text.isEmpty else {
      throw PatternError(
        0, code: "empty", "nothing is written here", hint: "write what the token fits: '[a-z]+'")
    }
    if let offset = text.unicodeScalars.enumerated().first(where: { $0.element.value < 0x20 }) {
      throw PatternError(
        offset.offset, code: "control", "a control character in a regular expression",
        hint: "did double quotes eat a backslash? put single quotes around it")
    }
    try refuseForeignConstructs(text)
    let alone = try compiled(text, prefix: "")
    // It will stand inside a group: `a)(b` and an open `(?x) #` must not reach out of it.
    _ = try compiled(text, prefix: "(?:")
    if alone.refersBack {
      throw PatternError(
        0, text.unicodeScalars.count, code: "regex-reference",
        "a token cannot refer back to a group (\\1, \\k<…>)", hint: "write the expression out")
    }
    let numbers = Set(alone.groupNames.map(\.number))
    let unnamed = (1...max(1, alone.groupCount)).filter {
      $0 <= alone.groupCount && !numbers.contains($0)
    }
    let own = alone.groupNames.first { $0.name == token }
    guard own != nil || unnamed.count <= 1 else {
      throw PatternError(
        0, text.unicodeScalars.count, code: "several-groups",
        "\(unnamed.count) groups: which one is the value of {\(token)}?",
        hint: "keep one (…), and write the others (?:…)")
    }
    expression = bytes(text)
    groupCount = alone.groupCount
    named = alone.groupNames.filter { $0.name != token }
    valueGroup = own?.number ?? unnamed.first
    for (name, _) in named where Token.reserved(name) {
      throw PatternError(
        0, text.unicodeScalars.count, code: "token-name", "a group cannot be called '\(name)'",
        hint: "{\(name)} has a meaning of its own")
    }
    if alone.fitsNothing {
      throw PatternError(
        0, text.unicodeScalars.count, code: "regex-empty", "this also fits where nothing stands",
        hint: "use + for *, and <…> in 'match' for what may be missing")
    }
  }
}

extension Token {
  /// Whether a name is taken by what no rule file may define.
  static func reserved(_ name: String) -> Bool {
    name == frameName || computed.contains(name)
  }
}

extension Expression {
  fileprivate var fitsNothing: Bool {
    [UInt8]().withUnsafeBufferPointer { match($0, .ascii, .current) == .matched }
  }
}

private func compiled(_ text: String, prefix: String) throws(PatternError) -> Expression {
  do throws(ExpressionError) {
    return try Expression(bytes(prefix + text + (prefix.isEmpty ? "" : ")")))
  } catch {
    let offset = text.utf8.prefix(max(0, error.offset - prefix.utf8.count)).text.unicodeScalars
      .count
    throw PatternError(
      offset, code: "regex", "bad regular expression: \(error.message)",
      hint: "close what is open; a bracket that is meant as itself is written \\( \\[ \\{")
  }
}

/// Refuses what works only in an expression of one's own: a token is one part of a larger expression, in which groups
/// have other numbers and a verb would end the whole.
private func refuseForeignConstructs(_ text: String) throws(PatternError) {
  let scalars = Array(text.unicodeScalars)
  var at = 0
  var inClass = false
  while at < scalars.count {
    let next = at + 1 < scalars.count ? scalars[at + 1] : " "
    switch scalars[at] {
    case "\\" where next == "Q":
      while at < scalars.count,
        !(scalars[at] == "\\" && at + 1 < scalars.count && scalars[at + 1] == "E")
      { at += 1 }
      at += 1
    case "\\" where next == "g" || next == "K":
      throw foreign(at, 2, "\\\(next)")
    case "\\": at += 1
    case "[" where !inClass:
      inClass = true
      if next == "^" { at += 1 }
      if at + 1 < scalars.count, scalars[at + 1] == "]" { at += 1 }
    case "]": inClass = false
    case "(" where !inClass && next == "*": throw foreign(at, 2, "(*")
    case "(" where !inClass && next == "?" && at + 2 < scalars.count:
      let third = scalars[at + 2]
      let fourth = at + 3 < scalars.count ? scalars[at + 3] : " "
      let isCall =
        third == "R" || third == "&" || third == "(" || ("0"..."9").contains(third)
        || ((third == "+" || third == "-") && ("0"..."9").contains(fourth))
        || (third == "P" && (fourth == ">" || fourth == "="))
      if isCall { throw foreign(at, 3, "(?\(third)") }
    default: break
    }
    at += 1
  }
}

private func foreign(_ offset: Int, _ length: Int, _ construct: String) -> PatternError {
  PatternError(
    offset, length, code: "regex-reference", "'\(construct)' cannot be used in a token",
    hint: "a token is one part of a larger expression: write it out")
}
