/// A `match` or `except` pattern, compiled.
struct MatchPattern: Sendable {
  /// What of a path the expression is held against.
  enum Scope: Hashable, Sendable {
    case name
    /// The last components, this many.
    case tail(Int)
    /// All of it. A pattern that must fit only the end begins with what stands for the rest.
    case path
  }

  /// A use of a token, and which groups hold it.
  struct Capture: Sendable {
    let token: Token
    /// Any of these, or else the whole use, is the value.
    let valueGroups: [Int]
    let group: Int
  }

  let source: PathPattern
  let scope: Scope
  let tokens: [String: Token]
  let expression: Expression
  /// The expression's own text: two patterns with the same one take the same paths.
  let expressionText: [UInt8]
  let captures: [Capture]
  /// The capture that is the slot.
  let slot: (kind: SlotKind, capture: Int)?
  /// Captures that must have the same value, by index.
  let repeated: [[Int]]
  /// Tokens that have a value whenever the pattern fits, and tokens that may have one.
  let always: Set<String>
  let perhaps: Set<String>
  /// A name that fits ends with one of these, in small letters; empty if nothing is known.
  let endings: [[UInt8]]

  enum SlotKind: Sendable { case frame, udim }
  enum Purpose {
    case match, except
    /// `together`: of directories.
    case directory
    /// `ready.marker`: text of its own is as it is written.
    case marker
  }

  init(_ source: PathPattern, tokens: [String: Token], for purpose: Purpose) throws(PatternError) {
    var builder = ExpressionBuilder(tokens: tokens)
    var prefix: [UInt8] = []
    if !source.hasSlash {
      scope = .name
    } else if source.isFromRoot {
      scope = .path
    } else if let count = source.componentCount {
      scope = .tail(count)
    } else {
      scope = .path
      // As little as possible, so that optional parts are there when they fit.
      prefix = bytes("(?:.*?/)??")
    }
    let slotUse = purpose == .match ? try source.slot() : nil
    builder.slotOffset = slotUse?.offset
    builder.keepsCase = purpose == .marker
    builder.append(source.elements)
    expressionText = prefix + builder.expression
    do throws(ExpressionError) {
      expression = try Expression(expressionText)
    } catch {
      throw PatternError(
        0, source.text.unicodeScalars.count, code: "regex",
        "its tokens make no regular expression together: \(error.message)")
    }
    self.source = source
    self.tokens = tokens
    captures = builder.captures
    slot = builder.slotCapture.map {
      (slotUse?.name == Token.udimName ? SlotKind.udim : .frame, $0)
    }
    repeated = builder.repeated
    always = builder.always
    perhaps = builder.perhaps
    endings = source.endings(tokens)
  }
}

extension PathPattern {
  /// How many components it speaks of; nil where that depends on the path.
  fileprivate var componentCount: Int? {
    var count = 1
    for element in elements {
      switch element {
      case .slash: count += 1
      case .doubleStar: return nil
      case .optional(let inner):
        for element in inner {
          switch element {
          case .slash, .doubleStar: return nil
          default: break
          }
        }
      default: break
      }
    }
    return count
  }

  /// All uses of tokens, in order; and after which of them a slash may still come.
  var uses: [(use: TokenUse, isInName: Bool, isOptional: Bool)] {
    var result: [(use: TokenUse, isInName: Bool, isOptional: Bool)] = []
    func walk(_ elements: [Element], isOptional: Bool) {
      for element in elements {
        switch element {
        case .token(let use): result.append((use, true, isOptional))
        case .slash, .doubleStar: for index in result.indices { result[index].isInName = false }
        case .optional(let inner): walk(inner, isOptional: true)
        case .literal, .star, .anyCharacter: break
        }
      }
    }
    walk(elements, isOptional: false)
    return result
  }

  /// The use that tells the members of a sequence apart: `{frame}`, else `{udim}`.
  fileprivate func slot() throws(PatternError) -> TokenUse? {
    let uses = uses
    let hasFrame = uses.contains { $0.use.name == Token.frameName }
    let name = hasFrame ? Token.frameName : Token.udimName
    let slots = uses.filter { $0.use.name == name }
    for (use, isInName, _) in slots where !isInName {
      throw PatternError(
        use.offset, use.length, code: "slot-place", "{\(name)} must stand in the file name",
        hint: "files of one directory that differ only there are one sequence")
    }
    if slots.count > 1 {
      throw PatternError(
        slots[1].use.offset, slots[1].use.length, code: "slot-twice", "{\(name)} stands here twice",
        hint: "use another token for the second number")
    }
    return slots.first?.use
  }

  /// The ends of the names that fit: cheap to look at before the expression runs.
  fileprivate func endings(_ tokens: [String: Token]) -> [[UInt8]] {
    switch elements.last {
    case .literal(let literal) where literal.allSatisfy { $0 < 0x80 }:
      return [literal.map(\.lowercased)]
    case .token(let use):
      guard elements.count > 1, case .literal(let before) = elements[elements.count - 2],
        before.last == ASCII.dot, let token = tokens[use.name]
      else { return [] }
      let words = token.expression.split(separator: UInt8(ascii: "|"))
        .map { $0.starts(with: bytes("(?:")) ? $0.dropFirst(3).dropLast() : $0 }
      guard words.count <= 16, words.allSatisfy({ $0.allSatisfy { $0.isLetter || $0.isDigit } })
      else { return [] }
      return words.map { [ASCII.dot] + $0.map(\.lowercased) }
    default: return []
    }
  }
}
