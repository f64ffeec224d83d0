public import Paths
public import Sequences

/// What the rules say to one path.
public enum Decision: Sendable {
  case taken(Match)
  /// A rule knows it and does not want it: `leave`, its answer.
  case left(Match, String)
  /// Every rule that was asked, with its reason.
  case unmatched([Refusal])
  /// A rule erred on this path. The arrival is held and no later rule is asked.
  case failed(rule: String, message: String)
}

/// A path that a rule takes.
public struct Match: Sendable {
  let compiled: CompiledRule
  let pattern: Int
  let path: RelativePath
  let deliveryLength: Int?

  public let slot: Slot?
  public var rule: Rule { compiled.rule }
  public var ruleIndex: Int { compiled.rule.index }

  /// The directory of the delivery that this path belongs to (`together`), from the hot folder's root; nil without.
  public var delivery: RelativePath? {
    deliveryLength.flatMap { RelativePath(path.bytes.prefix($0)) }
  }

  /// The tokens' values, in the order of the pattern; then those of `together`, then those of `find`. Found anew on each call: a decision alone does not need them.
  public var tokens: [TokenValue] { values.list }

  var values: TokenValues { compiled.values(of: path, pattern: pattern, slot: slot?.range) }
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
    case noDelivery
    case notFound(token: String, isInPath: Bool)
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
    case .noDelivery:
      "not below a directory '\(compiled.together?.source.text ?? "")/' (together)"
    case .notFound(let token, let isInPath):
      "'to' needs {\(token)}, and none is found in the \(isInPath ? "path" : "name")"
    case .differs(let token, let first, let second):
      "{\(token)} differs: '\(first)' and '\(second)'"
    case .count(let count):
      "when.count is \(compiled.count.map(String.init(describing:)) ?? "?"), and there \(count == 1 ? "is 1 frame" : "are \(count) frames")"
    }
  }
}
