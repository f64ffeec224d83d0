extension RuleSet {
  /// Reads rule files from their texts, in this order, and runs their examples.
  ///
  /// - Parameter files: names are for the reports only.
  public static func parse(files: [(name: String, text: String)]) -> LoadedRules {
    let readers = files.map { FileReader(SourceText(file: $0.name, text: $0.text)) }
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
    return LoadedRules(
      rules: good == together ? candidates : ruleSet(good.flatMap { readers[$0].drafts }),
      problems: problems.flatMap { $0.sorted { ($0.line, $0.column) < ($1.line, $1.column) } },
      files: files.count, examples: candidates.examples.count,
      sources: files.indices.map { index in
        LoadedRules.Source(
          file: files[index].name, text: files[index].text, isLoaded: good.contains(index),
          rules: good.contains(index) ? readers[index].drafts.count : 0)
      })
  }

  private static func ruleSet(_ drafts: [RuleDraft]) -> RuleSet {
    RuleSet(
      drafts.enumerated().map { $0.element.compiled(at: $0.offset) },
      examples: drafts.flatMap(\.examples))
  }

  /// What only shows when rules stand beside each other. The later one has the mistake.
  private static func addConflicts(
    among rules: [(file: Int, draft: RuleDraft)], _ problems: inout [[Problem]]
  ) {
    for (index, (file, rule)) in rules.enumerated() {
      for (_, earlier) in rules[..<index] {
        let place = "\(earlier.source.file):\(earlier.nameItem.line)"
        if earlier.name == rule.name {
          problems[file].append(
            rule.problem(
              rule.nameItem, "duplicate-rule", "a second rule '\(rule.name)'",
              hint: "the first is in \(place): a name tells which rule took a file"))
        }
        if earlier.shadows(rule) {
          problems[file].append(
            rule.problem(
              rule.patternItems[0], "shadowed",
              "'\(rule.name)' never gets a file: '\(earlier.name)' takes all that it fits",
              hint: "the other is in \(place): move this rule before it, or give it a 'when'"))
          break
        }
      }
    }
  }
}

extension RuleDraft {
  /// Whether every path that `later` fits is surely taken by this rule. Only what is plain to see: the same expression,
  /// or one that fits everything.
  fileprivate func shadows(_ later: RuleDraft) -> Bool {
    guard excepts.isEmpty, count == nil || count == later.count,
      hotFolders.isEmpty
        || (!later.hotFolders.isEmpty && later.hotFolders.allSatisfy(hotFolders.contains))
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
