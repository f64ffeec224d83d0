import Foundation
import Journal
import ReadModel
import Rules

/// The rules in force: read from their directory, kept while a file has a mistake, remembered over restarts.
public struct RuleBook: Sendable {
  /// The last text of a file that had no mistake.
  struct Good: Codable, Hashable {
    let text: String
    let at: Date
    let rules: Int
  }

  /// What came of reading the directory.
  public struct Reading: Sendable {
    /// What is to be in force from here on; nil where a file with a mistake has no text to fall back to.
    public let rules: RuleSet?
    public let loaded: LoadedRules
    /// The texts that `rules` were made of, by file: with the same, nothing has changed.
    public let texts: [String: String]
    /// What became of each file with a mistake, as in "the 6 rules it held at 10:42:07 stay active"; by file.
    public let kept: [String: String]
    /// Files that are right by themselves and not together with what the others had before: their old text counts.
    public let waiting: [String]
    /// Whether the directory holds no rule files.
    public let isEmpty: Bool
    /// Every file and directory whose change may change the rules.
    public let paths: [String]

    /// Mistakes and what became of their files, as a person reads them; empty without any.
    public func report(color: Bool) -> String {
      var text = loaded.rendered(color: color) { kept[$0] }
      for file in waiting {
        text += "note: \(file) waits for the files above: its rules of before stay active\n"
      }
      if isEmpty, rules != nil {
        text += "note: there are no rule files any more; the last ones stay active\n"
      }
      return text
    }
  }

  public let directory: String
  private var good: [String: Good] = [:]
  private var current: (rules: RuleSet, texts: [String: String])?

  /// - Parameter directory: as it shall be named in reports.
  public init(directory: String) { self.directory = directory }

  /// Reads the files as they are now. What has a mistake counts as it was before, and a file that never was right counts
  /// as not there, so that one mistake stops nobody else's edit.
  public mutating func read(at now: Date = Date()) -> Reading {
    let loaded = RuleSet.load(directory: directory)
    let own = loaded.sources.filter { !isIncluded($0.file) }
    if loaded.isClean, !own.isEmpty {
      good = Dictionary(
        loaded.sources.map { ($0.file, Good($0, at: now)) }, uniquingKeysWith: { $1 })
      current = (loaded.rules, good.mapValues(\.text))
      return reading(loaded, kept: [:], waiting: [])
    }
    // A directory that is gone or empty may be full again in a moment: nothing is forgotten for it.
    if own.isEmpty { return reading(keepingAll(), loaded) }
    // At a first start there is nothing to fall back to, and whoever starts it is there to mend it.
    if current == nil, good.isEmpty { return reading(loaded, kept: [:], waiting: []) }
    return combine(own, loaded, now)
  }

  /// What was in force, after a start as well.
  private mutating func keepingAll() -> [String: String] {
    if current == nil, !good.isEmpty {
      let files = good.keys.filter { !isIncluded($0) }.sorted().map { ($0, good[$0]!.text) }
      let fallback = RuleSet.parse(files: files, includes: includes(good))
      if fallback.isClean { current = (fallback.rules, good.mapValues(\.text)) }
    }
    return good.filter { !isIncluded($0.key) }.mapValues { stays($0) }
  }

  /// Takes each file's new text where it is right and goes with the others, else its last good one, else none.
  private mutating func combine(
    _ own: [LoadedRules.Source], _ loaded: LoadedRules, _ now: Date
  ) -> Reading {
    var fresh = Set(own.filter(\.isLoaded).map(\.file))
    var candidates = good
    for source in loaded.sources where isIncluded(source.file) && source.isLoaded {
      candidates[source.file] = Good(source, at: now)
    }
    // Each round sends at least one file back to its old text, or leaves it out.
    for _ in 0...own.count {
      var texts = candidates.filter { isIncluded($0.key) }
      for source in own {
        texts[source.file] =
          fresh.contains(source.file)
          ? good[source.file]?.text == source.text ? good[source.file] : Good(source, at: now)
          : good[source.file]
      }
      let files = own.compactMap { source in texts[source.file].map { (source.file, $0.text) } }
      let set = RuleSet.parse(files: files, includes: includes(texts))
      if set.isClean {
        good = texts
        current = (set.rules, texts.mapValues(\.text))
        break
      }
      let blamed = Set(set.problems.filter { $0.severity == .error }.map(\.file))
      let next = fresh.subtracting(blamed)
      if next == fresh { break }
      fresh = next
    }
    let broken = Set(own.filter { !$0.isLoaded }.map(\.file))
    let kept = good.filter { broken.contains($0.key) }.mapValues { stays($0) }
    let waiting = own.filter { !broken.contains($0.file) && good[$0.file]?.text != $0.text }
    return reading(loaded, kept: kept, waiting: waiting.map(\.file))
  }

  private func includes(_ texts: [String: Good]) -> [String: String] {
    texts.filter { isIncluded($0.key) }.mapValues(\.text)
  }

  private func stays(_ good: Good) -> String {
    let rules = good.rules == 1 ? "rule" : "\(good.rules) rules"
    return "the \(rules) it held at \(clock(good.at)) stay\(good.rules == 1 ? "s" : "") active"
  }

  /// Rule files lie in the directory itself, what only they include below it.
  private func isIncluded(_ file: String) -> Bool {
    let slash = directory.hasSuffix("/") ? "" : "/"
    return file.dropFirst(directory.utf8.count + slash.utf8.count).contains("/")
  }

  /// Whether the files' good texts are others.
  public func isDifferent(from other: RuleBook) -> Bool {
    good.mapValues(\.text) != other.good.mapValues(\.text)
  }

  private func reading(_ kept: [String: String], _ loaded: LoadedRules) -> Reading {
    reading(loaded, kept: kept, waiting: [])
  }

  private func reading(_ loaded: LoadedRules, kept: [String: String], waiting: [String]) -> Reading
  {
    let files = Set(loaded.sources.map(\.file)).union(good.keys)
    let directories = files.map { ($0 as NSString).deletingLastPathComponent }
    return Reading(
      rules: current?.rules, loaded: loaded, texts: current?.texts ?? [:], kept: kept,
      waiting: waiting,
      isEmpty: loaded.sources.isEmpty && loaded.isClean,
      paths: files.union(directories).union([directory]).sorted())
  }

  private func clock(_ date: Date) -> String {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.dateFormat =
      Calendar.current.isDateInToday(date) ? "HH:mm:ss" : "yyyy-MM-dd HH:mm:ss"
    return formatter.string(from: date)
  }
}

extension RuleBook {
  /// Takes up what an earlier run remembered of this directory.
  public mutating func recall(from journal: Journal) async throws(JournalError) {
    guard let data = try await journal.value(for: key) else { return }
    // What an unknown version wrote is no loss: the files themselves are read.
    good = (try? JSONDecoder().decode([String: Good].self, from: data)) ?? [:]
  }

  public func remember(in journal: Journal) async throws {
    try await journal.setValue(try JSONEncoder().encode(good), for: key)
  }

  private var key: String { "rules \(URL(filePath: directory).standardizedFileURL.path)" }
}

extension RuleBook.Good {
  fileprivate init(_ source: LoadedRules.Source, at: Date) {
    self.init(text: source.text, at: at, rules: source.rules)
  }
}
