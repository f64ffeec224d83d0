/// A `match` or `except` pattern, or what stands in `to`, taken apart.
struct PathPattern: Sendable {
  indirect enum Element: Sendable {
    case literal([UInt8])
    case slash
    /// `*`: anything within a component.
    case star
    /// `**`: anything, over components too.
    case doubleStar
    /// `?`: one character of a component.
    case anyCharacter
    /// - offset: of its brace, in Unicode scalars of the pattern.
    case token(TokenUse)
    case optional([Element])
  }

  let text: String
  /// Without a leading slash.
  let elements: [Element]
  /// Whether it is held against the whole path from the hot folder's root.
  let isFromRoot: Bool
  /// Whether it speaks of more than the file name.
  let hasSlash: Bool
}

/// `{token}`, with its format and filters where it stands in a `to`.
struct TokenUse: Sendable {
  let name: String
  /// Where it stands in the text: its brace, and how much up to the closing one, in Unicode scalars.
  let offset: Int
  let length: Int
  /// What follows the name: `:03d|upper`.
  let rest: [Unicode.Scalar]
  let restOffset: Int
}

/// What is wrong in a pattern, and where: Unicode scalars from its start.
struct PatternError: Error {
  let offset: Int
  let length: Int
  let code: String
  let message: String
  let hint: String?

  init(_ offset: Int, _ length: Int = 1, code: String, _ message: String, hint: String? = nil) {
    self.offset = offset
    self.length = length
    self.code = code
    self.message = message
    self.hint = hint
  }
}

extension PathPattern {
  /// - Parameter wildcards: whether `*`, `**` and `?` have their meaning; in a `to` they are refused.
  init(_ text: String, wildcards: Bool) throws(PatternError) {
    var reader = Reader(scalars: Array(text.unicodeScalars), wildcards: wildcards)
    guard !reader.scalars.isEmpty else {
      throw PatternError(
        0, code: "empty", "nothing is written here", hint: "write a pattern, or remove the key")
    }
    let isFromRoot = reader.scalars.first == "/"
    if isFromRoot { reader.at = 1 }
    elements = try reader.elements(insideOptional: false)
    self.text = text
    self.isFromRoot = isFromRoot
    hasSlash = isFromRoot || reader.sawSlash
  }

  private struct Reader {
    let scalars: [Unicode.Scalar]
    let wildcards: Bool
    var at = 0
    var sawSlash = false

    mutating func elements(insideOptional: Bool) throws(PatternError) -> [Element] {
      var elements: [Element] = []
      var literal: [UInt8] = []
      func flushed() -> [Element] { literal.isEmpty ? [] : [.literal(literal)] }
      let start = at
      while at < scalars.count {
        let scalar = scalars[at]
        let element: Element
        switch scalar {
        case "{": element = .token(try token())
        case "}":
          throw PatternError(
            at, code: "brace", "this '}' closes nothing", hint: "a token is written {token}")
        case "<":
          if insideOptional {
            throw PatternError(
              at, code: "optional", "a '<…>' inside another", hint: "close the first one before")
          }
          at += 1
          element = .optional(try self.elements(insideOptional: true))
        case ">":
          guard insideOptional else {
            throw PatternError(
              at, code: "optional", "this '>' closes nothing",
              hint: "an optional part is written <…>")
          }
          at += 1
          return elements + flushed()
        case "/":
          sawSlash = true
          at += 1
          element = .slash
        case "*" where wildcards:
          let isDouble = at + 1 < scalars.count && scalars[at + 1] == "*"
          at += isDouble ? 2 : 1
          element = isDouble ? .doubleStar : .star
        case "?" where wildcards:
          at += 1
          element = .anyCharacter
        case "*", "?":
          throw PatternError(
            at, code: "wildcard", "'\(scalar)' has no meaning in 'to'",
            hint: "'to' names one file: use tokens")
        case "\0":
          throw PatternError(at, code: "control", "a NUL cannot stand in a path")
        default:
          literal += Array(String(Character(scalar)).utf8)
          at += 1
          continue
        }
        elements += flushed() + [element]
        literal = []
      }
      if insideOptional {
        throw PatternError(
          start - 1, code: "optional", "this '<' is never closed",
          hint: "an optional part is written <…>")
      }
      return elements + flushed()
    }

    private mutating func token() throws(PatternError) -> TokenUse {
      let start = at
      guard let end = scalars[at...].firstIndex(of: "}") else {
        throw PatternError(
          at, code: "brace", "this '{' is never closed", hint: "a token is written {token}")
      }
      let inner = scalars[(start + 1)..<end]
      let name = inner.prefix { $0 != ":" && $0 != "|" }
      at = end + 1
      guard isTokenName(name) else {
        throw PatternError(
          start, end + 1 - start, code: "token-name",
          name.isEmpty
            ? "a token without a name" : "'\(string(name))' cannot be the name of a token",
          hint: "a name is letters, digits and _, and starts with a letter")
      }
      return TokenUse(
        name: string(name), offset: start, length: end + 1 - start,
        rest: Array(inner[name.endIndex...]),
        restOffset: name.endIndex)
    }
  }
}

func isTokenName(_ name: some Collection<Unicode.Scalar>) -> Bool {
  guard let first = name.first, first.isASCII, first.properties.isAlphabetic else { return false }
  return name.count <= 32
    && name.allSatisfy {
      $0.isASCII && ($0.properties.isAlphabetic || $0 == "_" || ("0"..."9").contains($0))
    }
}

func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
  String(String.UnicodeScalarView(scalars))
}
