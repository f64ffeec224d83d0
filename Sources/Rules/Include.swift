/// The files that rule files include, each read once.
final class IncludeLibrary {
  /// Nested deeper is no design but a mistake.
  static let deepest = 8

  /// Gives the text of a file by its path from the rules' directory.
  typealias Fetch = (_ path: String) -> (file: String, text: Result<String, Problem>)

  struct Included {
    let source: SourceText
    let root: Result<Item, Problems>
  }

  private let fetch: Fetch
  private var known: [String: Included] = [:]

  init(_ fetch: @escaping Fetch) { self.fetch = fetch }

  func file(_ path: String) -> Included {
    if let known = known[path] { return known }
    let (file, text) = fetch(path)
    let included: Included
    switch text {
    case .failure(let problem):
      included = Included(
        source: SourceText(file: file, text: ""), root: .failure(Problems([problem])))
    case .success(let text):
      let source = SourceText(file: file, text: text)
      do throws(Problems) {
        included = Included(source: source, root: .success(try source.compose()))
      } catch {
        included = Included(source: source, root: .failure(error))
      }
    }
    known[path] = included
    return included
  }
}

/// The way from a rule file down to the file that is being read.
struct Including {
  /// From the rules' directory, the rule file first.
  let paths: [String]
  var path: String { paths[paths.count - 1] }

  init(_ path: String) { paths = [path] }
  private init(paths: [String]) { self.paths = paths }

  func down(to path: String) -> Including { Including(paths: paths + [path]) }

  /// Where a path leads that is written in this file; nil if it leaves the rules' directory.
  func resolved(_ written: String) -> String? {
    if written.hasPrefix("/") { return nil }
    var parts = path.split(separator: "/").dropLast().map(String.init)
    for part in written.split(separator: "/") where part != "." {
      if part != ".." {
        parts.append(String(part))
      } else if parts.popLast() == nil {
        return nil
      }
    }
    return parts.joined(separator: "/")
  }
}

/// What a file and those that it includes say for all rules.
struct Shared {
  var tokens: [String: Item.Entry] = [:]
  var defaults: FileReader.Fields = [:]
}

extension FileReader {
  /// Tokens and defaults of a file, those of the files that it includes taken in.
  ///
  /// What two included files define differently is a mistake, unless this file says itself what counts.
  mutating func readShared(
    _ entries: [String: Item], _ way: Including, _ library: IncludeLibrary
  ) -> Shared {
    var own = Shared()
    if let item = entries["tokens"] { own.tokens = tokenEntries(item) }
    if let item = entries["defaults"] { own.defaults = fields(of: item, isDefaults: true) }
    guard let list = entries["include"] else { return own }
    var all = Shared()
    for (item, text) in texts(list) where problems.count < Self.mostProblems {
      guard let more = include(text, item, way, library) else { continue }
      for (name, entry) in more.tokens {
        if let other = all.tokens[name], own.tokens[name] == nil,
          !other.value.says(theSameAs: entry.value)
        {
          reportTwice(item, "{\(name)}", other.key, entry.key)
        }
        all.tokens[name] = entry
      }
      for (key, value) in more.defaults {
        if let other = all.defaults[key], own.defaults[key] == nil, !other.says(theSameAs: value) {
          reportTwice(item, "the default '\(key)'", other, value)
        }
        all.defaults[key] = value
      }
    }
    all.tokens.merge(own.tokens) { $1 }
    all.defaults.merge(own.defaults) { $1 }
    return all
  }

  private mutating func reportTwice(_ item: Item, _ what: String, _ one: Item, _ two: Item) {
    let places = [one, two].map { "\($0.source.file):\($0.line)" }
    report(
      item, "include-twice", "\(what) is said differently in \(places[0]) and \(places[1])",
      hint: "say it in this file too: then that counts")
  }

  private mutating func include(
    _ text: String, _ item: Item, _ way: Including, _ library: IncludeLibrary
  ) -> Shared? {
    guard let path = way.resolved(text) else {
      report(
        item, "include", "'\(text)' leaves the directory of the rules",
        hint: "keep it there, and write its path from this file")
      return nil
    }
    if way.paths.contains(path) {
      report(
        item, "include", "'\(text)' includes itself",
        hint: (way.paths + [path]).joined(separator: " → "))
      return nil
    }
    guard way.paths.count <= IncludeLibrary.deepest else {
      report(
        item, "include", "includes nested deeper than \(IncludeLibrary.deepest) files",
        hint: "include '\(text)' from the rule file")
      return nil
    }
    if let known = shared[path] { return known }
    let file = library.file(path)
    if !included.contains(path) { included.append(path) }
    // Of the rule file itself: a mistake further down is reported there too.
    if way.paths.count == 1 { ownInclude = (item, text) }
    if let ownInclude { origins[file.source.file] = origins[file.source.file] ?? ownInclude }
    let root: Item
    switch file.root {
    case .success(let item): root = item
    case .failure(let problems):
      for problem in problems.list {
        // A file that is not there is a mistake of who wants it.
        guard problem.line == 0, ["unreadable", "include"].contains(problem.code) else {
          add(problem)
          continue
        }
        report(item, "include", "'\(text)': \(problem.message)", hint: problem.hint)
      }
      return nil
    }
    var result = Shared()
    if !root.isMissing, let entries = includedEntries(root) {
      if let version = entries["hotplate"] { check(version: version) }
      result = readShared(entries, way.down(to: path), library)
    }
    shared[path] = result
    return result
  }

  /// Says where a rule file includes what has mistakes: it is not loaded either.
  mutating func reportIncludedMistakes() {
    for file in problems.map(\.file) where file != source.file {
      guard let (item, text) = origins[file] else { continue }
      report(item, "include", "'\(text)' has mistakes", hint: "the report of \(file) names them")
    }
  }

  private mutating func includedEntries(_ root: Item) -> [String: Item]? {
    if case .map(let entries) = root.content,
      let rules = entries.first(where: { $0.key.text == "rules" })
    {
      report(
        rules.key, "include-rules", "an included file holds tokens and defaults, no rules",
        hint: "a rule file lies in the directory of the rules itself")
      return nil
    }
    return entries(of: root, Vocabulary.included, "an included file")
  }

  private mutating func tokenEntries(_ item: Item) -> [String: Item.Entry] {
    guard case .map(let entries) = item.content else {
      report(item, "type", "'tokens' is 'name: value', not \(item.kind)")
      return [:]
    }
    var result: [String: Item.Entry] = [:]
    for entry in entries {
      guard let name = text(entry.key) else { continue }
      result[name] = entry
    }
    return result
  }
}
