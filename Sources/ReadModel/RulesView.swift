/// One file of the rules' directory.
public struct RuleFileView: Codable, Hashable, Sendable {
  public enum State: String, Codable, Hashable, Sendable {
    /// Its text is in force.
    case active
    /// It has a mistake; what it held before stays in force.
    case kept
    /// It is right by itself and waits for files with mistakes; what it held before stays in force.
    case waiting
    /// It has a mistake and never was right: nothing of it is in force.
    case refused
  }

  public var file: String
  public var state: State
  /// The names of its rules that are in force, in their order.
  public var rules: [String]
  /// What became of it, where it is not as it stands there.
  public var note: String?

  public init(file: String, state: State, rules: [String], note: String?) {
    self.file = file
    self.state = state
    self.rules = rules
    self.note = note
  }

  // Written out so that a nil note is `null` and not left out.
  public func encode(to encoder: any Encoder) throws {
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(file, forKey: "file")
    try container.encode(state, forKey: "state")
    try container.encode(rules, forKey: "rules")
    try container.encode(note, forKey: "note")
  }
}

/// A mistake in a rule file.
public struct RuleProblemView: Codable, Hashable, Sendable {
  public var file: String
  /// From 1; 0 where the file as a whole is meant.
  public var line: Int
  /// From 1, in Unicode scalars.
  public var column: Int
  /// How much the caret underlines.
  public var length: Int
  /// `error` or `warning`.
  public var severity: String
  /// Stays the same when the wording changes.
  public var code: String
  public var message: String
  public var hint: String?
  /// The line itself.
  public var lineText: String
  /// The report of it as a terminal shows it, several lines without colours.
  public var text: String

  public init(
    file: String, line: Int, column: Int, length: Int, severity: String, code: String,
    message: String, hint: String?, lineText: String, text: String
  ) {
    self.file = file
    self.line = line
    self.column = column
    self.length = length
    self.severity = severity
    self.code = code
    self.message = message
    self.hint = hint
    self.lineText = lineText
    self.text = text
  }

  private enum CodingKeys: String, CodingKey {
    case file
    case line
    case column
    case length
    case severity
    case code
    case message
    case hint
    case lineText = "line_text"
    case text
  }

  // Written out so that a nil hint is `null` and not left out.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(file, forKey: .file)
    try container.encode(line, forKey: .line)
    try container.encode(column, forKey: .column)
    try container.encode(length, forKey: .length)
    try container.encode(severity, forKey: .severity)
    try container.encode(code, forKey: .code)
    try container.encode(message, forKey: .message)
    try container.encode(hint, forKey: .hint)
    try container.encode(lineText, forKey: .lineText)
    try container.encode(text, forKey: .text)
  }
}

/// The rules in force and what is wrong in their files.
public struct RulesView: Codable, Hashable, Sendable {
  public var directory: String
  public var files: [RuleFileView]
  public var problems: [RuleProblemView]
  /// All of it as a terminal shows it; empty without a mistake.
  public var report: String

  public init(
    directory: String, files: [RuleFileView] = [], problems: [RuleProblemView] = [],
    report: String = ""
  ) {
    self.directory = directory
    self.files = files
    self.problems = problems
    self.report = report
  }
}
