/// What one `{token}` of a pattern fits, and what its value is.
struct Token: Sendable {
  let name: String
  /// A regular expression for the whole value.
  let expression: [UInt8]
  /// How many groups `expression` captures.
  let groupCount: Int
  /// Groups of `expression`, from 1, any of which is the value if it took part; else the whole is.
  let valueGroups: [Int]
  /// Groups of `expression` that are tokens by themselves.
  let namedGroups: [(name: String, number: Int)]
  /// From each folded alias to its canonical value; empty where values have one spelling.
  let canonical: [[UInt8]: [UInt8]]
  let kind: Kind
  /// What `find` looks for, in this order; empty where there is nothing to look for.
  let searches: [Search]

  /// A regular expression for one way to write a value, by itself.
  struct Search: Sendable {
    let expression: [UInt8]
    /// As those of the token, counted within `expression`.
    let valueGroups: [Int]
    let namedGroups: [(name: String, number: Int)]
  }

  enum Kind: Sendable {
    case text
    /// Compares as a number: `{version}`.
    case number
    case slot
  }

  init(
    name: String, expression: [UInt8], groupCount: Int = 0, valueGroups: [Int] = [],
    namedGroups: [(name: String, number: Int)] = [], canonical: [[UInt8]: [UInt8]] = [:],
    kind: Kind = .text, searches: [Search] = []
  ) {
    self.name = name
    self.expression = expression
    self.groupCount = groupCount
    self.valueGroups = valueGroups
    self.namedGroups = namedGroups
    self.canonical = canonical
    self.kind = kind
    self.searches = searches
  }

  /// Whether a second use can be said as a reference back to the first one.
  var isPlain: Bool { canonical.isEmpty && kind == .text && groupCount == 0 }
}

extension Token {
  /// Always there, and not to be redefined: where the frame stands.
  static let frameName = "frame"
  static let udimName = "udim"
  static let versionName = "version"

  /// Values that no pattern captures.
  static let computed = ["name", "stem", "parent", "below", "today"]

  /// Tokens that are there without being defined.
  static let shipped: [String: Token] = {
    let digits = "[0-9]{1,18}(?![0-9])"
    let tokens = [
      // A whole run of digits; a minus before it, after a dot or underscore, belongs to it (`Slot` decides).
      Token(
        name: frameName,
        expression: bytes("(?<![0-9])(?<![._]-)(\(digits))|(?<=[._])-(\(digits))"), groupCount: 2,
        valueGroups: [1, 2], kind: .slot),
      // 1001 + u + 10 v.
      Token(
        name: udimName,
        expression: bytes("(?<![0-9])(?!1000)[1-9][0-9]{3}(?![0-9])"), kind: .slot),
      Token(
        name: versionName, expression: bytes("(?<![0-9])\(digits)"), kind: .number,
        searches: [
          // `v003`, `ver 3`, `version12`; not `v.1001`, which is a frame.
          Search(
            expression: bytes("v(?:er(?:sion)?)?[ _-]?([0-9]{1,18})"), valueGroups: [1],
            namedGroups: [])
        ]),
      Token(
        name: "view", expression: bytes("right|left|r|l"),
        canonical: [
          bytes("left"): bytes("left"), bytes("l"): bytes("left"), bytes("right"): bytes("right"),
          bytes("r"): bytes("right"),
        ],
        searches: [
          Search(expression: bytes("right|left|r|l"), valueGroups: [], namedGroups: [])
        ]),
    ]
    return Dictionary(uniqueKeysWithValues: tokens.map { ($0.name, $0) })
  }()

  /// The frame directly behind a minus that the pattern writes itself.
  static let frameAfterMinus = Token(
    name: frameName, expression: bytes("(?<![0-9])[0-9]{1,18}(?![0-9])"), kind: .slot)

  /// A token that nobody defined: a word between separators, or a whole component.
  static func undefined(_ name: String, fillsComponent: Bool) -> Token {
    Token(name: name, expression: bytes(fillsComponent ? "[^/]+" : "[^/._]+"))
  }

  /// Exactly these bytes.
  static func quoted(_ literal: some Sequence<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    for byte in literal {
      if byte < 0x80, !byte.isLetter, !byte.isDigit, byte != 0 { result.append(ASCII.backslash) }
      result.append(byte)
    }
    return result
  }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
