import Yams

extension SourceText {
  /// The file as one tree, every scalar as text.
  ///
  /// - Throws: the mistakes, all that were found before YAML gives up; nothing is composed of a file that is too large,
  ///   too deep, or holds an anchor or alias.
  func compose() throws(Problems) -> Item {
    guard !isTooLarge(text) else {
      throw Problems([
        Problem(
          file: file, code: "size", "the file is larger than 1 MiB (\(text.utf8.count) bytes)",
          hint: "rules are written by hand: is this the right file?")
      ])
    }
    let screened = Screening.problems(in: self)
    guard screened.isEmpty else { throw Problems(screened) }
    do {
      // `.basic` resolves nothing: every scalar stays text, and no regular expression runs for each.
      let parser = try Parser(yaml: text, resolver: .basic, constructor: .default, encoding: .utf8)
      // Anchors are weak references that live as long as the parser.
      return try withExtendedLifetime(parser) {
        guard let root = try parser.singleRoot() else {
          return Item(content: .text(""), source: self, line: 1, column: 1, style: .plain)
        }
        return try item(root)
      }
    } catch let error as YamlError {
      throw Problems([problem(error)])
    } catch let error as Problems {
      throw error
    } catch {
      throw Problems([Problem(file: file, code: "yaml", "\(error)", hint: nil)])
    }
  }

  private func item(_ node: Node) throws(Problems) -> Item {
    let mark = (line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    if node.anchor != nil {
      throw Problems([
        problem(
          line: mark.line, column: mark.column, code: "yaml-anchor", "YAML anchors are not allowed",
          hint: "write the value out")
      ])
    }
    let content: Item.Content
    var style = Item.Style.plain
    switch node {
    case .scalar(let scalar):
      content = .text(scalar.string)
      switch scalar.style {
      case .singleQuoted: style = .singleQuoted
      case .doubleQuoted: style = .doubleQuoted
      case .literal, .folded: style = .block
      case .any, .plain: style = .plain
      }
    case .sequence(let nodes):
      var items: [Item] = []
      for node in nodes { items.append(try item(node)) }
      content = .list(items)
    case .mapping(let pairs):
      var entries: [Item.Entry] = []
      for (key, value) in pairs {
        entries.append(Item.Entry(key: try item(key), value: try item(value)))
      }
      content = .map(entries)
    case .alias:
      throw Problems([
        problem(
          line: mark.line, column: mark.column, code: "yaml-alias", "YAML aliases are not allowed",
          hint: "write the value out")
      ])
    }
    return Item(content: content, source: self, line: mark.line, column: mark.column, style: style)
  }

  // MARK: YAML's own errors, in the words of the person who has to mend them

  private func problem(_ error: YamlError) -> Problem {
    switch error {
    case .scanner(let context, let text, let mark, _), .parser(let context, let text, let mark, _),
      .composer(let context, let text, let mark, _):
      return problem(text, at: mark, context)
    case .duplicatedKeysInMapping(let keys, let context):
      return duplicate(of: keys.first ?? "", at: context.mark)
    case .reader(let text, let offset, let value, _):
      let (line, column) = place(ofCharacter: offset ?? 0)
      return problem(
        line: line, column: column, code: "yaml", "a rule file cannot hold this character: \(text)",
        hint: value > 0 ? "U+\(String(value, radix: 16, uppercase: true))" : nil)
    default:
      return Problem(file: file, code: "yaml", "\(error)", hint: nil)
    }
  }

  private func problem(_ text: String, at mark: Mark, _ context: YamlError.Context?) -> Problem {
    let start = context?.mark ?? mark
    switch text {
    case "mapping values are not allowed in this context":
      return problem(
        line: mark.line, column: mark.column, code: "yaml", "a second ': ' in one line",
        hint: "put single quotes around text that holds ': ', or check the indentation")
    case "could not find expected ':'":
      return problem(
        line: start.line, column: start.column, code: "yaml", "this line has no ':'",
        hint: "a line is 'key: value' or '- item'")
    case "found unexpected end of stream":
      return problem(
        line: start.line, column: start.column, code: "yaml", "this quote is never closed",
        hint: "inside single quotes, a quote is written twice: ''")
    case "did not find expected ',' or ']'", "did not find expected ',' or '}'":
      return problem(
        line: start.line, column: start.column, code: "yaml",
        "this bracket is not closed as it should be",
        hint: "between brackets, put single quotes around text with { } [ ] , : #")
    case "did not find expected node content":
      return problem(
        line: start.line, column: start.column, code: "yaml", "a value is missing in this bracket",
        hint: "[a, b] or { key: value }: put single quotes around text with { } [ ] , : #")
    case "did not find expected key", "did not find expected '-' indicator",
      "did not find expected <document start>":
      return problem(
        line: mark.line, column: mark.column, code: "yaml",
        "this does not go on from the lines above",
        hint: "check the indentation, and put single quotes around text with { } [ ] , : # ' \"")
    case "but found another document":
      return problem(
        line: mark.line, column: mark.column, code: "yaml", "a second document in one file",
        hint: "remove the '---'")
    default:
      return problem(line: mark.line, column: mark.column, code: "yaml", "not YAML: \(text)")
    }
  }

  /// Yams tells where the first of equal keys stands; the mistake is the second.
  private func duplicate(of key: String, at first: Mark) -> Problem {
    var place = (line: first.line, column: first.column)
    let key = Array(key.unicodeScalars)
    search: for number in first.line...max(first.line, lines.count) {
      let scalars = Array(line(number).unicodeScalars)
      let from = number == first.line ? first.column - 1 + key.count : 0
      guard scalars.count > from else { continue }
      for start in from..<scalars.count
      where scalars[start...].starts(with: key)
        && (start == first.column - 1 || number == first.line)
        && scalars[(start + key.count)...].first(where: { !" '\"".unicodeScalars.contains($0) })
          == ":"
      {
        place = (number, start + 1)
        break search
      }
    }
    let name = String(String.UnicodeScalarView(key))
    return problem(
      line: place.line, column: place.column, length: key.count, code: "duplicate-key",
      "'\(name)' is said twice here", hint: "the first is in line \(first.line): keep one")
  }

  private func place(ofCharacter offset: Int) -> (line: Int, column: Int) {
    var left = offset
    for (index, line) in lines.enumerated() {
      if left <= line.count { return (index + 1, left + 1) }
      left -= line.count + 1
    }
    return (max(1, lines.count), 1)
  }
}

/// Mistakes that keep a file, or a part of it, from being read.
struct Problems: Error {
  var list: [Problem]
  init(_ list: [Problem]) { self.list = list }
}
