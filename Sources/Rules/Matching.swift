import Paths
import Sequences

extension CompiledRule {
  enum Verdict {
    /// - deliveryLength: as that of a `Reading`.
    case fits(pattern: Int, slot: Slot?, deliveryLength: Int?)
    case refused(Refusal.Reason)
    case failed(String)
  }

  /// Whether this rule takes a path, but for `when.count`.
  ///
  /// - Parameter hotFolder: its name; nil where that counts as satisfied.
  func judge(_ subject: Subject, hotFolder: String?, _ scratch: MatchScratch) -> Verdict {
    if let reason = refusal(of: hotFolder) { return .refused(reason) }
    var reason = Refusal.Reason.noFit
    for (index, pattern) in patterns.enumerated() {
      let (outcome, start) = pattern.match(subject, scratch)
      switch outcome {
      case .noMatch: continue
      case .failed(let error): return .failed(failure(error, "'\(pattern.source.text)'"))
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
      var length: Int?
      if !isPlain {
        switch reading(subject, pattern: index, start, slot: slot?.range, scratch) {
        case .values(_, let found): length = found
        case .refused(let why):
          reason = why
          continue
        case .failed(let message): return .failed(message)
        }
      }
      return judgeExceptions(subject, scratch)
        ?? .fits(pattern: index, slot: slot, deliveryLength: length)
    }
    return .refused(reason)
  }

  func refusal(of hotFolder: String?) -> Refusal.Reason? {
    guard !hotFolders.isEmpty, let hotFolder, !hotFolders.contains(hotFolder) else { return nil }
    return .hotFolder(hotFolder)
  }

  private func judgeExceptions(_ subject: Subject, _ scratch: MatchScratch) -> Verdict? {
    for pattern in excepts {
      let (outcome, start) = pattern.match(subject, scratch)
      switch outcome {
      case .noMatch: continue
      case .failed(let error): return .failed(failure(error, "'\(pattern.source.text)'"))
      case .matched:
        if pattern.disagreement(subject, start, scratch) != nil { continue }
        return .refused(.excepted(pattern: pattern.source.text))
      }
    }
    return nil
  }
}
