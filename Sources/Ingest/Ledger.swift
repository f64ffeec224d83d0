import Foundation
import Journal
import Paths

/// What the steps of jobs read and write of the journal: the one on the disk, or that of a simulation. Each is as
/// `Journal` has it.
package protocol Ledger: Sendable {
  @discardableResult
  func insert(
    _ job: JobRecord, frames: [FrameRecord], claims: [DestinationClaim], at: Date?,
    cancelReceipt: Data?
  ) async throws(JournalError) -> Int64
  func transition(
    _ id: String, from: Set<String>, to: String, reason: Data?, note: String?, at: Date,
    claiming claims: [DestinationClaim], tombstones: [TombstoneRecord], cancelReceipt: Data?
  ) async throws(JournalError) -> Bool
  func amend(reason: Data, note: String, of id: String, at: Date) async throws(JournalError)
  func note(_ text: String, on id: String, at: Date) async throws(JournalError)
  func setOver(_ over: String?, of id: String) async throws(JournalError)
  func update(_ progress: JobProgress, of id: String, made: [MadeDirectoryRecord])
    async throws(JournalError)
  func record(receipts: [ReceiptRecord], of id: String, progress: JobProgress?)
    async throws(JournalError)
  func forgetReceipts(of id: String, ordinals: [Int]?) async throws(JournalError)
  func markFrames(
    _ outcomes: [(ordinal: Int, outcome: String)], of id: String, progress: JobProgress?
  ) async throws(JournalError)
  func setDurable(_ id: String) async throws(JournalError)

  func job(_ id: String) async throws(JournalError) -> JobRecord?
  func frames(of id: String) async throws(JournalError) -> [FrameRecord]
  func unfinished() async throws(JournalError) -> [JobRecord]
  func undurable() async throws(JournalError) -> [JobRecord]
  func ended(beforeBoot boot: String) async throws(JournalError) -> [JobRecord]
  func reopen(
    _ id: String, from: String, to state: String, claims: [DestinationClaim],
    seizingFrom states: Set<String>, note: String, at: Date
  ) async throws(JournalError) -> Bool
  func setBoot(_ boot: String) async throws(JournalError)

  func ingested(hotFolder: String, directory: RelativePath)
    async throws(JournalError) -> [FileName: [IngestedRecord]]
  func tombstones() async throws(JournalError) -> [TombstoneRecord]
  func add(_ tombstone: TombstoneRecord) async throws(JournalError)
  func value(for key: String) async throws(JournalError) -> Data?
  func setValue(_ value: Data?, for key: String) async throws(JournalError)

  func beginUndo(
    of id: String, settings: Data, claims: [DestinationClaim], reason: Data, note: String, at: Date
  ) async throws(JournalError) -> Bool
  func setSecured(_ id: String) async throws(JournalError)
  func endUndo(of id: String, _ outcome: UndoOutcome, at: Date) async throws(JournalError)
  func undos() async throws(JournalError) -> [UndoRecord]
  func made(by id: String) async throws(JournalError) -> [MadeDirectoryRecord]
  func otherDelivery(of files: [(InodeKey, RelativePath)], besides id: String)
    async throws(JournalError) -> String?
}

extension Journal: Ledger {}
