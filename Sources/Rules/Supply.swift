/// Where the tokens of one rule get their values.
struct Supply {
  let patterns: [MatchPattern]
  let together: MatchPattern?
  let finders: [Finder]

  /// All tokens that may have a value.
  var perhaps: Set<String> {
    found.union(patterns.flatMap(\.perhaps)).union(together?.perhaps ?? [])
  }

  /// Those that are looked for: a rule whose `to` needs one does not take a file without.
  var found: Set<String> { Set(finders.flatMap(\.gives)) }

  /// The first pattern that may leave a token without a value; nil if none does.
  func unsure(_ name: String) -> MatchPattern? {
    if together?.always.contains(name) == true || found.contains(name) { return nil }
    return patterns.first { !$0.always.contains(name) }
  }

  /// For each pattern, the tokens that only a finder may give and that the templates cannot do without.
  func needed(by templates: [Template?]) -> [[String]] {
    let needs = templates.compactMap { $0?.needs }.reduce(into: Set()) { $0.formUnion($1) }
    return patterns.map { pattern in
      needs.intersection(found).subtracting(pattern.always)
        .subtracting(together?.always ?? []).sorted()
    }
  }
}
