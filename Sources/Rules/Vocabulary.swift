/// The keys and words of the language. What stands under `later` is in the language, but not in this version: whoever
/// adds it moves its word and reads it where its neighbours are read.
enum Vocabulary {
  static let version = "1"

  struct Keys {
    let known: [String]
    let later: [String]
  }

  static let file = Keys(known: ["hotplate", "tokens", "defaults", "rules"], later: ["include"])
  static let rule = Keys(
    known: [
      "rule", "about", "match", "except", "when", "ready", "to", "renumber", "transfer", "conflict",
      "verify", "examples",
    ],
    later: ["find", "find_in_path", "together", "root", "leave", "at_most", "priority"])
  /// Keys of a rule that no default can say.
  static let ruleOnly = ["rule", "examples"]
  static let when = Keys(known: ["count", "hot_folder"], later: [])
  static let ready = Keys(
    known: ["quiet", "frames"], later: ["whole", "gaps", "patience", "marker", "manifest"])
  static let renumber = Keys(known: ["first", "shift"], later: [])
  static let example = Keys(known: ["given", "becomes", "refused"], later: ["left"])

  static let transfer = Keys(
    known: Rule.Transfer.allCases.map(\.rawValue), later: ["hardlink", "reflink", "symlink"])
  static let conflict = Keys(
    known: Rule.Conflict.allCases.map(\.rawValue), later: ["replace", "version-up"])
  static let verify = Keys(known: Rule.Verify.allCases.map(\.rawValue), later: ["readback"])
}
