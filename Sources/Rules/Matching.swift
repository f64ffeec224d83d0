import Paths
import Sequences

extension CompiledRule {
  enum Verdict {
    case fits(pattern: Int, slot: Slot?)
    case refused(Refusal.Reason)
    case failed(String)
  }

  /// Whether this rule takes a path, but for `when.count`.
  ///
  /// - Parameter hotFolder: its name; nil where that counts as satisfied.
  func judge(_ subject: Subject, hotFolder: String?, _ scratch: MatchScratch) -> Verdict {
    if !hotFolders.isEmpty, let hotFolder, !hotFolders.contains(hotFolder) {
      return .refused(.hotFolder(hotFolder))
    }
    var reason = Refusal.Reason.noFit
    for (index, pattern) in patterns.enumerated() {
      let (outcome, start) = pattern.match(subject, scratch)
      switch outcome {
      case .noMatch: continue
      case .failed(let error): return .failed(failure(error, pattern))
      case .matched: break
      }
      if let different = pattern.disagreement(subject, start, scratch) {
        reason = different
        continue
      }
      var slot: Slot?
      if let wanted = pattern.slot,
        let digits = pattern.valueRange(pattern.captures[wanted.capture], scratch)
      {
        let shift = start - subject.nameStart
        slot = Slot(
          wanted.kind == .udim ? .udim : .frame,
          digits: digits.lowerBound + shift..<digits.upperBound + shift,
          in: FileName(Array(subject.name)))
      }
      return judgeExceptions(subject, scratch) ?? .fits(pattern: index, slot: slot)
    }
    return .refused(reason)
  }

  private func judgeExceptions(_ subject: Subject, _ scratch: MatchScratch) -> Verdict? {
    for pattern in excepts {
      let (outcome, start) = pattern.match(subject, scratch)
      switch outcome {
      case .noMatch: continue
      case .failed(let error): return .failed(failure(error, pattern))
      case .matched:
        if pattern.disagreement(subject, start, scratch) != nil { continue }
        return .refused(.excepted(pattern: pattern.source.text))
      }
    }
    return nil
  }

  private func failure(_ error: Int32, _ pattern: MatchPattern) -> String {
    "'\(pattern.source.text)' cannot be decided for this name: \(Expression.errorText(error)); an expression in its tokens tries too many ways, such as (a+)+"
  }

  /// The tokens of a path that `patterns[pattern]` is known to fit.
  func values(of path: RelativePath, pattern index: Int) -> TokenValues {
    let pattern = patterns[index]
    return path.bytes.withUnsafeBufferPointer { bytes in
      let subject = Subject(bytes)
      let scratch = MatchScratch.current
      var values = TokenValues()
      let (outcome, start) = pattern.match(subject, scratch)
      guard outcome == .matched else { return values }
      for capture in pattern.captures {
        guard let range = pattern.valueRange(capture, scratch) else { continue }
        let raw = Array(bytes[range.lowerBound + start..<range.upperBound + start])
        let token = capture.token
        values.add(TokenValue(name: token.name, raw: raw, value: token.value(of: raw)))
      }
      return values
    }
  }
}

extension MatchPattern {
  /// The first token whose uses do not have the same value.
  fileprivate func disagreement(_ subject: Subject, _ start: Int, _ scratch: MatchScratch)
    -> Refusal.Reason?
  {
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
}
