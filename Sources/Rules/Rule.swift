public import Sequences

/// What one rule asks for, besides which files it takes and where they go.
public struct Rule: Sendable, Hashable {
  public let name: String
  /// Its place among all rules: lower ones are asked first.
  public let index: Int
  /// The file as it was named to the loader, and the line where the rule starts there.
  public let file: String
  public let line: Int
  public let about: String?
  public let ready: Ready
  public let transfer: Transfer
  public let conflict: Conflict
  public let verify: Verify
  /// Its own lines of the file.
  public let text: String

  /// When a sequence may be taken.
  public struct Ready: Sendable, Hashable {
    /// No change for this long.
    public let quiet: Duration
    /// The frames that must be there.
    public let frames: FrameSet?
  }

  /// What becomes of the sources.
  public enum Transfer: String, Sendable, Hashable, Codable, CaseIterable { case copy, move }

  /// What happens where the destination holds something else already.
  public enum Conflict: String, Sendable, Hashable, Codable, CaseIterable {
    /// The whole sequence waits for a person.
    case hold
    /// Each frame that is there already is left out.
    case skip
  }

  /// Whether the copy's digest is compared with the source's.
  public enum Verify: String, Sendable, Hashable, Codable, CaseIterable { case none, copy }
}

/// A rule, ready to be asked.
final class CompiledRule: Sendable {
  let rule: Rule
  let patterns: [MatchPattern]
  let excepts: [MatchPattern]
  let count: CountCondition?
  /// Names of hot folders it speaks of; empty for all.
  let hotFolders: [String]
  let to: Template
  let renumber: Renumber?

  var name: String { rule.name }

  enum Renumber: Hashable, Sendable {
    /// The first frame gets this number.
    case first(Int)
    case shift(Int)
  }

  init(
    rule: Rule, patterns: [MatchPattern], excepts: [MatchPattern], count: CountCondition?,
    hotFolders: [String], to: Template, renumber: Renumber?
  ) {
    self.rule = rule
    self.patterns = patterns
    self.excepts = excepts
    self.count = count
    self.hotFolders = hotFolders
    self.to = to
    self.renumber = renumber
  }
}

/// `when.count`: `2+`, `1`, `1-5`.
struct CountCondition: Hashable, Sendable, CustomStringConvertible {
  let least: Int
  /// nil for no upper bound.
  let most: Int?

  init?(_ text: String) {
    func number(_ text: some StringProtocol) -> Int? {
      guard (1...9).contains(text.utf8.count), text.utf8.allSatisfy(\.isDigit) else { return nil }
      return Int(text)
    }
    if text.hasSuffix("+"), let least = number(text.dropLast()) {
      self.least = least
      most = nil
    } else if let exact = number(text) {
      least = exact
      most = exact
    } else {
      let parts = text.split(separator: "-", omittingEmptySubsequences: false)
      guard parts.count == 2, let low = number(parts[0]), let high = number(parts[1]), low <= high
      else { return nil }
      least = low
      most = high
    }
  }

  func holds(for count: Int) -> Bool { count >= least && count <= (most ?? .max) }

  var description: String {
    switch most {
    case nil: "\(least)+"
    case least: "\(least)"
    case let most?: "\(least)-\(most)"
    }
  }
}
