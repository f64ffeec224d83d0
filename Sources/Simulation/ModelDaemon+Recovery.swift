import Files
import Foundation
import Ingest
import Journal
import Paths
import ReadModel
import Rules
import Transfer
import Watching

extension ModelDaemon {
  func recover() async throws {
    for root in Set(hotFolders.flatMap(\.roots.values)).sorted() {
      try acceptIfMounted(.destination(root), at: root)
    }
    let boot = try currentBootID()
    try await afterPowerCut(boot)
    var events: [Event] = []
    for row in journal.unfinished {
      var job = row.job
      job.restore(row.state, row.reason)
      inserted.insert(job.id)
      if job.state == .held { withoutClaims.insert(job.id) }
      let earlier = row.receipts.values.sorted { $0.index < $1.index }
      receipts[job.id] = earlier
      stagedOn[job.id] = earlier.first?.mount
      if job.state == .committing, earlier.contains(where: { $0.isDoubtful(under: boot) }) {
        unproven.insert(job.id)
      }
      say("  taken up again in state \(row.state): \(job.id.suffix(4))")
      events.append(.recovered(job))
    }
    for row in journal.undurable where !journal.hasFailedSync(row.job.id) {
      let all = row.receipts.values.sorted { $0.index < $1.index }
      if !all.contains(where: { $0.isDoubtful(under: boot) }) { syncLater(row.job, all) }
    }
    for event in events { apply(event) }
    try acceptIfMounted(.hotFolder(0), at: hotFolders[0].path)
    if let why = presence.absence(of: .hotFolder(0)) { return apply(.away(0, why)) }
    for back in try await transfer.putBack(hotFolders[0].path) { say("  put back: \(back)") }
    try presence.accept(.hotFolder(0))
    watch(true)
  }

  func acceptIfMounted(_ place: Presence.Place, at path: String) throws {
    let wasMounted = journal.mounted.contains(path)
    let isMounted = try presence.acceptIfMounted(place, wasMounted: wasMounted)
    if presence.absence(of: place) == nil, wasMounted != isMounted {
      try journal.setMounted(path, isMounted)
    }
  }

  func seek() async {
    guard let why = presence.absence(of: .hotFolder(0)) else {
      guard intake.offline[0] != nil else { return }
      do {
        try presence.accept(.hotFolder(0))
        for back in try await transfer.putBack(hotFolders[0].path) { say("  put back: \(back)") }
      } catch {
        return post(.away(0, "\(error)"))
      }
      apply(.back(0))
      watch(true)
      return
    }
    if intake.offline[0] == nil { post(.away(0, why)) }
  }

  func mayTryAgain(_ job: Job) -> Bool {
    removalTries[job.id, default: 0] += 1
    return removalTries[job.id]! <= 3
  }

  func syncLater(_ job: Job, _ all: [Receipt]) {
    syncs.append(
      Work(name: "sync \(job.id.suffix(4))") {
        let durable = try? await self.transfer.sync(job.plan, all)
        if durable?.count == all.count { try self.journal.setDurable(job.id) }
      })
  }

  func afterPowerCut(_ boot: String) async throws {
    var isComplete = true
    for row in journal.ended(beforeBoot: boot) {
      let all = row.receipts.values.sorted { $0.index < $1.index }
      if row.state == .done, !row.isDurable, try reopen(row.job) { continue }
      do throws(TransferError) {
        _ = try await transfer.discard(
          pinned(row.job).plan, evenOnlyCopies: row.state == .cancelled, replacedBy: all,
          durably: true)
      } catch {
        say("  staging cannot be removed: \(error)")
        reported.insert(row.job.id)
        isComplete = false
      }
    }
    if isComplete { try journal.setBoot(boot) }
  }

  func reopen(_ job: Job) throws -> Bool {
    do {
      return try journal.transition(job.id, from: [.done], to: .committing, claiming: true)
    } catch is ModelJournal.Claimed {
      return false
    }
  }

  func prove(_ job: Job) async throws {
    let earlier = receipts[job.id] ?? []
    var proven = try await transfer.recheck(job.plan, earlier)
    if proven.count < earlier.count {
      do throws(TransferError) {
        proven = try await transfer.stage(job.plan, keeping: proven)
      } catch {
        guard error.isOfTheSource else { throw error }
        say("    what did not survive cannot be staged again: \(error)")
        receipts[job.id] = proven
        return
      }
    }
    try journal.record(proven, of: job.id)
    receipts[job.id] = proven
    unproven.remove(job.id)
  }
}
