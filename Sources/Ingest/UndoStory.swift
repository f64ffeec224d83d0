import Files
import Foundation
import Journal
import Paths
import ReadModel
import Transfer

/// What happens in one undo, and how it is told.
struct UndoStory: Sendable {
  let job: Job
  /// Its name.
  let hotFolder: String
  let by: String
  /// Of what was published when it began.
  let receipts: [Receipt]
  /// What was undone before, by index.
  let earlier: [Int]
  var secured: [SecuredSource] = []
  /// By index into the plan's files.
  var results: [Int: UndoResult] = [:]
  /// Those of the job's own that are gone.
  var directories: [RelativePath] = []
  /// The sources of what is published no more, as far as they lie there.
  var snapshots: [RelativePath: Snapshot] = [:]

  /// How many files are named one by one.
  private static let named = 20

  init(job: Job, hotFolder: String, by: String, receipts: [Receipt], earlier: [Int]) {
    self.job = job
    self.hotFolder = hotFolder
    self.by = by
    self.receipts = receipts
    self.earlier = earlier
  }

  /// What is published no more, by index.
  private var undone: [Int] {
    results.filter { if case .kept = $0.value { false } else { true } }.map(\.key).sorted()
  }

  private var kept: [(index: Int, why: UndoRefusal)] {
    results.compactMap { index, result in
      if case .kept(let why) = result { (index, why) } else { nil }
    }.sorted { $0.index < $1.index }
  }

  func refused(_ why: String) -> UndoOutcome {
    let message = "not undone: \(why)"
    return UndoOutcome(reason: reason(.undoRefused, message).data, notes: [message])
  }

  func outcome() -> UndoOutcome {
    let (undone, kept) = (undone, kept)
    let removed = results.values.count { $0 == .removed }
    let code: ReasonCode =
      kept.isEmpty ? .undone : undone.isEmpty ? .undoRefused : .undoneInPart
    var parts = ["\(removed) published file\(removed == 1 ? "" : "s") removed"]
    if undone.count > removed { parts.append("\(undone.count - removed) were gone already") }
    if job.plan.isMove {
      let back = undone.count { snapshots[job.plan.files[$0].source] != nil }
      parts.append("\(back) source\(back == 1 ? "" : "s") put back")
    }
    if !directories.isEmpty {
      parts.append("\(directories.count) director\(directories.count == 1 ? "y" : "ies") removed")
    }
    let summary = "undone: " + parts.joined(separator: ", ")
    var message = undone.isEmpty ? "not undone" : summary
    if let first = kept.first {
      message += "; \(kept.count) kept, first \(destination(first.index)): \(first.why)"
    }
    var notes = undone.isEmpty ? [] : [summary]
    notes += kept.prefix(Self.named).map { "kept \(destination($0.index)): \($0.why)" }
    if kept.count > Self.named { notes.append("kept \(kept.count - Self.named) more") }
    return UndoOutcome(
      undone: undone, kept: kept.map { ($0.index, "kept by an undo: \($0.why)") },
      reason: reason(code, message).data, notes: notes, tombstones: tombstones())
  }

  private func destination(_ index: Int) -> RelativePath { job.plan.files[index].destination }

  private func reason(_ code: ReasonCode, _ message: String) -> Reason {
    var reason = Reason(code, message, at: Date())
    reason.by = by
    return reason
  }

  /// What was undone does not come again by itself: until one of its sources changes, or a person says so.
  private func tombstones() -> [TombstoneRecord] {
    job.members.flatMap { member -> [TombstoneRecord] in
      let lying = job.plan.files[member.files].filter { snapshots[$0.source] != nil }
      return Dictionary(grouping: lying, by: \.source.parent).map { directory, files in
        TombstoneRecord(
          hotFolder: hotFolder, directory: directory, pattern: member.head,
          fingerprint: Fingerprint(
            files.map { (name: $0.source.name!, snapshot: snapshots[$0.source]!) }
          ).data, job: job.id)
      }
    }
  }

  /// Looks at the sources of what is published no more: as they were when they were proven, or given back, and as they
  /// are now where nothing had to be proven.
  func sourcesNow() -> [RelativePath: Snapshot] {
    let proven = Dictionary(
      secured.compactMap { source in source.snapshot.map { (source.index, $0) } },
      uniquingKeysWith: { first, _ in first })
    // An unreachable hot folder brings nothing that could be taken.
    guard let root = try? Descriptor.directory(at: job.plan.sourceRoot) else { return [:] }
    var found: [RelativePath: Snapshot] = [:]
    for index in undone + earlier {
      let source = job.plan.files[index].source
      guard let now = try? root.status(source), now.kind == .file else { continue }
      found[source] = proven[index] ?? now.snapshot
    }
    return found
  }
}
