/// A rule, ready to be asked.
final class CompiledRule: Sendable {
  let rule: Rule
  let patterns: [MatchPattern]
  let excepts: [MatchPattern]
  let count: CountCondition?
  /// Names of hot folders it speaks of; empty for all.
  let hotFolders: [String]
  /// The directory that is one delivery.
  let together: MatchPattern?
  let finders: [Finder]
  /// For each of `patterns`, the tokens that `to` cannot do without and that only a finder may give.
  let needed: [[String]]
  /// nil where the rule says `leave`.
  let to: Template?
  let root: Template?
  let renumber: Renumber?
  let marker: Template?
  let manifest: MatchPattern?
  /// What a marker or manifest of this rule may be called, from the hot folder's root.
  let companions: [MatchPattern]

  var name: String { rule.name }

  enum Renumber: Hashable, Sendable {
    /// The first frame gets this number.
    case first(Int)
    case shift(Int)
  }

  init(_ draft: RuleDraft, at index: Int) {
    rule = Rule(
      name: draft.name, index: index, file: draft.nameItem.source.file, line: draft.nameItem.line,
      about: draft.about, ready: draft.ready, transfer: draft.transfer, conflict: draft.conflict,
      verify: draft.verify, leave: draft.leave, atMost: draft.atMost, priority: draft.priority,
      isDelivery: draft.together != nil, text: draft.text)
    patterns = draft.patterns
    excepts = draft.excepts
    count = draft.count
    hotFolders = draft.hotFolders
    together = draft.together
    finders = draft.finders
    needed = draft.needed
    to = draft.to
    root = draft.root
    renumber = draft.renumber
    marker = draft.marker
    manifest = draft.manifest
    companions = draft.companions
  }
}
