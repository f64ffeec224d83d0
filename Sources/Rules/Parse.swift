extension RuleSet {
  /// Reads rule files from their texts, in this order, and runs their examples.
  ///
  /// - Parameters:
  ///   - files: names are for the reports, and includes count from them.
  ///   - includes: the texts of the files that they include, by their paths.
  public static func parse(
    files: [(name: String, text: String)], includes: [String: String] = [:]
  ) -> LoadedRules {
    parse(files.map { ($0.name, $0.name, $0.text) }) { path in
      guard let text = includes[path] else { return (path, .failure(.missing(path))) }
      return (path, .success(text))
    }
  }

  /// - Parameter files: with their names for the reports, and their paths from the rules' directory.
  static func parse(
    _ files: [(name: String, path: String, text: String)], fetch: @escaping IncludeLibrary.Fetch
  ) -> LoadedRules {
    let library = IncludeLibrary(fetch)
    let readers = files.map {
      FileReader(SourceText(file: $0.name, text: $0.text), path: $0.path, library)
    }
    var problems: [[Problem]] = readers.map(\.problems)
    let sound = readers.indices.filter { problems[$0].isEmpty }
    addConflicts(
      among: sound.flatMap { index in readers[index].drafts.map { (index, $0) } }, &problems)

    // Examples speak of all rules together, so they run once those are known.
    let together = sound.filter { problems[$0].isEmpty }
    let candidates = ruleSet(together.flatMap { readers[$0].drafts })
    for problem in candidates.runExamples() {
      if let index = together.first(where: { files[$0].name == problem.file }) {
        problems[index].append(problem)
      }
    }
    let good = together.filter { problems[$0].isEmpty }
    let all = inOrder(problems)
    let own = files.indices.map { index in
      LoadedRules.Source(
        file: files[index].name, text: files[index].text, isLoaded: good.contains(index),
        rules: good.contains(index) ? readers[index].drafts.count : 0)
    }
    return LoadedRules(
      rules: good == together ? candidates : ruleSet(good.flatMap { readers[$0].drafts }),
      problems: all, files: files.count, examples: candidates.examples.count,
      sources: own + includedSources(readers, library, all))
  }

  /// By file, line and column; a mistake in a file that several include shows once.
  private static func inOrder(_ problems: [[Problem]]) -> [Problem] {
    var result: [Problem] = []
    var known: Set<Problem> = []
    for list in problems {
      var files: [String] = []
      for problem in list where !files.contains(problem.file) { files.append(problem.file) }
      for file in files {
        let sorted = list.filter { $0.file == file }
          .sorted { ($0.line, $0.column) < ($1.line, $1.column) }
        for problem in sorted where known.insert(problem).inserted { result.append(problem) }
      }
    }
    return result
  }

  /// The files that others include, those too that are not there: with these, a change in one of them is seen.
  private static func includedSources(
    _ readers: [FileReader], _ library: IncludeLibrary, _ problems: [Problem]
  ) -> [LoadedRules.Source] {
    var paths: [String] = []
    for path in readers.flatMap(\.included) where !paths.contains(path) { paths.append(path) }
    return paths.map { path in
      let source = library.file(path).source
      return LoadedRules.Source(
        file: source.file, text: source.text,
        isLoaded: !source.text.isEmpty
          && !problems.contains { $0.file == source.file && $0.severity == .error }, rules: 0)
    }
  }

  private static func ruleSet(_ drafts: [RuleDraft]) -> RuleSet {
    RuleSet(
      drafts.enumerated().map { CompiledRule($0.element, at: $0.offset) },
      examples: drafts.flatMap(\.examples))
  }

  /// What only shows when rules stand beside each other. The later one has the mistake.
  private static func addConflicts(
    among rules: [(file: Int, draft: RuleDraft)], _ problems: inout [[Problem]]
  ) {
    var named: [String: RuleDraft] = [:]
    // Only a rule with a pattern like the later one's first can shadow it, or one that takes everything.
    var fitting: [[UInt8]: [Int]] = [:]
    var takers: [Int] = []
    for (index, (file, rule)) in rules.enumerated() {
      if let earlier = named[rule.name] {
        problems[file].append(
          rule.nameItem.problem(
            "duplicate-rule", "a second rule '\(rule.name)'",
            hint: "the first is in \(earlier.place): a name tells which rule took a file"))
      } else {
        named[rule.name] = rule
      }
      let candidates = rule.patterns.first.flatMap { fitting[$0.expressionText] } ?? []
      let earlier = (candidates + takers).sorted().map { rules[$0].draft }
      if let earlier = earlier.first(where: { $0.shadows(rule) }) {
        problems[file].append(
          rule.patternItems[0].problem(
            "shadowed",
            "'\(rule.name)' never gets a file: '\(earlier.name)' takes all that it fits",
            hint: "the other is in \(earlier.place): move this rule before it, or give it a 'when'")
        )
      }
      for pattern in rule.patterns { fitting[pattern.expressionText, default: []].append(index) }
      if rule.patterns.contains(where: \.fitsEverything) { takers.append(index) }
    }
  }
}

extension Problem {
  /// A file that another one includes is not there.
  static func missing(_ path: String) -> Problem {
    Problem(file: path, code: "include", "it is not there", hint: "its path counts from this file")
  }
}

extension RuleDraft {
  fileprivate var place: String { "\(nameItem.source.file):\(nameItem.line)" }

  /// Whether every path that `later` fits is surely taken by this rule. Only what is plain to see: the same expression,
  /// or one that fits everything.
  fileprivate func shadows(_ later: RuleDraft) -> Bool {
    guard excepts.isEmpty, count == nil || count == later.count,
      hotFolders.isEmpty
        || (!later.hotFolders.isEmpty && later.hotFolders.allSatisfy(hotFolders.contains)),
      needed.allSatisfy(\.isEmpty),
      together == nil
        || (together?.expressionText == later.together?.expressionText
          && together?.scope == later.together?.scope)
    else { return false }
    return later.patterns.allSatisfy { wanted in
      patterns.contains {
        $0.fitsEverything
          || ($0.scope == wanted.scope && $0.expressionText == wanted.expressionText)
      }
    }
  }
}

extension MatchPattern {
  fileprivate var fitsEverything: Bool {
    guard source.elements.count == 1 else { return false }
    switch source.elements[0] {
    case .doubleStar: return true
    case .star: return scope == .name
    default: return false
    }
  }
}
