import Paths

extension CompiledRule {
  /// Where a path leaves the patterns: of the pattern that follows it longest, what it wants next.
  func diagnosis(of path: RelativePath) -> String {
    let all = patterns.map { $0.diagnosis(of: path) }
    guard let best = all.max(by: { $0.fitting < $1.fitting }) else { return "it has no pattern" }
    return best.why
  }
}

extension MatchPattern {
  fileprivate func diagnosis(of path: RelativePath) -> (fitting: Int, why: String) {
    let text = "'\(source.text)'"
    return path.bytes.withUnsafeBufferPointer { bytes in
      let subject = Subject(bytes)
      var part = subject.path
      var encoding = subject.pathEncoding
      switch scope {
      case .name: (part, encoding) = (subject.name, subject.nameEncoding)
      case .path: break
      case .tail(let count):
        guard let start = subject.tailStart(count) else {
          return (0, "\(text) wants \(count) components, and the path has fewer")
        }
        part = UnsafeBufferPointer(rebasing: subject.path[start...])
      }
      // A pattern that may begin anywhere has no place where the path leaves it.
      if scope == .path, !source.isFromRoot { return (0, "does not fit \(text)") }
      var fitting = 0
      var reach = 0
      let scratch = MatchScratch.current
      while fitting < source.elements.count {
        guard let start = beginning(fitting + 1),
          start.match(part, encoding, scratch) == .matched
        else { break }
        fitting += 1
        reach = scratch.range(0)?.upperBound ?? 0
      }
      let read = shown(Array(part.prefix(reach)))
      if fitting == source.elements.count {
        let left = shown(Array(part.dropFirst(reach)))
        return (fitting, "does not fit \(text): '\(left)' is left over after '\(read)'")
      }
      let wanted = source.elements[fitting].wanted
      let place = reach == 0 ? "at the beginning" : "after '\(read)'"
      return (fitting, "does not fit \(text): no \(wanted) \(place)")
    }
  }

  /// The expression for the first `count` elements.
  private func beginning(_ count: Int) -> Expression? {
    var builder = ExpressionBuilder(tokens: tokens)
    let next = source.elements.dropFirst(count).first
    let isWhole = if case .slash? = next { true } else { next == nil }
    builder.append(Array(source.elements.prefix(count)), isWhole: isWhole)
    do throws(ExpressionError) {
      return try Expression(builder.expression, .beginning)
    } catch {
      return nil
    }
  }
}

extension PathPattern.Element {
  /// As a person calls it who reads what is missing.
  fileprivate var wanted: String {
    switch self {
    case .literal(let bytes): "'\(shown(bytes))'"
    case .slash: "'/'"
    case .star, .doubleStar: "more"
    case .anyCharacter: "character"
    case .token(let use) where use.name == Token.frameName: "{frame} (a whole number)"
    case .token(let use): "{\(use.name)}"
    case .optional: "more"
    }
  }
}
