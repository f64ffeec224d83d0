extension FileReader {
  /// A token: a regular expression, a list, or canonical values with their aliases.
  mutating func readToken(_ entry: Item.Entry) {
    guard let name = text(entry.key) else { return }
    guard isTokenName(name.unicodeScalars) else {
      return report(
        entry.key, "token-name", "'\(name)' cannot be the name of a token",
        hint: "a name is letters, digits and _, and starts with a letter")
    }
    if Token.reserved(name) {
      return report(
        entry.key, "token-name", "{\(name)} has a meaning of its own and cannot be defined",
        hint: "choose another name")
    }
    switch entry.value.content {
    case .map(let values): readCanonical(name, values)
    case .text, .list: readExpressions(name, entry.value)
    }
  }

  private mutating func readExpressions(_ name: String, _ item: Item) {
    let texts = texts(item)
    let isList = if case .list = item.content { true } else { false }
    let (token, mistakes) = Token.fitting(name, anyOf: texts.map(\.text), isList: isList)
    for (index, mistake) in mistakes { report(texts[index].item, mistake) }
    let isSound = mistakes.isEmpty && !texts.isEmpty
    if !isSound { broken.insert(name) }
    tokens[name] = isSound ? token : .undefined(name, fillsComponent: false)
  }

  private mutating func readCanonical(_ name: String, _ entries: [Item.Entry]) {
    tokens[name] = .undefined(name, fillsComponent: false)
    broken.insert(name)
    var values: [(value: String, aliases: [String])] = []
    var others: (item: Item, text: String)?
    var known: [[UInt8]: String] = [:]
    for entry in entries {
      guard let value = text(entry.key) else { continue }
      if value == "*" {
        others = text(entry.value).map { (entry.value, $0) }
        continue
      }
      if let mistake = mistake(inValue: value) {
        report(entry.key, mistake)
        continue
      }
      claim(value, for: value, entry.key, &known)
      let aliases = entry.value.isMissing || entry.value.isEmptyList ? [] : texts(entry.value)
      for alias in aliases { claim(alias.text, for: value, alias.item, &known) }
      values.append((value, aliases.map(\.text)))
    }
    if values.isEmpty && others == nil { return }
    do throws(PatternError) {
      tokens[name] = try Token.canonical(name, values, others: others?.text)
      broken.remove(name)
    } catch {
      if let others { report(others.item, error) }
    }
  }

  private func mistake(inValue value: String) -> PatternError? {
    let length = value.unicodeScalars.count
    if value.contains("/") || value == "." || value == ".." {
      return PatternError(
        0, length, code: "value", "'\(value)' cannot be a value: it would be a path",
        hint: "a value is one name or a part of one")
    }
    return nil
  }

  /// An alias means one value only.
  private mutating func claim(
    _ word: String, for value: String, _ item: Item, _ known: inout [[UInt8]: String]
  ) {
    let folded = bytes(word).folded
    if let other = known[folded], other != value {
      report(
        item, "alias-twice", "'\(word)' already means '\(other)'",
        hint: "an alias has one value: remove it there or here")
    } else {
      known[folded] = value
    }
  }
}

extension Item {
  fileprivate var isEmptyList: Bool {
    if case .list(let items) = content { items.isEmpty } else { false }
  }
}
