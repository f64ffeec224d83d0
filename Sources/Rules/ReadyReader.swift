import Sequences

extension FileReader {
  // MARK: ready

  mutating func readReady(_ fields: Fields, _ own: Fields, _ supply: Supply) -> Rule.Ready {
    let hasMore = ["frames", "marker", "manifest"].contains { fields["ready.\($0)"] != nil }
    let gaps = word(fields["ready.gaps"], "gaps", default: hasMore ? Rule.Gaps.wait : .accept)
    let hasFrames = supply.patterns.contains { $0.slot?.kind == .frame }
    if let item = own["ready.gaps"], !supply.patterns.isEmpty, !hasFrames {
      let isTiles = supply.patterns.contains { $0.slot?.kind == .udim }
      report(
        item, "gaps", isTiles ? "UDIM tiles have no gaps" : "there is no {frame} in 'match'",
        hint: "remove 'gaps'")
    }
    let patience = fields["ready.patience"].flatMap { duration($0) }
    if let item = own["ready.patience"], !hasMore, gaps != .wait {
      report(
        item, "patience", "'patience' is for what is missing, and nothing says what must be there",
        hint: "say it: frames, marker or manifest; or gaps: wait")
    }
    return Rule.Ready(
      quiet: fields["ready.quiet"].flatMap { duration($0) },
      frames: readFrames(fields["ready.frames"], isOwn: own["ready.frames"] != nil, supply),
      gaps: gaps, patience: hasMore || gaps == .wait ? patience : nil,
      whole: word(fields["ready.whole"], "whole", default: YesNo.yes).isYes,
      hasMarker: fields["ready.marker"] != nil, hasManifest: fields["ready.manifest"] != nil)
  }

  private mutating func readFrames(_ item: Item?, isOwn: Bool, _ supply: Supply) -> FrameSet? {
    guard let item, let text = text(item) else { return nil }
    guard let frames = FrameSet(text), !frames.isEmpty else {
      report(item, "frames", "'\(text)' are no frames", hint: "1001-1100, or 1001-1050,1060")
      return nil
    }
    if isOwn, !supply.patterns.isEmpty, supply.patterns.allSatisfy({ $0.slot == nil }) {
      report(
        item, "frames", "there is no {frame} in 'match'",
        hint: "write {frame} where the number stands")
    }
    return frames
  }

  private mutating func duration(_ item: Item) -> Duration? {
    guard let text = text(item) else { return nil }
    guard let duration = durationOf(text) else {
      report(item, "duration", "'\(text)' is no duration", hint: "500ms, 2s, 5m, 1h")
      return nil
    }
    return duration
  }

  /// `ready.marker`, `ready.manifest`, and what they may be called.
  mutating func readCompanions(_ fields: Fields, _ supply: Supply, _ draft: inout RuleDraft) {
    let directory = supply.together?.source
    if let item = fields["ready.marker"], let marker = template(item, for: .marker, supply) {
      draft.marker = marker
      let source = PathPattern(
        text: item.text ?? "", elements: marker.elements, isFromRoot: false,
        hasSlash: item.text?.contains("/") == true)
      companion(item, source.below(directory, anyDepth: false), isExact: true, &draft)
    }
    if let item = fields["ready.manifest"], let text = text(item) {
      if text.hasPrefix("/") {
        report(
          item, "manifest", "a manifest lies in the delivery", hint: "remove the leading '/'")
        return
      }
      guard let manifest = pattern(item, text, for: .except) else { return }
      draft.manifest = manifest
      companion(item, manifest.source.below(directory, anyDepth: true), isExact: false, &draft)
    }
  }

  private mutating func companion(
    _ item: Item, _ source: PathPattern, isExact: Bool, _ draft: inout RuleDraft
  ) {
    do throws(PatternError) {
      draft.companions.append(
        try MatchPattern(source, tokens: tokens, for: isExact ? .marker : .except))
    } catch {
      report(item, error)
    }
  }

  // MARK: when, renumber

  mutating func readCount(_ item: Item?, _ matches: [Pattern]) -> CountCondition? {
    guard let item, let text = text(item) else { return nil }
    guard let count = CountCondition(text) else {
      report(item, "count", "'\(text)' is no count", hint: "2+ (two and more), 1, or 1-5")
      return nil
    }
    if count.most == 0 {
      report(
        item, "count", "a sequence of no frames never comes", hint: "2+ (two and more), 1, or 1-5")
    } else if !matches.isEmpty, matches.allSatisfy({ $0.pattern.slot == nil }),
      !count.holds(for: 1)
    {
      report(
        item, "count", "without {frame} in 'match' every file is one by itself",
        hint: "write {frame} where the number stands")
    }
    return count
  }

  mutating func readRenumber(
    _ item: Item, _ matches: [Pattern], _ to: Template?, isOwn: Bool
  ) -> CompiledRule.Renumber? {
    guard let entries = entries(of: item, Vocabulary.renumber, "'renumber'") else { return nil }
    guard entries.count == 1, let (key, value) = entries.first else {
      if !entries.isEmpty || problems.isEmpty {
        report(
          item, "renumber", "'renumber' says either 'first' or 'shift'",
          hint: "{ first: 1001 } or { shift: 1000 }")
      }
      return nil
    }
    guard let text = text(value) else { return nil }
    guard let number = Int(text), FrameSet.limits.contains(number) else {
      report(value, "renumber", "'\(text)' is no whole number", hint: "{ \(key): 1001 }")
      return nil
    }
    let isForTiles = matches.contains { $0.pattern.slot?.kind == .udim }
    // A default is for those rules that it suits.
    if !isOwn { return isForTiles ? nil : key == "first" ? .first(number) : .shift(number) }
    if isForTiles {
      report(item, "renumber", "UDIM tiles are never renumbered", hint: "remove 'renumber'")
    } else if let to, !to.values.contains(where: { $0.value.name == Token.frameName }) {
      report(
        item, "renumber", "'renumber' changes nothing: there is no {frame} in 'to'",
        hint: "{name} keeps the number it had")
    }
    return key == "first" ? .first(number) : .shift(number)
  }
}

private enum YesNo: String, CaseIterable {
  case yes, no
  case `true`, `false`
  var isYes: Bool { self == .yes || self == .true }
}

/// `500ms`, `2s`, `5m`, `1h`, up to a thousand hours; nil for anything else.
private func durationOf(_ text: String) -> Duration? {
  let digits = text.prefix { $0.isASCII && $0.isNumber }
  guard (1...9).contains(digits.count), let number = Int(digits) else { return nil }
  let seconds: Int
  switch text[digits.endIndex...] {
  case "ms": return .milliseconds(number)
  case "s": seconds = number
  case "m": seconds = number * 60
  case "h": seconds = number * 3600
  default: return nil
  }
  return seconds <= 3_600_000 ? .seconds(seconds) : nil
}
