extension FileReader {
  /// `to`, with all that can be said against it before a file comes.
  mutating func template(_ item: Item, _ matches: [(item: Item, pattern: MatchPattern)])
    -> (item: Item, template: Template)?
  {
    guard let text = text(item) else { return nil }
    let template: Template
    do throws(PatternError) {
      template = try Template(PathPattern(text, wildcards: false))
    } catch {
      report(item, error)
      return nil
    }
    // Nothing can be said of a rule whose patterns have mistakes.
    guard !matches.isEmpty else { return (item, template) }
    let patterns = matches.map(\.pattern)
    for (value, isOptional) in template.values {
      if let error = check(value, isOptional: isOptional, patterns) { report(item, error) }
    }
    checkSlot(item, template, patterns)
    return (item, template)
  }

  private func check(_ value: Template.Value, isOptional: Bool, _ patterns: [MatchPattern])
    -> PatternError?
  {
    let (name, use) = (value.name, value.use)
    if Token.computed.contains(name) { return nil }
    if Token.computedLater.contains(name) {
      return PatternError(
        use.offset, use.length, code: "unsupported",
        "{\(name)} is in the rule language, but not in this version of Hotplate",
        hint: "leave it out for now")
    }
    let perhaps = Set(patterns.flatMap(\.perhaps))
    if !perhaps.contains(name) {
      return PatternError(
        use.offset, use.length, code: "unknown-token", "nothing gives {\(name)} a value",
        hint: suggestion(for: name, among: perhaps.sorted() + Token.computed))
    }
    if isOptional || value.hasFallback { return nil }
    guard let unsure = patterns.first(where: { !$0.always.contains(name) }) else { return nil }
    let why = unsure.perhaps.contains(name) ? "it is optional in" : "it is not in"
    return PatternError(
      use.offset, use.length, code: "unsure-token",
      "{\(name)} may have no value: \(why) '\(unsure.source.text)'",
      hint: value.isSlot
        ? "write <…> around it"
        : "write <…> around it, or {\(name)|default:…}")
  }

  /// The frames of a sequence need names of their own.
  private mutating func checkSlot(_ item: Item, _ template: Template, _ patterns: [MatchPattern]) {
    let names = Set(template.values.map(\.value.name))
    for pattern in patterns {
      guard let kind = pattern.slot?.kind else { continue }
      let token = kind == .udim ? Token.udimName : Token.frameName
      if names.contains(token) || names.contains("name") { continue }
      report(
        item, "no-slot", "'to' has no {\(token)}: all files of a sequence would have one name",
        hint: "add {\(token)\(kind == .frame ? ":04d" : "")}, or {name}")
      return
    }
  }
}
