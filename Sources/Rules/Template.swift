/// What stands in `to`: where a file goes, with its tokens still to be filled in. Also a `root` and a `ready.marker`.
struct Template: Sendable {
  /// The key that it stands behind.
  enum Purpose: String { case to, root, marker }

  indirect enum Piece: Sendable {
    case literal([UInt8])
    case value(Value)
    /// Left out where a token in it has no value.
    case optional([Piece])
  }

  struct Value: Sendable {
    let use: TokenUse
    let format: NumberFormat?
    let filters: [Filter]

    var name: String { use.name }
    var hasFallback: Bool {
      filters.contains { if case .fallback = $0 { true } else { false } }
    }
    /// The slot, or the name that holds it, as it is: its digits stand in the result at a known place.
    var isSlot: Bool { name == Token.frameName || name == Token.udimName }
  }

  let pieces: [Piece]

  init(_ source: PathPattern, for purpose: Purpose) throws(PatternError) {
    if purpose == .root, source.hasSlash {
      throw PatternError(
        0, source.text.unicodeScalars.count, code: "root",
        "'root' is the name of a root, and no path",
        hint: "the configuration says where it lies: roots: { name: /path }")
    }
    if source.isFromRoot {
      throw PatternError(
        0, code: "to-path",
        purpose == .to
          ? "'to' is relative to the destination"
          : "'marker' is relative to the delivery's directory", hint: "remove the leading '/'")
    }
    try checkComponents(source, purpose)
    pieces = try Template.pieces(source.elements)
  }

  private static func pieces(_ elements: [PathPattern.Element]) throws(PatternError) -> [Piece] {
    var result: [Piece] = []
    for element in elements {
      switch element {
      case .literal(let bytes): result.append(.literal(bytes))
      case .slash: result.append(.literal([ASCII.slash]))
      case .token(let use): result.append(.value(try value(use)))
      case .optional(let inner): result.append(.optional(try pieces(inner)))
      // Refused when the pattern was read.
      case .star, .doubleStar, .anyCharacter: break
      }
    }
    return result
  }

  private static func value(_ use: TokenUse) throws(PatternError) -> Value {
    var offset = use.restOffset
    var format: NumberFormat?
    var filters: [Filter] = []
    for (index, part) in use.rest.split(separator: "|", omittingEmptySubsequences: false)
      .enumerated()
    {
      if index == 0 {
        if part.first == ":" {
          format = try NumberFormat(Array(part.dropFirst()), offset: offset + 1)
        }
      } else {
        filters.append(try Filter(Array(part), offset: offset))
      }
      offset += part.count + 1
    }
    let value = Value(use: use, format: format, filters: filters)
    if value.isSlot, !filters.isEmpty {
      throw PatternError(
        use.offset, use.length, code: "filter", "{\(use.name)} takes a format, no filters",
        hint: "{\(use.name):04d}")
    }
    return value
  }

  /// The tokens that it cannot do without.
  var needs: Set<String> {
    Set(values.filter { !$0.isOptional && !$0.value.hasFallback }.map(\.value.name))
  }

  /// All values, and whether each stands in an optional part.
  var values: [(value: Value, isOptional: Bool)] {
    func walk(_ pieces: [Piece], _ isOptional: Bool) -> [(value: Value, isOptional: Bool)] {
      pieces.flatMap { piece -> [(value: Value, isOptional: Bool)] in
        switch piece {
        case .literal: []
        case .value(let value): [(value, isOptional)]
        case .optional(let inner): walk(inner, true)
        }
      }
    }
    return walk(pieces, false)
  }
}

/// Refuses what cannot be a path whatever the values are: `..`, an empty component, no file name at the end.
private func checkComponents(_ source: PathPattern, _ purpose: Template.Purpose)
  throws(PatternError)
{
  let scalars = Array(source.text.unicodeScalars)
  var start = 0
  for end in 0...scalars.count where end == scalars.count || scalars[end] == "/" {
    let component = string(scalars[start..<end])
    let sure = withoutOptionalParts(component)
    if component == "." || component == ".." {
      throw PatternError(
        start, component.count, code: "to-path", "'\(component)' cannot stand in '\(purpose)'",
        hint: "'\(purpose)' never leaves the \(purpose == .to ? "destination" : "directory")")
    }
    if sure.isEmpty {
      let isEnd = end == scalars.count
      let isOptional = component.count > 1
      throw PatternError(
        isOptional ? start : max(0, isEnd ? end - 1 : end), max(1, component.unicodeScalars.count),
        code: "to-path",
        isOptional
          ? "nothing is left of this component without its optional part"
          : isEnd ? "'\(purpose)' ends with a directory" : "an empty component: '//'",
        hint: isOptional
          ? isEnd ? "add the file name, e.g. {name}" : "take the '/' into the optional part: <…/>"
          : isEnd ? "add the file name, e.g. {name}" : "remove one '/'")
    }
    if component.hasPrefix(".hotplate-") {
      throw PatternError(
        start, component.unicodeScalars.count, code: "to-path",
        "names that begin with '.hotplate-' are Hotplate's own", hint: "choose another name")
    }
    start = end + 1
  }
}

/// What stands in a component whatever is left out. An optional part may begin in one component and end in another.
private func withoutOptionalParts(_ component: String) -> String {
  var result = component
  while let open = result.firstIndex(of: "<"), let close = result[open...].firstIndex(of: ">") {
    result.removeSubrange(open...close)
  }
  return result == ">" ? "" : result
}
