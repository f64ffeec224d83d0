import Files
import Foundation
import Ingest
import Journal
import Paths
import ReadModel
import Transfer

/// The journal as the engine uses it, on a disk of its own: a row that was written stays, whatever else is lost.
///
/// A write may fail before it, or be cut off by a kill before or after it; the world decides in ``before``.
final class ModelJournal {
  struct Row {
    var job: Job
    var state: JobState
    var reason: Reason?
    var over: JobOverlay?
    var receipts: [Int: Receipt] = [:]
    var outcomes: [Int: String] = [:]
    var publishedFrames = 0
    var isDurable = false
    /// Every state that it came to.
    var states: [JobState]
    let number: Int
  }

  /// A write failed, or nobody lives any more to know whether it did: nothing goes on without a journal.
  struct Broken: Error {}

  struct Claim: Hashable {
    let root: String
    let path: RelativePath
  }

  private(set) var rows: [JobID: Row] = [:]
  /// Where volumes were mounted when the daemon began last.
  private(set) var mounted: Set<String> = []
  private var failedSyncs: Set<JobID> = []
  private var claims: [Claim: JobID] = [:]
  private var boot: (id: String, firstJob: Int)?
  private(set) var tombstones: [TombstoneRecord] = []
  var before: (_ what: () -> String) throws -> Void = { _ in }
  /// What just became a row.
  var after: (_ id: JobID, _ old: JobState?, _ new: JobState) throws -> Void = { _, _, _ in }

  private func write<T>(_ what: @autoclosure () -> String, _ body: () throws -> T) throws -> T {
    try before(what)
    return try body()
  }

  struct Claimed: Error {
    let path: RelativePath
    let other: JobID
  }

  func insert(_ job: Job, _ state: JobState, claiming: Bool) throws {
    try write("insert \(job.id.suffix(4)) \(state)") {
      if claiming { try take(job) }
      rows[job.id] = Row(job: job, state: state, states: [state], number: rows.count)
    }
    try after(job.id, nil, state)
  }

  /// Of one that was cancelled before it had a plan.
  func insertCancelled(_ id: JobID, _ tombstones: [TombstoneRecord]) throws {
    try write("insert \(id.suffix(4)) cancelled") { self.tombstones += tombstones }
  }

  private func take(_ job: Job) throws {
    for file in job.plan.files {
      let claim = Claim(root: job.plan.destinationRoot, path: file.destination)
      if let other = claims[claim], other != job.id {
        throw Claimed(path: file.destination, other: other)
      }
    }
    for file in job.plan.files {
      claims[Claim(root: job.plan.destinationRoot, path: file.destination)] = job.id
    }
  }

  /// - Returns: whether this call moved it.
  func transition(
    _ id: JobID, from: Set<JobState>, to: JobState, reason: Reason? = nil, claiming: Bool = false,
    tombstones: [TombstoneRecord] = []
  ) throws -> Bool {
    let old: JobState? = try write("\(id.suffix(4)) → \(to)") {
      guard let row = rows[id], from.contains(row.state) else { return nil }
      if claiming { try take(row.job) }
      rows[id]!.state = to
      rows[id]!.states.append(to)
      if let reason { rows[id]!.reason = reason }
      self.tombstones += tombstones
      if to.isFinal { claims = claims.filter { $0.value != id } }
      return row.state
    }
    guard let old else { return false }
    try after(id, old, to)
    return true
  }

  func record(_ receipts: [Receipt], of id: JobID) throws {
    try write("\(receipts.count) receipts of \(id.suffix(4))") {
      for receipt in receipts { rows[id]?.receipts[receipt.index] = receipt }
    }
  }

  func forgetReceipts(of id: JobID) throws {
    try write("forget the receipts of \(id.suffix(4))") { rows[id]?.receipts = [:] }
  }

  func markFrames(_ outcomes: [(Int, String)], of id: JobID, published: Int? = nil) throws {
    try write("outcomes of \(id.suffix(4))") {
      for (ordinal, outcome) in outcomes { rows[id]?.outcomes[ordinal] = outcome }
      if let published { rows[id]?.publishedFrames = published }
    }
  }

  func setDurable(_ id: JobID) throws {
    try write("\(id.suffix(4)) is durable") { rows[id]?.isDurable = true }
  }

  func setMounted(_ path: String, _ isMounted: Bool) throws {
    try write("\(path) is \(isMounted ? "" : "not ")mounted") {
      if isMounted { mounted.insert(path) } else { mounted.remove(path) }
    }
  }

  func markFailedSync(_ id: JobID) throws {
    try write("a sync of \(id.suffix(4)) failed") { _ = failedSyncs.insert(id) }
  }

  func hasFailedSync(_ id: JobID) -> Bool { failedSyncs.contains(id) }

  func setOver(_ over: JobOverlay?, of id: JobID) throws {
    try write("\(id.suffix(4)) over") { rows[id]?.over = over }
  }

  func removeTombstones(of id: JobID) throws {
    try write("no tombstone of \(id.suffix(4))") { tombstones.removeAll { $0.job == id } }
  }

  func setBoot(_ id: String) throws {
    try write("the boot is \(id)") {
      if boot?.id == id { return }
      let unfinished = unfinished.map(\.number).min()
      boot = (id, unfinished ?? rows.count)
    }
  }

  // MARK: Reading

  var undurable: [Row] {
    rows.values.filter { $0.state == .done && !$0.isDurable }.sorted { $0.number < $1.number }
  }

  func ended(beforeBoot id: String) -> [Row] {
    if boot?.id == id { return [] }
    return rows.values.filter { $0.state.isFinal && $0.number >= boot?.firstJob ?? 0 }
      .sorted { $0.number < $1.number }
  }

  var unfinished: [Row] {
    rows.values.filter { !$0.state.isFinal }.sorted { $0.number < $1.number }
  }

  /// What was already taken from one directory, newest job first.
  func ingested(_ directory: RelativePath) -> [FileName: [IngestedRecord]] {
    var found: [FileName: [IngestedRecord]] = [:]
    for row in rows.values.sorted(by: { $0.number > $1.number })
    where row.state == .committing || row.state == .done || row.publishedFrames > 0 {
      for (index, file) in row.job.plan.files.enumerated() where file.source.parent == directory {
        let snapshot = file.snapshot
        found[file.source.name!, default: []].append(
          IngestedRecord(
            inode: snapshot.inode, birth: snapshot.birth, size: snapshot.size,
            modified: snapshot.modified, changed: snapshot.changed, job: row.job.id,
            digest: row.receipts[index]?.digest?.bytes, destination: file.destination,
            state: row.state.rawValue, outcome: row.outcomes[index]))
      }
    }
    return found
  }
}
