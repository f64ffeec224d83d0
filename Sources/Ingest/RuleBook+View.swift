import ReadModel
import Rules

extension RuleBook.Reading {
  /// The rules in force and their files' mistakes, for people.
  public func view(directory: String) -> RulesView {
    let inForce = Dictionary(grouping: rules?.rules ?? [], by: \.file)
    let broken = Set(loaded.problems.filter { $0.severity == .error }.map(\.file))
    let files = Set(loaded.sources.map(\.file)).union(inForce.keys).union(texts.keys)
    return RulesView(
      directory: directory,
      files: files.sorted().map { file in
        let names = (inForce[file] ?? []).map(\.name)
        let note = kept[file]
        let state: RuleFileView.State =
          broken.contains(file)
          ? texts[file] == nil ? .refused : .kept : waiting.contains(file) ? .waiting : .active
        return RuleFileView(
          file: file, state: state, rules: names,
          note: note ?? (state == .waiting ? "waits for the files above" : nil))
      },
      problems: loaded.problems.map { problem in
        RuleProblemView(
          file: problem.file, line: problem.line, column: problem.column, length: problem.length,
          severity: problem.severity.rawValue, code: problem.code, message: problem.message,
          hint: problem.hint, lineText: problem.lineText, text: problem.rendered(color: false))
      }, report: report(color: false))
  }
}
