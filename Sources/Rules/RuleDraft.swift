/// A rule as its file has it, before its place among all rules is known.
struct RuleDraft {
  let name: String
  let nameItem: Item
  let text: String
  var about: String?
  var ready: Rule.Ready
  var transfer: [Rule.Transfer] = [.copy]
  var conflict = Rule.Conflict.hold
  var verify = Rule.Verify.copy
  var leave: String?
  var atMost: Int?
  var priority = 0
  var patterns: [MatchPattern] = []
  var patternItems: [Item] = []
  var excepts: [MatchPattern] = []
  var count: CountCondition?
  var hotFolders: [String] = []
  var together: MatchPattern?
  var finders: [Finder] = []
  var needed: [[String]] = []
  var to: Template?
  var root: Template?
  var renumber: CompiledRule.Renumber?
  var marker: Template?
  var manifest: MatchPattern?
  var companions: [MatchPattern] = []
  var examples: [Example] = []
}
