import Paths
public import Sequences

/// What the rules say to one path.
public enum Decision: Sendable {
  case taken(Match)
  /// Every rule that was asked, with its reason.
  case unmatched([Refusal])
  /// A rule erred on this path. The arrival is held and no later rule is asked.
  case failed(rule: String, message: String)
}

/// A path that a rule takes.
public struct Match: Sendable {
  let rule: CompiledRule
  let pattern: Int
  let path: RelativePath

  public let slot: Slot?
  public var ruleIndex: Int { rule.rule.index }

  /// The tokens' values, in the order of the pattern. Found anew on each call: a decision alone does not need them.
  public var tokens: [TokenValue] { values.list }

  var values: TokenValues { rule.values(of: path, pattern: pattern) }
}

/// What a token stands for in one path.
public struct TokenValue: Sendable, Hashable {
  public let name: String
  /// As it stands in the path.
  public let raw: [UInt8]
  /// Its canonical value, where the token has aliases; else the same as `raw`.
  public let value: [UInt8]
}

/// The values of one path, by name.
struct TokenValues: Sendable {
  private(set) var list: [TokenValue] = []

  subscript(name: String) -> TokenValue? { list.first { $0.name == name } }

  /// The first use of a name counts.
  mutating func add(_ value: TokenValue) {
    if self[value.name] == nil { list.append(value) }
  }
}

/// Why a rule does not take a path.
public struct Refusal: Sendable {
  let compiled: CompiledRule
  let path: RelativePath
  let reason: Reason

  enum Reason: Hashable, Sendable {
    case noFit
    case excepted(pattern: String)
    case hotFolder(String)
    case differs(token: String, String, String)
    case count(Int)
  }

  public var rule: String { compiled.name }

  /// One sentence, safe to show. Found when it is asked for: looking closer costs more than deciding.
  public var why: String {
    switch reason {
    case .noFit: compiled.diagnosis(of: path)
    case .excepted(let pattern): "left out by except: '\(pattern)'"
    case .hotFolder(let name):
      "only for the hot folder \(compiled.hotFolders.joined(separator: ", ")), and this is \(name)"
    case .differs(let token, let first, let second):
      "{\(token)} differs: '\(first)' and '\(second)'"
    case .count(let count):
      "when.count is \(compiled.count.map(String.init(describing:)) ?? "?"), and there \(count == 1 ? "is 1 frame" : "are \(count) frames")"
    }
  }
}
