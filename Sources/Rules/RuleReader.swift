extension FileReader {
  typealias Fields = [String: Item]
  typealias Pattern = (item: Item, pattern: MatchPattern)

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
    if let to = fields["to"], let leave = fields["leave"] {
      let later = (to.line, to.column) > (leave.line, leave.column) ? to : leave
      report(
        later, "leave", "'to' and 'leave' in one place",
        hint: "a file either goes somewhere or is left where it is")
    }
    return fields
  }

  /// - Parameter end: the line after the rule.
  mutating func readRule(_ item: Item, defaults: Fields, until end: Int) {
    let own = fields(of: item, isDefaults: false)
    var fields = defaults.merging(own) { $1 }
    guard let nameItem = own["rule"], let name = text(nameItem) else {
      if own["rule"] == nil, case .map = item.content {
        report(item, "no-name", "a rule without a name", hint: "it starts with 'rule: a-name'")
      }
      return
    }
    // Of two that exclude each other, a default gives way.
    if own["to"] != nil { fields["leave"] = own["leave"] }
    if own["leave"] != nil { fields["to"] = own["to"] }
    if fields["leave"] != nil {
      checkLeave(own)
      fields = fields.filter { !isIdle($0.key) }
    }
    for (key, or) in [("match", ""), ("to", "leave")]
    where fields[key] == nil && fields[or] == nil {
      report(
        nameItem, "no-\(key)", "the rule '\(name)' has no '\(key)'",
        hint: or.isEmpty
          ? "match: '{shot}.{frame}.exr', as the names are"
          : "write '\(key)', or '\(or)' for what is known and not wanted")
    }
    let matches = fields["match"].map { patterns($0, for: .match) } ?? []
    let excepts = fields["except"].map { patterns($0, for: .except) } ?? []
    let supply = Supply(
      patterns: matches.map(\.pattern), together: fields["together"].flatMap { readTogether($0) },
      finders: readFinders(fields))
    var draft = RuleDraft(
      name: name, nameItem: nameItem, text: text(from: item.line, to: end),
      ready: readReady(fields, own, supply))
    draft.about = fields["about"].flatMap { text($0) }
    draft.patterns = supply.patterns
    draft.patternItems = matches.map(\.item)
    draft.excepts = excepts.map(\.pattern)
    draft.together = supply.together
    draft.finders = supply.finders
    draft.count = readCount(fields["when.count"], matches)
    draft.hotFolders = fields["when.hot_folder"].map { texts($0).map(\.text) } ?? []
    draft.leave = fields["leave"].flatMap { text($0) }
    readWay(fields, own, supply, &draft)
    draft.to = fields["to"].flatMap { template($0, for: .to, supply) }
    draft.root = fields["root"].flatMap { template($0, for: .root, supply) }
    draft.renumber = fields["renumber"].flatMap {
      readRenumber($0, matches, draft.to, isOwn: own["renumber"] != nil)
    }
    checkVersionUp(fields, own, draft)
    readCompanions(fields, supply, &draft)
    draft.needed = supply.needed(by: [draft.to, draft.root, draft.marker])
    draft.examples =
      fields["examples"].map { readExamples($0, rule: name, hasRoot: fields["root"] != nil) } ?? []
    guard draft.to != nil || draft.leave != nil, !matches.isEmpty else { return }
    add(draft)
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

  // MARK: match, except, together

  private mutating func patterns(_ item: Item, for purpose: MatchPattern.Purpose) -> [Pattern] {
    texts(item).compactMap { item, text in
      pattern(item, text, for: purpose).map { (item, $0) }
    }
  }

  mutating func pattern(_ item: Item, _ text: String, for purpose: MatchPattern.Purpose)
    -> MatchPattern?
  {
    do throws(PatternError) {
      let source = try PathPattern(text, wildcards: true)
      for (use, _, _) in source.uses { try checkUse(use, purpose) }
      return try MatchPattern(source, tokens: tokens, for: purpose)
    } catch {
      report(item, error)
      return nil
    }
  }

  private func checkUse(_ use: TokenUse, _ purpose: MatchPattern.Purpose) throws(PatternError) {
    if Token.computed.contains(use.name) {
      throw PatternError(
        use.offset, use.length, code: "token-name", "{\(use.name)} has a value in 'to' only",
        hint: "choose another name for a part of the path")
    }
    if !use.rest.isEmpty {
      throw PatternError(
        use.restOffset, use.rest.count, code: "filter", "formats and filters belong in 'to'",
        hint: "{\(use.name)}")
    }
    if purpose == .directory, use.name == Token.frameName || use.name == Token.udimName {
      throw PatternError(
        use.offset, use.length, code: "slot-place", "{\(use.name)} must stand in the file name",
        hint: "files of one directory that differ only there are one sequence")
    }
  }

  private mutating func readTogether(_ item: Item) -> MatchPattern? {
    guard let text = text(item) else { return nil }
    guard text.hasSuffix("/"), text.count > 1 else {
      report(
        item, "together",
        text == "/" ? "the hot folder itself is no delivery" : "'together' names a directory",
        hint: text == "/" ? "'/{package}/' is each directory in it" : "end it with '/': '\(text)/'")
      return nil
    }
    return pattern(item, String(text.dropLast()), for: .directory)
  }

  // MARK: find, find_in_path

  private mutating func readFinders(_ fields: Fields) -> [Finder] {
    var finders: [Finder] = []
    for (key, isInPath) in [("find", false), ("find_in_path", true)] {
      guard let list = fields[key] else { continue }
      for (item, name) in texts(list) {
        guard let token = tokens[name] ?? Token.shipped[name], token.kind != .slot else {
          let isSlot = name == Token.frameName || name == Token.udimName
          report(
            item, "find", isSlot ? "{\(name)} is not looked for" : "nobody defined {\(name)}",
            hint: isSlot
              ? "write it into 'match', where the number stands"
              : suggestion(for: name, among: tokens.keys.sorted() + ["version", "view"])
                ?? "define it in 'tokens'")
          continue
        }
        if finders.contains(where: { $0.token.name == name }) {
          report(item, "find", "{\(name)} is looked for twice", hint: "remove one")
          continue
        }
        if token.searches.isEmpty, !broken.contains(name) {
          report(
            item, "find", "there is nothing of {\(name)} to look for",
            hint: "give it values: \"*\" alone would fit any word")
          continue
        }
        do throws(ExpressionError) {
          finders.append(try Finder(token, isInPath: isInPath, tokens: tokens))
        } catch {
          report(item, "regex", "{\(name)} cannot be looked for: \(error.message)")
        }
      }
    }
    return finders
  }
}
