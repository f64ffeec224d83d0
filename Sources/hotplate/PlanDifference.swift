import Foundation
import Paths
import ReadModel
import Rules
import Sequences

/// What a change of rules would change: what `plan --against` prints.
struct PlanDifference {
  /// What becomes of one file under one set of rules.
  enum Fate: Hashable {
    case taken(rule: String, root: String, path: RelativePath)
    case left(rule: String, answer: String)
    /// A rule speaks for it and it has nowhere to go.
    case held(rule: String, why: String)
    case unmatched
  }

  /// How the two differ.
  enum Kind: String, CaseIterable, Encodable {
    case elsewhere = "would go elsewhere"
    case newlyTaken = "newly taken"
    case noLongerTaken = "no longer taken"
    case newlyLeft = "newly left"
    case newlyHeld = "newly held"
    case otherwise = "would be handled otherwise"
    case noLongerLeft = "no longer left"
  }

  /// Files of one directory that change in the same way.
  struct Change {
    let kind: Kind
    let source: SeqRow
    let old: Side
    let new: Side
    /// Where the first of them was published; nil where no journal tells.
    let published: Published?
    /// Source, destination by the old rules and by the new ones, ascending by frame.
    let files: [(source: ExactText, old: ExactText?, new: ExactText?)]
    /// What of the rules' way with it differs, where the destination does not.
    let differs: [String]
  }

  struct Published {
    let path: ExactText
    /// Whether the old rules, and the new ones, say the same place.
    let asOld: Bool
    let asNew: Bool
  }

  /// One set of rules' word on these files.
  struct Side {
    let rule: String?
    let destination: PlannedSequence.Place?
    /// The answer of `leave`, or why it is held.
    let answer: String?
  }

  private let old: RuleSet
  private let new: RuleSet
  private(set) var changes: [Change] = []
  /// How many files were looked at.
  private(set) var looked = 0

  var isEmpty: Bool { changes.isEmpty }

  init(from old: RuleSet, to new: RuleSet) {
    self.old = old
    self.new = new
  }

  mutating func add(_ listing: FolderListing) {
    add(
      listing.files, hotFolder: listing.folder.name, named: listing.folder.named, published: [:])
  }

  mutating func add(_ past: PastArrivals) {
    add(
      past.files.keys.sorted(), hotFolder: past.hotFolder, named: past.named,
      published: past.files)
  }

  private mutating func add(
    _ files: [RelativePath], hotFolder: String, named: (RelativePath) -> [UInt8],
    published: [RelativePath: PastArrivals.File]
  ) {
    looked += files.count
    let before = Judgement(of: files, by: old, hotFolder: hotFolder, published)
    let after = Judgement(of: files, by: new, hotFolder: hotFolder, published)
    var groups: [GroupKey: [RelativePath]] = [:]
    for file in files {
      guard let one = before[file], let other = after[file],
        let kind = Kind(from: one, to: other)
      else { continue }
      let key = GroupKey(
        kind: kind, old: one.assignment, new: other.assignment,
        isPublishedThere: published[file]?.destination.map { $0.path == other.path } ?? false)
      groups[key, default: []].append(file)
    }
    changes += groups.values.map { $0.sorted() }.sorted { $0[0] < $1[0] }.map { files in
      Change(files, before, after, named: named, published)
    }
  }

  private struct GroupKey: Hashable {
    let kind: Kind
    let old: Int
    let new: Int
    let isPublishedThere: Bool
  }
}

extension PlanDifference.Kind {
  fileprivate init?(from old: Judgement.Word, to new: Judgement.Word) {
    switch (old.fate, new.fate) {
    case (.taken(_, let root, let path), .taken(_, let newRoot, let newPath)):
      if root != newRoot || path != newPath {
        self = .elsewhere
      } else if differences(old.rule, new.rule).isEmpty {
        return nil
      } else {
        self = .otherwise
      }
    case (.unmatched, .unmatched): return nil
    case (.left(_, let answer), .left(_, let other)):
      if answer == other { return nil }
      self = .otherwise
    case (.held, .held): return nil
    case (_, .taken): self = .newlyTaken
    case (_, .left): self = .newlyLeft
    case (_, .held): self = .newlyHeld
    case (.left, .unmatched): self = .noLongerLeft
    case (_, .unmatched): self = .noLongerTaken
    }
  }
}

/// What two rules do otherwise with what both send to the same place.
private func differences(_ old: Rule?, _ new: Rule?) -> [String] {
  guard let old, let new else { return [] }
  var found: [String] = []
  func compare(_ key: String, _ text: (Rule) -> String) {
    let (one, other) = (text(old), text(new))
    if one != other { found.append("\(key): \(one) → \(other)") }
  }
  compare("rule") { shownText($0.name) }
  compare("transfer") { $0.transfer.map(\.rawValue).joined(separator: ", ") }
  compare("conflict") { $0.conflict.rawValue }
  compare("verify") { $0.verify.rawValue }
  if old.ready != new.ready { found.append("ready") }
  if old.isDelivery != new.isDelivery { found.append("together") }
  return found
}

extension PlanDifference.Change {
  fileprivate init(
    _ files: [RelativePath], _ before: Judgement, _ after: Judgement,
    named: (RelativePath) -> [UInt8], _ past: [RelativePath: PastArrivals.File]
  ) {
    let one = before[files[0]]!
    let other = after[files[0]]!
    kind = PlanDifference.Kind(from: one, to: other)!
    var content = SeqRow.Content.single(files[0].name ?? FileName([]))
    if let pattern = after.patterns[other.assignment] ?? before.patterns[one.assignment] {
      let frames = FrameSet(files.compactMap { $0.name.flatMap(pattern.frame) })
      content = .sequence(FrameSequence(pattern: pattern, frames: frames))
    }
    source = SeqRow(directory: named(files[0].parent), content: content, bytes: nil)
    old = PlanDifference.Side(one, files, before)
    new = PlanDifference.Side(other, files, after)
    published = past[files[0]]?.destination.map { then in
      PlanDifference.Published(
        path: ExactText(then.absolute), asOld: then.path == one.path, asNew: then.path == other.path
      )
    }
    self.files = files.map { file in
      (
        ExactText(named(file)), before[file]?.path.map { ExactText($0.bytes) },
        after[file]?.path.map { ExactText($0.bytes) }
      )
    }
    differs = kind == .otherwise ? differences(one.rule, other.rule) : []
  }
}

extension PlanDifference.Side {
  fileprivate init(_ word: Judgement.Word, _ files: [RelativePath], _ judgement: Judgement) {
    switch word.fate {
    case .taken(let rule, _, _):
      self.init(
        rule: rule, destination: judgement.place(of: files, in: word.assignment), answer: nil)
    case .left(let rule, let answer): self.init(rule: rule, destination: nil, answer: answer)
    case .held(let rule, let why): self.init(rule: rule, destination: nil, answer: why)
    case .unmatched: self.init(rule: nil, destination: nil, answer: nil)
    }
  }
}
