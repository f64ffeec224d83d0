/// Looks for one token in a file's name, or in its path: `find` and `find_in_path`.
final class Finder: Sendable {
  let token: Token
  let isInPath: Bool
  /// The token, and the groups of its expressions that are tokens too.
  let gives: Set<String>
  private let patterns: [Pattern]

  private struct Pattern: Sendable {
    let expression: Expression
    let valueGroups: [Int]
    let named: [(token: Token, group: Int)]
  }

  /// - Throws: why one of the token's expressions cannot be looked for.
  init(_ token: Token, isInPath: Bool, tokens: [String: Token]) throws(ExpressionError) {
    self.token = token
    self.isInPath = isInPath
    var patterns: [Pattern] = []
    for search in token.searches {
      // A whole word: `z` does not hit `dozer`, and `sh010` is not in `sh0100`.
      let edges = ("(?<![\\p{L}\\p{N}])(?:", ")(?![\\p{L}\\p{N}])")
      patterns.append(
        Pattern(
          expression: try Expression(bytes(edges.0) + search.expression + bytes(edges.1), .anyPart),
          valueGroups: search.valueGroups,
          named: search.namedGroups.map { name, number in
            (tokens[name] ?? Token(name: name, expression: [], groupCount: 1), number)
          }))
    }
    self.patterns = patterns
    gives = Set([token.name] + patterns.flatMap { $0.named.map(\.token.name) })
  }

  enum Outcome {
    case found([TokenValue])
    case nothing
    case failed(Int32)
  }

  /// Looks in the name and then, for `find_in_path`, in the nearest directory upwards.
  ///
  /// - Parameter slot: where the frame stands in the name: nothing is found there, since a frame is no version.
  func look(in subject: Subject, slot: Range<Int>?, _ scratch: MatchScratch) -> Outcome {
    let found = look(inName: subject.name, subject.nameEncoding, slot, scratch)
    if case .nothing = found, isInPath {
      var end = subject.nameStart - 1
      while end > 0 {
        let start = subject.path[..<end].lastIndex(of: ASCII.slash).map { $0 + 1 } ?? 0
        let component = UnsafeBufferPointer(rebasing: subject.path[start..<end])
        let found = look(in: component, component.encoding, nil, scratch)
        if case .nothing = found { end = start - 1 } else { return found }
      }
    }
    return found
  }

  private func look(
    inName name: UnsafeBufferPointer<UInt8>, _ encoding: Expression.Encoding, _ slot: Range<Int>?,
    _ scratch: MatchScratch
  ) -> Outcome {
    guard let slot else { return look(in: name, encoding, nil, scratch) }
    // A slash is in no name and in no word.
    var hidden = Array(name)
    for index in slot { hidden[index] = ASCII.slash }
    return hidden.withUnsafeBufferPointer { look(in: $0, encoding, slot, scratch) }
  }

  private func look(
    in bytes: UnsafeBufferPointer<UInt8>, _ encoding: Expression.Encoding, _ slot: Range<Int>?,
    _ scratch: MatchScratch
  ) -> Outcome {
    for pattern in patterns {
      var end = 0
      var best: [TokenValue]?
      var start = 0
      search: while start < bytes.count {
        switch pattern.expression.match(bytes, encoding, scratch, from: start) {
        case .noMatch: break search
        case .failed(let error): return .failed(error)
        case .matched: break
        }
        guard let hit = scratch.range(0) else { break }
        // Of two that end at one place, the earlier start is the longer.
        if hit.upperBound > end, !hit.isEmpty, slot?.overlaps(hit) != true {
          end = hit.upperBound
          best = values(pattern, hit, bytes, scratch)
        }
        start = hit.lowerBound + 1
        while encoding == .utf8, start < bytes.count, bytes[start] & 0xc0 == 0x80 { start += 1 }
      }
      if let best { return .found(best) }
    }
    return .nothing
  }

  private func values(
    _ pattern: Pattern, _ hit: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>,
    _ scratch: MatchScratch
  ) -> [TokenValue] {
    let own = pattern.valueGroups.lazy.compactMap { scratch.range($0) }.first ?? hit
    let raw = Array(bytes[own])
    var values = [TokenValue(name: token.name, raw: raw, value: token.value(of: raw))]
    for (token, group) in pattern.named {
      guard let range = scratch.range(group) else { continue }
      let raw = Array(bytes[range])
      values.append(TokenValue(name: token.name, raw: raw, value: token.value(of: raw)))
    }
    return values
  }
}
