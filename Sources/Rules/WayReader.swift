// How files get to their destination: transfer, conflict, verify, and how many jobs at once.

extension FileReader {
  mutating func readWay(
    _ fields: Fields, _ own: Fields, _ supply: Supply, _ draft: inout RuleDraft
  ) {
    if let item = fields["transfer"] { draft.transfer = readTransfer(item) }
    draft.conflict = word(fields["conflict"], "conflict", default: Rule.Conflict.hold)
    draft.verify = word(fields["verify"], "verify", default: Rule.Verify.copy)
    if draft.transfer == [.move], draft.verify == .none,
      let place = own["verify"] ?? own["transfer"] ?? fields["verify"]
    {
      report(
        place, "move-unverified", "'move' with 'verify: none'",
        hint: "a source is removed only after its copy is verified: write 'verify: copy'")
    }
    if let item = fields["at_most"], let text = text(item) {
      draft.atMost = Int(text)
      if draft.atMost.map({ !(1...1_000_000).contains($0) }) ?? true {
        report(
          item, "at-most", "'\(text)' is no number of jobs",
          hint: "at_most: 1, for one after the other")
      }
    }
    if let item = fields["priority"], let text = text(item) {
      if let number = Int(text), (-1_000_000...1_000_000).contains(number) {
        draft.priority = number
      } else {
        report(
          item, "priority", "'\(text)' is no whole number",
          hint: "priority: 10 starts before priority: 0")
      }
    }
  }

  private mutating func readTransfer(_ item: Item) -> [Rule.Transfer] {
    let known = Rule.Transfer.allCases.map(\.rawValue)
    var ways: [Rule.Transfer] = []
    let items = texts(item)
    for (item, text) in items {
      guard let way = Rule.Transfer(rawValue: text) else {
        report(
          item, "unknown-transfer", "unknown transfer '\(text)'",
          hint: suggestion(for: text, among: known))
        continue
      }
      if ways.contains(way) {
        report(item, "transfer", "'\(text)' stands here twice", hint: "remove one")
      } else if way == .move, items.count > 1 {
        report(
          item, "transfer", "'move' stands alone",
          hint: "it takes a link by itself where it can, and copies where it cannot")
      } else {
        ways.append(way)
      }
    }
    return ways.isEmpty ? [.copy] : ways
  }

  /// `version-up` needs a place for its number.
  mutating func checkVersionUp(_ fields: Fields, _ own: Fields, _ draft: RuleDraft) {
    guard draft.conflict == .versionUp, let to = draft.to,
      let place = own["conflict"] ?? own["to"] ?? fields["conflict"]
    else { return }
    switch to.versionPlace {
    case .directory: return
    case .nowhere:
      report(
        place, "version-up", "'version-up' needs {version} in a directory of 'to'",
        hint: "'…/v{version:03d}/{name}': the next free number is taken there")
    case .optional:
      report(
        place, "version-up", "'version-up' needs a {version} that is always there",
        hint: "write v{version:03d|default:001} instead of <…>")
    }
  }

  /// Whether a key says nothing in a rule whose files go nowhere.
  func isIdle(_ key: String) -> Bool {
    ["root", "renumber", "transfer", "conflict", "verify", "at_most", "priority"].contains(key)
      || key.hasPrefix("ready.")
  }

  mutating func checkLeave(_ own: Fields) {
    for (key, item) in own.sorted(by: { $0.key < $1.key }) where isIdle(key) {
      report(
        item, "leave", "'\(key)' has no meaning beside 'leave'",
        hint: "the file stays where it is: remove '\(key)'")
    }
  }
}

extension Template {
  fileprivate enum VersionPlace { case directory, optional, nowhere }

  /// Whether `{version}` stands in a directory whatever the path is.
  fileprivate var versionPlace: VersionPlace {
    var place = VersionPlace.nowhere
    var isSure = false
    var isPerhaps = false
    func walk(_ pieces: [Piece], isOptional: Bool) {
      for piece in pieces {
        switch piece {
        case .literal([ASCII.slash]):
          if isSure { place = .directory }
          if isPerhaps, place == .nowhere { place = .optional }
          (isSure, isPerhaps) = (false, false)
        case .literal: break
        case .value(let value) where value.name == Token.versionName:
          if isOptional { isPerhaps = true } else { isSure = true }
        case .value: break
        case .optional(let inner): walk(inner, isOptional: true)
        }
      }
    }
    walk(pieces, isOptional: false)
    return place
  }
}
