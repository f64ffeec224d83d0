extension FileReader {
  /// `to`, `root` or `ready.marker`, with all that can be said against it before a file comes.
  mutating func template(_ item: Item, for purpose: Template.Purpose, _ supply: Supply) -> Template?
  {
    guard let text = text(item) else { return nil }
    let template: Template
    do throws(PatternError) {
      template = try Template(PathPattern(text, wildcards: false), for: purpose)
    } catch {
      report(item, error)
      return nil
    }
    // Nothing can be said of a rule whose patterns have mistakes.
    guard !supply.patterns.isEmpty else { return template }
    for (value, isOptional) in template.values {
      let error =
        refusal(of: value, for: purpose, supply)
        ?? check(value, isOptional: isOptional, purpose, supply)
      if let error { report(item, error) }
    }
    if purpose == .to { checkSlot(item, template, supply.patterns) }
    if purpose == .marker, !template.hasLiteral {
      report(
        item, "marker", "any file could be this marker", hint: "add text of its own: '{stem}.done'")
    }
    return template
  }

  private func check(
    _ value: Template.Value, isOptional: Bool, _ purpose: Template.Purpose, _ supply: Supply
  ) -> PatternError? {
    let (name, use) = (value.name, value.use)
    if Token.computed.contains(name) { return nil }
    let perhaps = supply.perhaps
    if !perhaps.contains(name) {
      return PatternError(
        use.offset, use.length, code: "unknown-token", "nothing gives {\(name)} a value",
        hint: suggestion(for: name, among: perhaps.sorted() + purpose.computed))
    }
    if isOptional || value.hasFallback { return nil }
    guard let unsure = supply.unsure(name) else { return nil }
    let why = unsure.perhaps.contains(name) ? "it is optional in" : "it is not in"
    return PatternError(
      use.offset, use.length, code: "unsure-token",
      "{\(name)} may have no value: \(why) '\(unsure.source.text)'",
      hint: value.isSlot
        ? "write <…> around it"
        : "write <…> around it, or {\(name)|default:…}")
  }

  /// What has no meaning behind a key, though it has a value.
  private func refusal(of value: Template.Value, for purpose: Template.Purpose, _ supply: Supply)
    -> PatternError?
  {
    let (name, use) = (value.name, value.use)
    func refused(_ code: String, _ message: String, _ hint: String) -> PatternError {
      PatternError(use.offset, use.length, code: code, message, hint: hint)
    }
    if name == "below", supply.together == nil {
      return refused(
        "below", "{below} is the path under a delivery's directory, and there is none",
        "name it: together: '/{vendor}/{package}/'")
    }
    switch purpose {
    case .to: return nil
    case .root:
      guard Token.computed.contains(name) || value.isSlot else { return nil }
      return refused("root", "{\(name)} cannot choose a root", "use a token that names the show")
    case .marker:
      let hasSlot = supply.patterns.contains { $0.slot != nil }
      guard value.isSlot || name == "below" || name == "today" || (name == "name" && hasSlot) else {
        return nil
      }
      return refused("marker", "{\(name)} cannot stand in 'marker'", "one marker speaks for all")
    }
  }

  /// The frames of a sequence need names of their own.
  private mutating func checkSlot(_ item: Item, _ template: Template, _ patterns: [MatchPattern]) {
    let names = Set(template.values.map(\.value.name))
    for pattern in patterns {
      guard let kind = pattern.slot?.kind else { continue }
      let token = kind == .udim ? Token.udimName : Token.frameName
      if names.contains(token) || names.contains("name") || names.contains("below") { continue }
      report(
        item, "no-slot", "'to' has no {\(token)}: all files of a sequence would have one name",
        hint: "add {\(token)\(kind == .frame ? ":04d" : "")}, or {name}")
      return
    }
  }
}

extension Template.Purpose {
  /// The computed values that have a meaning there.
  fileprivate var computed: [String] {
    switch self {
    case .to: Token.computed
    case .root: []
    case .marker: ["stem", "parent"]
    }
  }
}

extension Template {
  /// Whether there is any text that no file decides.
  fileprivate var hasLiteral: Bool {
    pieces.contains { piece in
      if case .literal(let bytes) = piece { bytes != [ASCII.slash] } else { false }
    }
  }
}
