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
  /// In order of preference; never empty.
  public let transfer: [Transfer]
  public let conflict: Conflict
  public let verify: Verify
  /// Known, not wanted: what is answered. Such a rule has no destination.
  public let leave: String?
  /// How many of its jobs may run at once; nil for as many as there are.
  public let atMost: Int?
  /// Higher ones start first.
  public let priority: Int
  /// Whether all that lies below one directory is one delivery (`together`).
  public let isDelivery: Bool
  /// Its own lines of the file.
  public let text: String

  /// When a sequence may be taken.
  public struct Ready: Sendable, Hashable {
    /// No change for this long; nil where the rule leaves that to the hot folder.
    public let quiet: Duration?
    /// The frames that must be there.
    public let frames: FrameSet?
    public let gaps: Gaps
    /// How long it waits for what is missing, and then it holds; nil for ever.
    public let patience: Duration?
    /// Whether each frame must pass the completeness check of its format.
    public let whole: Bool
    /// Whether a file must be there that says that all is: `RuleSet.deliveryMarker`.
    public let hasMarker: Bool
    /// Whether lists say what must be there: `RuleSet.isManifest`.
    public let hasManifest: Bool
  }

  /// What happens while frames are missing.
  public enum Gaps: String, Sendable, Hashable, Codable, CaseIterable {
    /// It waits, until patience ends, and then it holds.
    case wait
    case hold
    /// It goes on without them, and they are shown.
    case accept
  }

  /// How frames get to their destination.
  public enum Transfer: String, Sendable, Hashable, Codable, CaseIterable {
    case copy, move, hardlink, reflink, symlink
  }

  /// What happens where the destination holds something else already.
  public enum Conflict: String, Sendable, Hashable, Codable, CaseIterable {
    /// The whole sequence waits for a person.
    case hold
    /// Each frame that is there already is left out.
    case skip
    /// Each frame that is there already gives way.
    case replace
    /// The whole goes to the next number of `{version}` in a directory of `to`.
    case versionUp = "version-up"
  }

  /// How the copy is compared with its source.
  public enum Verify: String, Sendable, Hashable, Codable, CaseIterable {
    case none
    /// By the digest of what was read for the copy.
    case copy
    /// By what is read back from the destination.
    case readback
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
