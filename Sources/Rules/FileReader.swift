/// Reads one rule file, and collects its mistakes instead of stopping at the first.
struct FileReader {
  static let mostProblems = 50

  let source: SourceText
  private(set) var problems: [Problem] = []
  private(set) var drafts: [RuleDraft] = []
  var tokens: [String: Token] = [:]

  init(_ source: SourceText) {
    self.source = source
    do throws(Problems) {
      readFile(try source.compose())
    } catch {
      problems += error.list
    }
  }

  private mutating func readFile(_ root: Item) {
    if root.isMissing {
      report(root, "version", "an empty rule file", hint: "a rule file starts with 'hotplate: 1'")
      return
    }
    guard let entries = entries(of: root, Vocabulary.file, "a rule file") else { return }
    if let version = entries["hotplate"] {
      if let text = text(version), text != Vocabulary.version {
        report(
          version, "version", "unknown version '\(text)' of the rule language",
          hint: "this Hotplate reads version \(Vocabulary.version)")
      }
    } else {
      report(
        root, "version", "the version of the language is missing",
        hint: "the first line is 'hotplate: \(Vocabulary.version)'")
    }
    if let item = entries["tokens"] { readTokens(item) }
    let defaults = entries["defaults"].map { fields(of: $0, isDefaults: true) } ?? [:]
    guard let rules = entries["rules"] else { return }
    guard case .list(let items) = rules.content else {
      report(
        rules, "type", "'rules' is a list, not \(rules.kind)",
        hint: "each rule starts with '- rule: a-name'")
      return
    }
    for (index, item) in items.enumerated() {
      let end = index + 1 < items.count ? items[index + 1].line : source.lines.count + 1
      readRule(item, defaults: defaults, until: end)
    }
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
      } else if keys.later.contains(key) {
        reportLater(entry.key, key)
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
      report(item, "type", "text is wanted here, not \(item.kind)", hint: quoteHint(item))
      return nil
    }
    if item.isMissing {
      report(item, "empty", "nothing is written here")
      return nil
    }
    return text
  }

  /// One text, or a list of them.
  mutating func texts(_ item: Item) -> [(item: Item, text: String)] {
    guard case .list(let items) = item.content else { return text(item).map { [(item, $0)] } ?? [] }
    if items.isEmpty { report(item, "empty", "an empty list") }
    return items.compactMap { item in text(item).map { (item, $0) } }
  }

  /// One of a few words.
  mutating func word<Word: RawRepresentable<String>>(
    _ item: Item?, _ keys: Vocabulary.Keys, _ what: String, default fallback: Word
  ) -> Word {
    guard let item else { return fallback }
    if case .list = item.content {
      reportLater(item, "a list of preferences for '\(what)'")
      return fallback
    }
    guard let text = text(item) else { return fallback }
    if let word = Word(rawValue: text) { return word }
    if keys.later.contains(text) {
      reportLater(item, text, among: keys.known)
    } else {
      report(
        item, "unknown-\(what)", "unknown \(what) '\(text)'",
        hint: suggestion(for: text, among: keys.known))
    }
    return fallback
  }

  // MARK: Reports

  mutating func report(_ item: Item, _ code: String, _ message: String, hint: String? = nil) {
    add(
      source.problem(
        line: item.line, column: item.column, length: source.length(of: item), code: code, message,
        hint: hint))
  }

  /// A mistake inside the text of a scalar.
  mutating func report(_ item: Item, _ error: PatternError) {
    let start = source.column(in: item, at: error.offset)
    let end = source.column(in: item, at: error.offset + error.length)
    add(
      source.problem(
        line: item.line, column: start, length: max(1, end - start), code: error.code,
        error.message, hint: error.hint))
  }

  mutating func reportLater(_ item: Item, _ what: String, among known: [String] = []) {
    let name = what.contains(" ") ? what : "'\(what)'"
    report(
      item, "unsupported", "\(name) is in the rule language, but not in this version of Hotplate",
      hint: known.isEmpty
        ? "leave it out for now" : "this version has \(known.joined(separator: ", "))")
  }

  /// Once: a mistake in `defaults` shows in every rule. Nobody mends more than `mostProblems` at a time.
  private mutating func add(_ problem: Problem) {
    if problems.count < Self.mostProblems, !problems.contains(problem) { problems.append(problem) }
  }

  mutating func add(_ draft: RuleDraft) { drafts.append(draft) }

  /// A mapping or list where text was meant is most often a pattern that nobody quoted.
  private func quoteHint(_ item: Item) -> String? {
    let raw = source.line(item.line).unicodeScalars.dropFirst(item.column - 1)
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
