/// A rule as its file has it, before its place among all rules is known.
struct RuleDraft {
  let name: String
  let nameItem: Item
  let source: SourceText
  let about: String?
  let ready: Rule.Ready
  let transfer: Rule.Transfer
  let conflict: Rule.Conflict
  let verify: Rule.Verify
  let text: String
  let patterns: [MatchPattern]
  let patternItems: [Item]
  let excepts: [MatchPattern]
  let count: CountCondition?
  let hotFolders: [String]
  let to: Template
  let renumber: CompiledRule.Renumber?
  let examples: [Example]

  func compiled(at index: Int) -> CompiledRule {
    CompiledRule(
      rule: Rule(
        name: name, index: index, file: source.file, line: nameItem.line, about: about,
        ready: ready, transfer: transfer, conflict: conflict, verify: verify, text: text),
      patterns: patterns, excepts: excepts, count: count, hotFolders: hotFolders, to: to,
      renumber: renumber)
  }

  /// A mistake that shows only beside the other rules.
  func problem(_ item: Item, _ code: String, _ message: String, hint: String?) -> Problem {
    source.problem(
      line: item.line, column: item.column, length: source.length(of: item), code: code, message,
      hint: hint)
  }
}
