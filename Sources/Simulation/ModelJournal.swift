import Files
import Foundation
import Ingest
import Journal
import Paths
import ReadModel
import Transfer

/// The journal as the runner uses it, on a disk of its own: a row that was written stays, whatever else is lost.
///
/// A write may fail before it, or be cut off by a kill before or after it; the world decides in ``before`` and ``after``.
// Sendable: one simulation runs in one task from its beginning to its end, and nobody else knows its journal.
final class ModelJournal: Ledger, @unchecked Sendable {
  struct Row {
    var record: JobRecord
    var frames: [FrameRecord]
    /// As it was inserted; nil for one that was cancelled before it had a plan.
    let job: Job?
    var staged: [Int: InodeKey] = [:]
    var made: [MadeDirectoryRecord] = []
    /// Every state that it came to.
    var states: [JobState]
    /// What its history says beside them.
    var notes: [String] = []

    var state: JobState { JobState(rawValue: record.state)! }
    var reason: Reason? { record.reason.flatMap { try? JSON.decode(Reason.self, from: Array($0)) } }
  }

  /// A write failed, or nobody lives any more to know whether it did: nothing goes on without a journal.
  static let broken = JournalError.inputOutput(path: "the model's", message: "it fails")

  private let hotFolders: [HotFolder]
  private(set) var rows: [JobID: Row] = [:]
  private var values: [String: Data] = [:]
  private var claims: [DestinationClaim: JobID] = [:]
  private var boot: (id: String, firstJob: Int64)?
  private var stones: [TombstoneRecord] = []
  private var undosUnderWay: [JobID: UndoRecord] = [:]
  var before: (_ what: () -> String) throws(JournalError) -> Void = { (_) throws(JournalError) in }
  /// What just became a row.
  var after: (_ id: JobID, _ old: JobState?, _ new: JobState) throws(JournalError) -> Void = {
    (_, _, _) throws(JournalError) in
  }

  init(hotFolders: [HotFolder]) { self.hotFolders = hotFolders }

  private func write<T>(
    _ what: @autoclosure () -> String, _ body: () throws(JournalError) -> T
  ) throws(JournalError) -> T {
    try before(what)
    return try body()
  }

  private func change(
    _ id: JobID, _ what: @autoclosure () -> String, _ body: (inout Row) -> Void
  ) throws(JournalError) {
    try before(what)
    guard rows[id] != nil else { throw JournalError.noSuchJob(id) }
    body(&rows[id]!)
  }

  // MARK: Jobs

  func insert(
    _ job: JobRecord, frames: [FrameRecord], claims: [DestinationClaim], at: Date?,
    cancelReceipt: Data?
  ) throws(JournalError) -> Int64 {
    let number = Int64(rows.count + 1)
    try write("insert \(job.id.suffix(4)) \(job.state)") { () throws(JournalError) in
      try take(claims, for: job.id)
      var record = job
      record.number = number
      rows[job.id] = Row(
        record: record, frames: frames,
        job: try? Job(record, frames: frames, hotFolders: hotFolders),
        states: [JobState(rawValue: job.state)!])
    }
    try after(job.id, nil, JobState(rawValue: job.state)!)
    return number
  }

  private func take(_ names: [DestinationClaim], for id: JobID) throws(JournalError) {
    for claim in names {
      if let other = claims[claim], other != id {
        throw JournalError.claimed(path: claim.path, byJob: other)
      }
    }
    for claim in names { claims[claim] = id }
  }

  func transition(
    _ id: String, from: Set<String>, to: String, reason: Data?, note: String?, at: Date,
    claiming claims: [DestinationClaim], tombstones: [TombstoneRecord], cancelReceipt: Data?
  ) throws(JournalError) -> Bool {
    let new = JobState(rawValue: to)!
    let old = try write("\(id.suffix(4)) → \(to)\(note.map { ", \($0)" } ?? "")") {
      () throws(JournalError) -> JobState? in
      guard let row = rows[id] else { throw JournalError.noSuchJob(id) }
      guard from.contains(row.record.state) else { return nil }
      if !new.isFinal { try take(claims, for: id) }
      rows[id]!.record.state = to
      if let reason { rows[id]!.record.reason = reason.isEmpty ? nil : reason }
      rows[id]!.record.ended = new.isFinal ? at : nil
      rows[id]!.states.append(new)
      for stone in tombstones { lay(stone) }
      if new.isFinal { self.claims = self.claims.filter { $0.value != id } }
      return row.state
    }
    guard let old else { return false }
    try after(id, old, new)
    return true
  }

  /// A cancel's row, at once.
  func writeNow(_ row: CancelRow) throws(JournalError) -> Bool {
    try transition(
      row.job, from: CancelRow.from, to: JobState.cancelling.rawValue, reason: row.reason.data,
      note: row.reason.message, at: Date(), claiming: [], tombstones: row.tombstones,
      cancelReceipt: nil)
  }

  func amend(reason: Data, note: String, of id: String, at: Date) throws(JournalError) {
    try change(id, "\(id.suffix(4)): \(note)") {
      $0.record.reason = reason
      $0.notes.append(note)
    }
  }

  func note(_ text: String, on id: String, at: Date) throws(JournalError) {
    try change(id, "\(id.suffix(4)): \(text)") { $0.notes.append(text) }
  }

  func setOver(_ over: String?, of id: String) throws(JournalError) {
    try change(id, "\(over ?? "nothing") lies over \(id.suffix(4))") { $0.record.over = over }
  }

  func update(_ progress: JobProgress, of id: String, made: [MadeDirectoryRecord])
    throws(JournalError)
  {
    try change(id, "progress of \(id.suffix(4))") {
      $0.record.publishedFrames = progress.publishedFrames
      if !made.isEmpty { $0.made = made }
    }
  }

  func setDurable(_ id: String) throws(JournalError) {
    try change(id, "\(id.suffix(4)) is durable") { $0.record.durable = true }
  }

  // MARK: Frames

  func record(receipts: [ReceiptRecord], of id: String, progress: JobProgress?)
    throws(JournalError)
  {
    try change(id, "\(receipts.count) receipts of \(id.suffix(4))") {
      for receipt in receipts {
        $0.frames[receipt.ordinal].receipt = receipt.data
        $0.frames[receipt.ordinal].digest = receipt.digest
        $0.staged[receipt.ordinal] = receipt.staged
      }
    }
  }

  func forgetReceipts(of id: String, ordinals: [Int]?) throws(JournalError) {
    try change(id, "forget the receipts of \(id.suffix(4))") {
      for ordinal in ordinals ?? Array($0.frames.indices) {
        $0.frames[ordinal].receipt = nil
        $0.frames[ordinal].digest = nil
        $0.staged[ordinal] = nil
      }
    }
  }

  func markFrames(
    _ outcomes: [(ordinal: Int, outcome: String)], of id: String, progress: JobProgress?
  ) throws(JournalError) {
    try change(id, "outcomes of \(id.suffix(4))") {
      for (ordinal, outcome) in outcomes { $0.frames[ordinal].outcome = outcome }
      if let progress { $0.record.publishedFrames = progress.publishedFrames }
    }
  }

  // MARK: Reading

  func job(_ id: String) -> JobRecord? { rows[id]?.record }
  func frames(of id: String) -> [FrameRecord] { rows[id]?.frames ?? [] }

  private func records(where isWanted: (Row) -> Bool) -> [JobRecord] {
    rows.values.filter(isWanted).map(\.record).sorted { $0.number < $1.number }
  }

  func unfinished() -> [JobRecord] { records { $0.record.ended == nil } }
  func undurable() -> [JobRecord] { records { $0.state == .done && !$0.record.durable } }

  func ended(beforeBoot id: String) -> [JobRecord] {
    if boot?.id == id { return [] }
    return records { $0.record.ended != nil && $0.record.number >= boot?.firstJob ?? 0 }
  }

  func reopen(
    _ id: String, from: String, to state: String, claims names: [DestinationClaim],
    seizingFrom states: Set<String>, note: String, at: Date
  ) throws(JournalError) -> Bool {
    let new = JobState(rawValue: state)!
    let isMoved = try write("\(id.suffix(4)) → \(state), \(note)") { () throws(JournalError) in
      guard rows[id]?.record.state == from else { return false }
      rows[id]!.record.state = state
      rows[id]!.record.ended = nil
      rows[id]!.states.append(new)
      for name in names {
        if let other = claims[name], !states.contains(rows[other]!.record.state) { continue }
        claims[name] = id
      }
      return true
    }
    if isMoved { try after(id, JobState(rawValue: from)!, new) }
    return isMoved
  }

  func setBoot(_ id: String) throws(JournalError) {
    try write("the boot is \(id)") { () throws(JournalError) in
      if boot?.id == id { return }
      boot = (id, unfinished().first?.number ?? Int64(rows.count + 1))
    }
  }

  func ingested(hotFolder: String, directory: RelativePath) -> [FileName: [IngestedRecord]] {
    var found: [FileName: [IngestedRecord]] = [:]
    for row in rows.values.sorted(by: { $0.record.number > $1.record.number })
    where row.record.hotFolder == hotFolder
      && (row.state == .committing || row.state == .done || row.record.publishedFrames > 0)
    {
      for frame in row.frames
      where frame.source.parent == directory && frame.outcome != Journal.undone {
        found[frame.source.name!, default: []].append(
          IngestedRecord(
            inode: frame.inode, birth: frame.birth, size: frame.size, modified: frame.modified,
            changed: frame.changed, job: row.record.id, digest: frame.digest,
            destination: frame.destination, state: row.record.state, outcome: frame.outcome))
      }
    }
    return found
  }

  // MARK: Tombstones and values

  func tombstones() -> [TombstoneRecord] { stones }

  func add(_ tombstone: TombstoneRecord) throws(JournalError) {
    try write("a tombstone of \(tombstone.job.suffix(4))") { () throws(JournalError) in
      lay(tombstone)
    }
  }

  private func lay(_ stone: TombstoneRecord) {
    stones.removeAll {
      $0.hotFolder == stone.hotFolder && $0.directory == stone.directory
        && $0.pattern == stone.pattern && $0.job == stone.job
    }
    stones.append(stone)
  }

  func removeTombstones(of id: String) throws(JournalError) {
    try write("no tombstone of \(id.suffix(4))") { () throws(JournalError) in
      stones.removeAll { $0.job == id }
    }
  }

  func value(for key: String) -> Data? { values[key] }

  func setValue(_ value: Data?, for key: String) throws(JournalError) {
    try write("'\(key)'") { () throws(JournalError) in values[key] = value }
  }

  // MARK: Undo

  func beginUndo(
    of id: String, settings: Data, claims names: [DestinationClaim], reason: Data, note: String,
    at: Date
  ) throws(JournalError) -> Bool {
    try write("\(id.suffix(4)) is to be undone") { () throws(JournalError) in
      if undosUnderWay[id] != nil { return false }
      let taken = names.filter { claims[$0].map { rows[$0]?.state == .held } ?? false }
      try take(names.filter { !taken.contains($0) }, for: id)
      for claim in taken { claims[claim] = id }
      undosUnderWay[id] = UndoRecord(job: id, settings: settings, isSecured: false)
      rows[id]!.record.reason = reason
      return true
    }
  }

  func setSecured(_ id: String) throws(JournalError) {
    try write("the sources of \(id.suffix(4)) are secured") { () throws(JournalError) in
      undosUnderWay[id]?.isSecured = true
    }
  }

  func endUndo(of id: String, _ outcome: UndoOutcome, at: Date) throws(JournalError) {
    try change(id, "\(id.suffix(4)): \(outcome.notes.joined(separator: "; "))") {
      for ordinal in outcome.undone { $0.frames[ordinal].outcome = Journal.undone }
      for (ordinal, why) in outcome.kept { $0.frames[ordinal].outcome = why }
      $0.record.reason = outcome.reason
      $0.record.publishedFrames = max(0, $0.record.publishedFrames - outcome.undone.count)
      $0.notes += outcome.notes
    }
    claims = claims.filter { $0.value != id }
    undosUnderWay[id] = nil
    if !outcome.tombstones.isEmpty {
      stones.removeAll { $0.job == id }
      for stone in outcome.tombstones { lay(stone) }
    }
  }

  func undos() -> [UndoRecord] {
    undosUnderWay.values.sorted {
      rows[$0.job]!.record.number < rows[$1.job]!.record.number
    }
  }

  func made(by id: String) -> [MadeDirectoryRecord] { rows[id]?.made ?? [] }

  func otherDelivery(of files: [(InodeKey, RelativePath)], besides id: String) -> String? {
    for row in rows.values.sorted(by: { $0.record.number < $1.record.number })
    where row.record.id != id && row.state != .cancelled {
      for (ordinal, key) in row.staged where row.frames[ordinal].outcome != Journal.undone {
        let destination = row.frames[ordinal].destination
        if files.contains(where: { $0.0 == key && $0.1 == destination }) { return row.record.id }
      }
    }
    return nil
  }
}
