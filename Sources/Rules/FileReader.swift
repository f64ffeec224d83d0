/// Reads one rule file, and collects its mistakes instead of stopping at the first.
struct FileReader {
  static let mostProblems = 50

  let source: SourceText
  private(set) var problems: [Problem] = []
  private(set) var drafts: [RuleDraft] = []
  var tokens: [String: Token] = [:]
  /// Tokens with a mistake: known, so that their uses are not reported too.
  var broken: Set<String> = []
  /// The files that it includes, directly or through others, by their paths from the rules' directory.
  var included: [String] = []
  /// For each of them, as reports name it, the item of this file that leads there; and the one that is followed now.
  var origins: [String: (item: Item, text: String)] = [:]
  var ownInclude: (item: Item, text: String)?
  /// What each of them says: two ways to one file are no two readings.
  var shared: [String: Shared] = [:]

  /// - Parameter path: from the rules' directory.
  init(_ source: SourceText, path: String, _ library: IncludeLibrary) {
    self.source = source
    do throws(Problems) {
      readFile(try source.compose(), path, library)
      reportIncludedMistakes()
    } catch {
      problems += error.list
    }
  }

  private mutating func readFile(_ root: Item, _ path: String, _ library: IncludeLibrary) {
    if root.isMissing {
      report(root, "version", "an empty rule file", hint: "a rule file starts with 'hotplate: 1'")
      return
    }
    guard let entries = entries(of: root, Vocabulary.file, "a rule file") else { return }
    if let version = entries["hotplate"] {
      check(version: version)
    } else {
      report(
        root, "version", "the version of the language is missing",
        hint: "the first line is 'hotplate: \(Vocabulary.version)'")
    }
    let shared = readShared(entries, Including(path), library)
    for entry in shared.tokens.sorted(by: { $0.key < $1.key }) { readToken(entry.value) }
    guard let rules = entries["rules"] else { return }
    guard case .list(let items) = rules.content else {
      report(
        rules, "type", "'rules' is a list, not \(rules.kind)",
        hint: "each rule starts with '- rule: a-name'")
      return
    }
    for (index, item) in items.enumerated() {
      let end = index + 1 < items.count ? items[index + 1].line : source.lines.count + 1
      readRule(item, defaults: shared.defaults, until: end)
    }
  }

  mutating func check(version: Item) {
    guard let text = text(version), text != Vocabulary.version else { return }
    report(
      version, "version", "unknown version '\(text)' of the rule language",
      hint: "this Hotplate reads version \(Vocabulary.version)")
  }

  // MARK: Nodes

  /// The entries of a mapping by key; reports keys that nobody knows.
  ///
  /// - Parameter what: the thing that has these keys, for the report.
  mutating func entries(of item: Item, _ keys: Vocabulary.Keys, _ what: String) -> [String: Item]? {
    guard case .map(let entries) = item.content else {
      report(
        item, "type", "\(what) is 'key: value', not \(item.kind)",
        hint: "its keys: \(keys.known.joined(separator: ", "))")
      return nil
    }
    var result: [String: Item] = [:]
    for entry in entries where problems.count < Self.mostProblems {
      guard let key = entry.key.text else {
        report(
          entry.key, "type", "a key is text, not \(entry.key.kind)", hint: quoteHint(entry.key))
        continue
      }
      if keys.known.contains(key) {
        result[key] = entry.value
      } else {
        report(
          entry.key, "unknown-key", "unknown key '\(key)' in \(what)",
          hint: suggestion(for: key, among: keys.known))
      }
    }
    return result
  }

  /// The text of a scalar; reports anything else, and nothing at all.
  mutating func text(_ item: Item) -> String? {
    guard let text = item.text else {
      report(
        item, "type", "text is wanted here, not \(item.kind)",
        hint: quoteHint(item) ?? "write one value")
      return nil
    }
    if item.isMissing {
      report(
        item, "empty", "nothing is written here",
        hint: "write a value behind the ':', or remove the key")
      return nil
    }
    return text
  }

  /// One text, or a list of them.
  mutating func texts(_ item: Item) -> [(item: Item, text: String)] {
    guard case .list(let items) = item.content else { return text(item).map { [(item, $0)] } ?? [] }
    if items.isEmpty {
      report(item, "empty", "an empty list", hint: "write what belongs in it, or remove the key")
    }
    return items.compactMap { item in text(item).map { (item, $0) } }
  }

  /// One of a few words.
  mutating func word<Word: RawRepresentable<String> & CaseIterable>(
    _ item: Item?, _ what: String, default fallback: Word
  ) -> Word {
    guard let item, let text = text(item) else { return fallback }
    if let word = Word(rawValue: text) { return word }
    report(
      item, "unknown-\(what)", "unknown \(what) '\(text)'",
      hint: suggestion(for: text, among: Word.allCases.map(\.rawValue)))
    return fallback
  }

  // MARK: Reports

  mutating func report(_ item: Item, _ code: String, _ message: String, hint: String? = nil) {
    add(item.problem(code, message, hint: hint))
  }

  /// A mistake inside the text of a scalar.
  mutating func report(_ item: Item, _ error: PatternError) { add(item.problem(error)) }

  /// Once: a mistake in `defaults` shows in every rule. Nobody mends more than `mostProblems` at a time.
  mutating func add(_ problem: Problem) {
    let room = problem.code == "include" ? Self.mostProblems + 10 : Self.mostProblems
    if problems.count < room, !problems.contains(problem) { problems.append(problem) }
  }

  mutating func add(_ draft: RuleDraft) { drafts.append(draft) }

  /// A mapping or list where text was meant is most often a pattern that nobody quoted.
  private func quoteHint(_ item: Item) -> String? {
    let raw = item.source.line(item.line).unicodeScalars.dropFirst(item.column - 1)
    guard let first = raw.first, first == "{" || first == "[" else { return nil }
    let text = string(raw).prefix(while: { $0 != "#" })
    if text.contains(": ") { return nil }
    return "put single quotes around it: '\(text.trimmingSpaces)'"
  }
}

extension Substring {
  fileprivate var trimmingSpaces: Substring {
    var rest = self
    while rest.last == " " { rest.removeLast() }
    return rest
  }
}
