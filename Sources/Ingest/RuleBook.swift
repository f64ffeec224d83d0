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
    /// Every file and directory whose change may change the rules.
    public let paths: [String]

    /// Mistakes and what became of their files, as a person reads them; empty without any.
    public func report(color: Bool) -> String { loaded.rendered(color: color) { kept[$0] } }
  }

  public let directory: String
  private var good: [String: Good] = [:]
  private var current: (rules: RuleSet, texts: [String: String])?

  /// - Parameter directory: as it shall be named in reports.
  public init(directory: String) { self.directory = directory }

  /// Reads the files as they are now. What has a mistake counts as it was before.
  public mutating func read(at now: Date = Date()) -> Reading {
    let loaded = RuleSet.load(directory: directory)
    if loaded.isClean {
      good = Dictionary(
        loaded.sources.map { ($0.file, Good($0, at: now)) }, uniquingKeysWith: { $1 })
      current = (loaded.rules, good.mapValues(\.text))
      return reading(loaded, kept: [:])
    }
    for source in loaded.sources where source.isLoaded {
      // A file whose include is wrong now goes with what it included then.
      if good[source.file]?.text != source.text { good[source.file] = Good(source, at: now) }
    }
    let own = loaded.sources.filter { !isIncluded($0.file) }
    let isGone = own.isEmpty
    let names = isGone ? good.keys.filter { !isIncluded($0) }.sorted() : own.map(\.file)
    let files = names.compactMap { name in good[name].map { (name: name, text: $0.text) } }
    // A directory that cannot be read may be back in a moment: nothing is forgotten for it.
    guard files.count == names.count, !files.isEmpty else {
      return reading(loaded, kept: [:])
    }
    let includes = good.filter { isIncluded($0.key) }.mapValues(\.text)
    let fallback = RuleSet.parse(files: files, includes: includes)
    let broken = Set(loaded.problems.filter { $0.severity == .error }.map(\.file))
    let kept = good.filter { broken.contains($0.key) && !isIncluded($0.key) }.mapValues {
      "the \($0.rules == 1 ? "rule" : "\($0.rules) rules") it held at \(clock($0.at)) stay\($0.rules == 1 ? "s" : "") active"
    }
    // New files beside old ones may make mistakes together that neither has alone.
    guard fallback.isClean else { return reading(loaded, kept: kept) }
    let texts = Dictionary(files, uniquingKeysWith: { $1 }).merging(includes) { $1 }
    current = (fallback.rules, texts)
    return reading(loaded, kept: kept)
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

  private func reading(_ loaded: LoadedRules, kept: [String: String]) -> Reading {
    let files = Set(loaded.sources.map(\.file)).union(good.keys)
    let directories = files.map { ($0 as NSString).deletingLastPathComponent }
    return Reading(
      rules: current?.rules, loaded: loaded, texts: current?.texts ?? [:], kept: kept,
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
