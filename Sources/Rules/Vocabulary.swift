/// The keys and words of the language: the reader and the schema both take them from here.
enum Vocabulary {
  static let version = "1"

  struct Key: Sendable {
    let name: String
    /// One sentence for editors.
    let about: String
    let shape: Shape
    let isRequired: Bool

    init(_ name: String, _ shape: Shape, _ about: String, isRequired: Bool = false) {
      self.name = name
      self.about = about
      self.shape = shape
      self.isRequired = isRequired
    }
  }

  /// What may stand behind a key.
  indirect enum Shape: Sendable {
    case text
    case texts
    case word([String])
    case words([String])
    case map(Keys)
    case maps(Keys)
    /// Names of tokens, each with its definition.
    case tokens
  }

  struct Keys: Sendable {
    let keys: [Key]
    var known: [String] { keys.map(\.name) }

    init(_ keys: [Key]) { self.keys = keys }

    func without(_ names: [String]) -> Keys { Keys(keys.filter { !names.contains($0.name) }) }
  }

  static let file = Keys([
    Key("hotplate", .word([version]), "The version of the rule language.", isRequired: true),
    Key("include", .texts, "More tokens and defaults: files, relative to this one."),
    Key("tokens", .tokens, "What {token} stands for."),
    Key(
      "defaults", .map(defaults), "What every rule of this file says that does not say otherwise."),
    Key("rules", .maps(rule), "Asked from top to bottom; the first that fits takes the file."),
  ])

  /// A file that another one includes.
  static let included = file.without(["rules"])

  static let rule = Keys([
    Key("rule", .text, "Its name, which jobs and reports show.", isRequired: true),
    Key("about", .text, "What it is for, in a sentence."),
    Key("match", .texts, "The names or paths that it takes: {token}, *, **, ? and <optional>."),
    Key("except", .texts, "What it leaves to later rules though 'match' fits."),
    Key("when", .map(when), "Conditions besides the name."),
    Key("find", .texts, "Tokens to look for anywhere in the file name."),
    Key(
      "find_in_path", .texts, "Tokens to look for in the file name, then in the nearest directory."),
    Key("together", .text, "The directory that is one delivery: '/{vendor}/{package}/'."),
    Key("ready", .map(ready), "When a sequence may be taken."),
    Key("root", .text, "The name of a destination root of the configuration."),
    Key("to", .text, "Where it goes, beneath the destination root."),
    Key("leave", .text, "Known and not wanted: the answer, instead of 'to'."),
    Key("renumber", .map(renumber), "New frame numbers; gaps are kept."),
    Key(
      "transfer", .words(Rule.Transfer.allCases.map(\.rawValue)),
      "How frames get there: one way, or several in order of preference."),
    Key(
      "conflict", .word(Rule.Conflict.allCases.map(\.rawValue)),
      "What happens where the destination holds something else."),
    Key(
      "verify", .word(Rule.Verify.allCases.map(\.rawValue)),
      "Whether the copy is compared with its source."),
    Key("at_most", .text, "How many jobs of this rule may run at once."),
    Key("priority", .text, "Jobs with a higher number start first; 0 where nothing is said."),
    Key("examples", .maps(example), "Paths, and what becomes of them: they run at every load."),
  ])
  /// Keys of a rule that no default can say.
  static let ruleOnly = ["rule", "examples"]
  static let defaults = rule.without(ruleOnly)

  static let when = Keys([
    Key("count", .text, "How many frames: 2+, 1, 1-5."),
    Key("hot_folder", .texts, "The names of the hot folders that it is for."),
  ])
  static let ready = Keys([
    Key("quiet", .text, "No change for this long: 500ms, 2s, 5m, 1h."),
    Key("frames", .text, "The frames that must be there: 1001-1100."),
    Key(
      "gaps", .word(Rule.Gaps.allCases.map(\.rawValue)), "What happens where frames are missing."),
    Key("patience", .text, "How long it waits for what is missing: 10m, 4h."),
    Key("marker", .text, "A file that says that all is there: '{stem}.done'."),
    Key("manifest", .text, "A list of files with digests: '*.md5'."),
    Key("whole", .word(yesNo), "Whether each frame must be complete by its format."),
  ])
  static let yesNo = ["yes", "no", "true", "false"]
  static let renumber = Keys([
    Key("first", .text, "The number that the first frame gets."),
    Key("shift", .text, "What is added to every frame's number."),
  ])
  static let example = Keys([
    Key(
      "given", .text, "A path from the hot folder's root: 'sh010.[1001-1003].exr'.",
      isRequired: true),
    Key("becomes", .text, "Where it goes; with 'root', as ROOT:path."),
    Key("refused", .text, "This rule does not take it; the text is a comment."),
    Key("left", .text, "This rule leaves it; the text is a comment."),
  ])
}
