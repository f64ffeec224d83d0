/// Turns the elements of a pattern into one regular expression, and remembers which group holds what.
struct ExpressionBuilder {
  let tokens: [String: Token]
  /// The use that is the slot.
  var slotOffset: Int?
  /// Whether capitals in the pattern's own text count.
  var keepsCase = false

  private(set) var expression: [UInt8] = []
  private(set) var captures: [MatchPattern.Capture] = []
  private(set) var slotCapture: Int?
  private(set) var always: Set<String> = []
  private(set) var perhaps: Set<String> = []
  private var groupCount = 0
  /// The captures that hold each name, and whether each is sure to take part.
  private var uses: [String: [(capture: Int, isOptional: Bool)]] = [:]
  private var isInOptional = false

  init(tokens: [String: Token]) { self.tokens = tokens }

  /// Captures that must agree and that the expression itself does not compare.
  var repeated: [[Int]] {
    uses.values.map { $0.map(\.capture) }.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
  }

  /// - Parameter isWhole: whether a component ends where the elements do.
  mutating func append(_ elements: [PathPattern.Element], isWhole: Bool = true) {
    append(elements, startsComponent: true, endsComponent: isWhole)
  }

  /// - Parameters: whether a component starts where the elements do, and ends where they do.
  private mutating func append(
    _ elements: [PathPattern.Element], startsComponent: Bool, endsComponent: Bool
  ) {
    var starts = startsComponent
    var index = 0
    while index < elements.count {
      let next = index + 1 < elements.count ? elements[index + 1] : nil
      let ends = next.map(\.isSlash) ?? endsComponent
      switch elements[index] {
      case .literal(let literal):
        expression += keepsCase ? bytes("(?-i:") : []
        expression += Token.quoted(literal) + (keepsCase ? bytes(")") : [])
      case .slash: expression.append(ASCII.slash)
      case .star: expression += bytes("[^/]*")
      case .anyCharacter: expression += bytes("[^/]")
      case .doubleStar:
        if starts, next?.isSlash == true {
          // `**/x` is also `x`.
          expression += bytes("(?:.*/)?")
          index += 1
        } else {
          expression += bytes(".*")
        }
      case .token(let use):
        let before = index > 0 ? elements[index - 1] : nil
        append(use, fillsComponent: starts && ends, before: before)
      case .optional(let inner):
        expression += bytes("(?:")
        isInOptional = true
        append(inner, startsComponent: starts, endsComponent: ends)
        isInOptional = false
        expression += bytes(")?")
        // `<{view}/>` leaves off where a component starts, whether it is there or not.
        starts = starts && inner.last?.isSlash == true
        index += 1
        continue
      }
      starts = elements[index].isSlash
      index += 1
    }
  }

  private mutating func append(
    _ use: TokenUse, fillsComponent: Bool, before: PathPattern.Element?
  ) {
    let name = use.name
    var token =
      tokens[name] ?? Token.shipped[name] ?? .undefined(name, fillsComponent: fillsComponent)
    if name == Token.frameName, case .literal(let literal) = before, literal.last == ASCII.minus {
      token = .frameAfterMinus
    }
    var (opening, closing) = ("(", ")")
    if token.isPlain, let first = uses[name]?.first, captures[first.capture].token.isPlain {
      // The expression compares, so that another reading of the name is tried where this one does not agree.
      let group = captures[first.capture].group
      guard first.isOptional else {
        expression += bytes("\\g{\(group)}")
        return
      }
      opening = "(?(\(group))\\g{\(group)}|("
      closing = "))"
    }
    groupCount += 1
    let group = groupCount
    expression += bytes(opening) + token.expression + bytes(closing)
    groupCount += token.groupCount
    if use.offset == slotOffset { slotCapture = captures.count }
    note(name)
    captures.append(
      MatchPattern.Capture(
        token: token, valueGroups: token.valueGroups.map { group + $0 }, group: group))
    for (inner, number) in token.namedGroups {
      note(inner)
      captures.append(
        MatchPattern.Capture(
          token: tokens[inner] ?? Token(name: inner, expression: [], groupCount: 1),
          valueGroups: [group + number], group: group + number))
    }
  }

  private mutating func note(_ name: String) {
    uses[name, default: []].append((captures.count, isInOptional))
    perhaps.insert(name)
    if !isInOptional { always.insert(name) }
  }
}

extension PathPattern.Element {
  fileprivate var isSlash: Bool { if case .slash = self { true } else { false } }
}
