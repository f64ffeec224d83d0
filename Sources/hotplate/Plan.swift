import Files
import Foundation
import Paths
import ReadModel
import Rules
import Sequences

/// What the rules would do to hot folders: what `plan` prints.
struct Plan {
  private(set) var sequences: [PlannedSequence] = []
  private(set) var skipped: [(path: ExactText, why: String)] = []
  /// Whole deliveries, each with its members' places in `sequences`.
  private(set) var deliveries: [PlannedDelivery] = []
  /// Directories that could not be read.
  private(set) var failures: [SystemError] = []

  private let rules: RuleSet
  private let roots: RootFolders
  private var claims = Claims()

  init(by rules: RuleSet, to roots: RootFolders) {
    self.rules = rules
    self.roots = roots
  }

  /// Adds what lies in one hot folder, or in a part of it.
  mutating func add(_ listing: FolderListing) {
    let folder = listing.folder
    failures += listing.failures
    skipped += listing.skipped.map { (ExactText(folder.named($0.path)), $0.why) }
    let first = sequences.count
    let assignments = rules.assign(listing.files, hotFolder: folder.name)
    let companions = listing.files.filter(rules.isCompanion)
    var drafts = assignments.map {
      PlannedSequence.Draft($0, among: listing, companions: companions, by: rules, to: roots)
    }
    chooseVersions(&drafts)
    for draft in drafts {
      sequences.append(PlannedSequence(draft, in: folder, by: rules, to: roots, &claims))
    }
    var members: [RelativePath: [Int]] = [:]
    for (index, assignment) in assignments.enumerated() {
      if let delivery = assignment.delivery { members[delivery, default: []].append(first + index) }
    }
    for (directory, indices) in members.sorted(by: { $0.key < $1.key }) {
      let delivery = PlannedDelivery(
        directory, of: indices, in: sequences,
        indices.map { drafts[$0 - first] },
        among: listing)
      delivery.decide(for: &sequences)
      deliveries.append(delivery)
    }
  }

  /// One number for all that comes of one delivery, or of one directory, with one version.
  private func chooseVersions(_ drafts: inout [PlannedSequence.Draft]) {
    var highest: [VersionScope: Int] = [:]
    let taken = Set(
      drafts.filter { $0.meetings.contains(where: \.isCertain) }.compactMap(\.versionScope))
    for draft in drafts {
      guard let scope = draft.versionScope, taken.contains(scope), let goal = draft.goal,
        let versioned = goal.versioned, let root = roots[goal.root]
      else { continue }
      let number = freeVersion(of: versioned, in: root)
      highest[scope] = max(highest[scope] ?? 0, number)
    }
    for index in drafts.indices {
      guard let scope = drafts[index].versionScope, let number = highest[scope] else { continue }
      drafts[index].goTo(version: number, by: rules, to: roots)
    }
  }
}

/// What takes one number together.
struct VersionScope: Hashable {
  /// A delivery's directory, else the directory of the sequence.
  let directory: RelativePath
  let source: Int
  /// Where the number stands at the destination, its digits left out; nil for a delivery, which has one for all.
  let slot: [[UInt8]]?
}

/// Several sequences and files that are one job (`together`).
struct PlannedDelivery {
  let directory: ExactText
  /// Their places in the plan.
  let members: [Int]
  private(set) var would: PlannedSequence.Would
  /// Why the whole waits or is held, though its members alone would not.
  private(set) var reasons: [String] = []

  fileprivate init(
    _ directory: RelativePath, of members: [Int], in sequences: [PlannedSequence],
    _ drafts: [PlannedSequence.Draft], among listing: FolderListing
  ) {
    self.directory = ExactText(listing.folder.named(directory))
    self.members = members
    let taken = members.map { sequences[$0].would }.filter { $0 != .stay }
    would =
      taken.contains(.hold) ? .hold : taken.contains(.wait) ? .wait : taken.isEmpty ? .stay : .go
    if let cancelled = listing.sentinels.first(where: { $0.path.isAtOrBelow(directory) }),
      would != .stay
    {
      reasons.append("\(cancelled.path) stands there, and a delivery goes whole")
      would = .hold
    }
    let goals = drafts.compactMap(\.goal)
    if let first = goals.first, let other = goals.first(where: { $0.root != first.root }) {
      reasons.append(
        "one delivery goes to one root, and this one to '\(shownText(first.root))' and '\(shownText(other.root))'"
      )
      would = .hold
    }
    let rules = drafts.compactMap(\.rule)
    for (key, differ) in Self.ways {
      guard let first = rules.first, let other = rules.first(where: { differ(first, $0) }) else {
        continue
      }
      reasons.append(
        "the rules '\(shownText(first.name))' and '\(shownText(other.name))' take it together and differ in '\(key)'"
      )
      would = .hold
      break
    }
    if would == .go || would == .wait,
      let copy = listing.inFlight.first(where: { $0.isAtOrBelow(directory) })
    {
      reasons.append("\(copy) is named like a copy under way")
      would = .wait
    }
  }

  /// What the members of one delivery have in common.
  private static let ways: [(String, @Sendable (Rule, Rule) -> Bool)] = [
    ("transfer", { $0.transfer != $1.transfer }), ("conflict", { $0.conflict != $1.conflict }),
    ("verify", { $0.verify != $1.verify }),
  ]

  /// What becomes of the whole becomes of each member.
  fileprivate func decide(for sequences: inout [PlannedSequence]) {
    for index in members where sequences[index].would != .stay { sequences[index].would = would }
  }
}
