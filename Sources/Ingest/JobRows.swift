import Foundation
import Journal
import Paths
import ReadModel
import Transfer

/// How a job is kept in the journal: what its columns do not hold, as JSON in `settings`; its files as frame rows.
struct JobSettings: Codable {
  let actions: [TransferPlan.Action]
  let verify: TransferPlan.Verification
  let durability: TransferPlan.Durability
  let conflict: TransferPlan.ConflictRule
  let sourceRoot: String
  let destinationRoot: String
  let owner: String
  let members: [Member]
  let rules: [JobRule]
}

/// The same for a job that was cancelled before it had a plan.
struct WaitingSettings: Codable {
  let waiting: SequenceView
}

extension Job {
  func record(hotFolder: HotFolder) throws -> JobRecord {
    let settings = JobSettings(
      actions: plan.actions, verify: plan.verify, durability: plan.durability,
      conflict: plan.conflict,
      sourceRoot: plan.sourceRoot, destinationRoot: plan.destinationRoot, owner: plan.owner,
      members: members, rules: rules)
    return JobRecord(
      id: id, state: JobState.queued.rawValue, rule: rule,
      ruleText: rules.map(\.text).joined(separator: "\n"), hotFolder: hotFolder.name,
      settings: Data(try JSON.encode(settings)), expectedFrames: plan.files.count,
      expectedBytes: byteCount,
      created: created)
  }

  var frameRecords: [FrameRecord] {
    plan.files.enumerated().map { ordinal, file in
      FrameRecord(
        ordinal: ordinal, member: members.firstIndex { $0.files.contains(ordinal) } ?? 0,
        source: file.source,
        destination: file.destination, inode: file.snapshot.inode, birth: file.snapshot.birth,
        size: file.snapshot.size, modified: file.snapshot.modified, changed: file.snapshot.changed)
    }
  }

  var claims: [DestinationClaim] {
    plan.files.map { DestinationClaim(root: plan.destinationRoot, path: $0.destination) }
  }

  /// Reads a job back.
  ///
  /// - Returns: nil if its hot folder is none of `hotFolders`, or it never had a plan.
  package init?(_ record: JobRecord, frames: [FrameRecord], hotFolders: [HotFolder]) throws {
    guard let settings = try? JSON.decode(JobSettings.self, from: Array(record.settings)),
      let index = hotFolders.firstIndex(where: {
        $0.name == record.hotFolder && $0.path == settings.sourceRoot
      }),
      let state = JobState(rawValue: record.state)
    else { return nil }
    let files = frames.map {
      PlannedFile(
        source: $0.source,
        snapshot: .init(
          inode: $0.inode, birth: $0.birth, size: $0.size, modified: $0.modified,
          changed: $0.changed),
        destination: $0.destination)
    }
    let plan = TransferPlan(
      id: record.id, actions: settings.actions, verify: settings.verify,
      durability: settings.durability,
      conflict: settings.conflict, files: files, sourceRoot: settings.sourceRoot,
      destinationRoot: settings.destinationRoot, owner: settings.owner)
    self.init(
      id: record.id, hotFolder: index, rules: settings.rules, members: settings.members, plan: plan,
      created: record.created, state: state)
    started = record.started
    reason = try record.reason.map { try JSON.decode(Reason.self, from: Array($0)) }
  }
}

extension Digest {
  /// As the journal keeps it.
  var bytes: [UInt8] {
    [high, low].flatMap { value in withUnsafeBytes(of: value.bigEndian) { Array($0) } }
  }
}

extension Receipt {
  var record: ReceiptRecord {
    get throws {
      return ReceiptRecord(
        ordinal: index, data: Data(try JSON.encode(self)), digest: digest?.bytes ?? [],
        staged: InodeKey(inode: inode, birth: birth))
    }
  }
}

extension Reason {
  package var data: Data {
    // Its parts are strings and numbers: encoding them has nothing to fail on.
    Data((try? JSON.encode(self)) ?? [])
  }
}
