import Paths
import Sequences

/// What a rule reads off a path that one of its patterns fits.
enum Reading {
  /// - deliveryLength: how many bytes of the path name its delivery's directory.
  case values(TokenValues, deliveryLength: Int?)
  case refused(Refusal.Reason)
  case failed(String)
}

extension CompiledRule {
  /// Whether a fit is no more than that: nothing of the path remains to be read.
  var isPlain: Bool { together == nil && finders.isEmpty }

  /// Reads all values, directly after `patterns[index]` matched.
  ///
  /// - Parameters:
  ///   - start: where in the path the bytes begin that the groups count from.
  func reading(
    _ subject: Subject, pattern index: Int, _ start: Int, slot: Range<Int>?, _ scratch: MatchScratch
  ) -> Reading {
    var values = TokenValues()
    patterns[index].read(subject, start, scratch, into: &values)
    var length: Int?
    if let together {
      switch delivery(of: subject, together, &values, scratch) {
      case .success(let found): length = found
      case .failure(let reason): return reason.reading
      }
    }
    for finder in finders where values[finder.token.name] == nil {
      switch finder.look(in: subject, slot: slot, scratch) {
      case .found(let found): for value in found { values.add(value) }
      case .nothing: break
      case .failed(let error): return .failed(failure(error, "{\(finder.token.name)}"))
      }
    }
    for name in needed[index] where values[name] == nil {
      let isInPath = finders.contains { $0.isInPath && $0.gives.contains(name) }
      return .refused(.notFound(token: name, isInPath: isInPath))
    }
    return .values(values, deliveryLength: length)
  }

  private struct NoDelivery: Error {
    let reading: Reading
  }

  /// The outermost directory above the file that `together` fits and whose values agree with those of the name.
  private func delivery(
    of subject: Subject, _ together: MatchPattern, _ values: inout TokenValues,
    _ scratch: MatchScratch
  ) -> Result<Int, NoDelivery> {
    var reason = Refusal.Reason.noDelivery
    for end in subject.path.indices.prefix(subject.nameStart)
    where subject.path[end] == ASCII.slash {
      let directory = Subject(UnsafeBufferPointer(rebasing: subject.path[..<end]))
      let (outcome, start) = together.match(directory, scratch)
      switch outcome {
      case .noMatch: continue
      case .failed(let error):
        return .failure(NoDelivery(reading: .failed(failure(error, "'\(together.source.text)'"))))
      case .matched: break
      }
      if let different = together.disagreement(directory, start, scratch)
        ?? together.disagreement(directory, start, scratch, with: values)
      {
        reason = different
        continue
      }
      together.read(directory, start, scratch, into: &values)
      return .success(end)
    }
    return .failure(NoDelivery(reading: .refused(reason)))
  }

  /// The tokens of a path that `patterns[index]` is known to take.
  func values(of path: RelativePath, pattern index: Int, slot: Range<Int>?) -> TokenValues {
    path.bytes.withUnsafeBufferPointer { bytes in
      let subject = Subject(bytes)
      let scratch = MatchScratch.current
      let (outcome, start) = patterns[index].match(subject, scratch)
      guard outcome == .matched,
        case .values(let values, _) = reading(
          subject, pattern: index, start, slot: slot, scratch)
      else { return TokenValues() }
      return values
    }
  }

  func failure(_ error: Int32, _ pattern: String) -> String {
    "\(pattern) cannot be decided for this name: \(Expression.errorText(error)); an expression in its tokens tries too many ways, such as (a+)+"
  }
}

extension MatchPattern {
  /// Adds what the groups of a match hold.
  func read(
    _ subject: Subject, _ start: Int, _ scratch: MatchScratch, into values: inout TokenValues
  ) {
    for capture in captures {
      guard let range = valueRange(capture, scratch) else { continue }
      let raw = Array(subject.path[range.lowerBound + start..<range.upperBound + start])
      let token = capture.token
      values.add(TokenValue(name: token.name, raw: raw, value: token.value(of: raw)))
    }
  }

  /// The first token whose uses do not have the same value.
  func disagreement(_ subject: Subject, _ start: Int, _ scratch: MatchScratch) -> Refusal.Reason? {
    for uses in repeated {
      var first: (raw: [UInt8], form: [UInt8])?
      for use in uses {
        let capture = captures[use]
        guard let range = valueRange(capture, scratch) else { continue }
        let raw = Array(subject.path[range.lowerBound + start..<range.upperBound + start])
        let form = capture.token.comparable(raw)
        if let first, first.form != form {
          return .differs(token: capture.token.name, shown(first.raw), shown(raw))
        }
        first = first ?? (raw, form)
      }
    }
    return nil
  }

  /// The first token that has another value already.
  func disagreement(
    _ subject: Subject, _ start: Int, _ scratch: MatchScratch, with values: TokenValues
  ) -> Refusal.Reason? {
    for capture in captures {
      guard let known = values[capture.token.name], let range = valueRange(capture, scratch) else {
        continue
      }
      let raw = Array(subject.path[range.lowerBound + start..<range.upperBound + start])
      if capture.token.comparable(raw) != capture.token.comparable(known.raw) {
        return .differs(token: known.name, shown(raw), shown(known.raw))
      }
    }
    return nil
  }
}
