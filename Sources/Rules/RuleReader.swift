import Sequences

extension FileReader {
  typealias Fields = [String: Item]

  /// The keys of a rule or of `defaults`, those of `when` and `ready` as `when.count`.
  mutating func fields(of item: Item, isDefaults: Bool) -> Fields {
    let what = isDefaults ? "defaults" : "a rule"
    guard var fields = entries(of: item, Vocabulary.rule, what) else { return [:] }
    if isDefaults {
      for key in Vocabulary.ruleOnly {
        if let item = fields.removeValue(forKey: key) {
          report(
            item, "unknown-key", "'\(key)' cannot be a default", hint: "each rule says its own")
        }
      }
    }
    for (key, keys) in [("when", Vocabulary.when), ("ready", Vocabulary.ready)] {
      guard let item = fields.removeValue(forKey: key) else { continue }
      for (inner, value) in entries(of: item, keys, "'\(key)'") ?? [:] {
        fields["\(key).\(inner)"] = value
      }
    }
    return fields
  }

  /// - Parameter end: the line after the rule.
  mutating func readRule(_ item: Item, defaults: Fields, until end: Int) {
    let own = fields(of: item, isDefaults: false)
    let fields = defaults.merging(own) { $1 }
    guard let nameItem = own["rule"], let name = text(nameItem) else {
      if own["rule"] == nil, case .map = item.content {
        report(item, "no-name", "a rule without a name", hint: "it starts with 'rule: a-name'")
      }
      return
    }
    for key in ["match", "to"] where fields[key] == nil {
      report(nameItem, "no-\(key)", "the rule '\(name)' has no '\(key)'")
    }
    let matches = fields["match"].map { patterns($0, for: .match) } ?? []
    let excepts = fields["except"].map { patterns($0, for: .except) } ?? []
    let count = readCount(fields["when.count"], matches)
    let hotFolders = fields["when.hot_folder"].map { texts($0).map(\.text) } ?? []
    let transfer = word(
      fields["transfer"], Vocabulary.transfer, "transfer", default: Rule.Transfer.copy)
    let conflict = word(
      fields["conflict"], Vocabulary.conflict, "conflict", default: Rule.Conflict.hold)
    let verify = word(fields["verify"], Vocabulary.verify, "verify", default: Rule.Verify.copy)
    if transfer == .move, verify == .none,
      let place = own["verify"] ?? own["transfer"] ?? fields["verify"]
    {
      report(
        place, "move-unverified", "'move' with 'verify: none'",
        hint: "a source is removed only after its copy is verified: write 'verify: copy'")
    }
    let to = fields["to"].flatMap { template($0, matches) }
    let renumber = fields["renumber"].flatMap {
      readRenumber($0, matches, to?.template, isOwn: own["renumber"] != nil)
    }
    let ready = readReady(fields, matches, own)
    let examples = fields["examples"].map { readExamples($0, rule: name) } ?? []
    let about = fields["about"].flatMap { text($0) }
    guard let to, !matches.isEmpty else { return }
    add(
      RuleDraft(
        name: name, nameItem: nameItem, source: source, about: about,
        ready: ready, transfer: transfer, conflict: conflict, verify: verify,
        text: text(from: item.line, to: end), patterns: matches.map { $0.pattern },
        patternItems: matches.map { $0.item }, excepts: excepts.map { $0.pattern }, count: count,
        hotFolders: hotFolders, to: to.template, renumber: renumber, examples: examples))
  }

  /// The lines of a rule, without what is empty or a comment at their end.
  private func text(from start: Int, to end: Int) -> String {
    var lines = source.lines[(start - 1)..<min(max(start, end - 1), source.lines.count)]
    while let last = lines.last,
      last.allSatisfy({ $0 == " " }) || last.drop(while: { $0 == " " }).first == "#"
    {
      lines.removeLast()
    }
    return lines.joined(separator: "\n")
  }

  // MARK: match, except

  private mutating func patterns(_ item: Item, for purpose: MatchPattern.Purpose)
    -> [(item: Item, pattern: MatchPattern)]
  {
    texts(item).compactMap { item, text in
      do throws(PatternError) {
        let source = try PathPattern(text, wildcards: true)
        for (use, _, _) in source.uses { try checkUse(use) }
        return (item, try MatchPattern(source, tokens: tokens, for: purpose))
      } catch {
        report(item, error)
        return nil
      }
    }
  }

  private func checkUse(_ use: TokenUse) throws(PatternError) {
    if Token.computed.contains(use.name) || Token.computedLater.contains(use.name) {
      throw PatternError(
        use.offset, use.length, code: "token-name", "{\(use.name)} has a value in 'to' only",
        hint: "choose another name for a part of the path")
    }
    if !use.rest.isEmpty {
      throw PatternError(
        use.restOffset, use.rest.count, code: "filter", "formats and filters belong into 'to'",
        hint: "{\(use.name)}")
    }
  }

  // MARK: when, ready, renumber

  private mutating func readCount(_ item: Item?, _ matches: [(item: Item, pattern: MatchPattern)])
    -> CountCondition?
  {
    guard let item, let text = text(item) else { return nil }
    guard let count = CountCondition(text) else {
      report(item, "count", "'\(text)' is no count", hint: "2+ (two and more), 1, or 1-5")
      return nil
    }
    if !matches.isEmpty, matches.allSatisfy({ $0.pattern.slot == nil }), !count.holds(for: 1) {
      report(
        item, "count", "without {frame} in 'match' every file is one by itself",
        hint: "write {frame} where the number stands")
    }
    return count
  }

  private mutating func readReady(
    _ fields: Fields, _ matches: [(item: Item, pattern: MatchPattern)], _ own: Fields
  ) -> Rule.Ready {
    var quiet = Duration.seconds(2)
    if let item = fields["ready.quiet"], let text = text(item) {
      if let duration = duration(text) {
        quiet = duration
      } else {
        report(item, "duration", "'\(text)' is no duration", hint: "500ms, 2s, 5m, 1h")
      }
    }
    var frames: FrameSet?
    if let item = fields["ready.frames"], let text = text(item) {
      frames = FrameSet(text)
      if frames == nil || frames?.isEmpty == true {
        report(item, "frames", "'\(text)' are no frames", hint: "1001-1100, or 1001-1050,1060")
      } else if own["ready.frames"] != nil, !matches.isEmpty,
        matches.allSatisfy({ $0.pattern.slot == nil })
      {
        report(
          item, "frames", "there is no {frame} in 'match'",
          hint: "write {frame} where the number stands")
      }
    }
    return Rule.Ready(quiet: quiet, frames: frames)
  }

  private mutating func readRenumber(
    _ item: Item, _ matches: [(item: Item, pattern: MatchPattern)], _ to: Template?,
    isOwn: Bool
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

/// `500ms`, `2s`, `5m`, `1h`, up to a thousand hours; nil for anything else.
private func duration(_ text: String) -> Duration? {
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
