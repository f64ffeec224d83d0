import Foundation
import Journal
import Paths
import ReadModel
import Transfer
import Watching

extension Engine {
  /// What an earlier run left: its claims in the hot folders put back, its unfinished jobs as events.
  func recover() async throws -> [Event] {
    for hotFolder in configuration.hotFolders {
      for back in try await transfer.putBack(hotFolder.path) {
        let note =
          back.aside.map { "lies at \($0): a newer file has its name" } ?? "has its name again"
        log.notice("\(back.source) \(note)")
      }
    }
    var events: [Event] = []
    for record in try await journal.unfinished() {
      let frames = try await journal.frames(of: record.id)
      guard let job = try Job(record, frames: frames, hotFolders: configuration.hotFolders) else {
        log.warning(
          "job \(record.id) is unfinished and its hot folder \(record.hotFolder) is not configured now"
        )
        continue
      }
      inserted.insert(job.id)
      // It may be held for another's names; its own are no clash.
      if job.state == .held { withoutClaims.insert(job.id) }
      let earlier = try frames.compactMap { frame in
        try frame.receipt.map { try JSON.decode(Receipt.self, from: Array($0)) }
      }
      if job.state == .committing {
        // Past the commit every frame counts: what another boot made doubtful is proven by its digest.
        receipts[job.id] = try await transfer.recheck(job.plan, earlier)
      } else {
        receipts[job.id] = earlier
      }
      log.info("taken up again in state \(job.state.rawValue)", metadata: metadata(job))
      events.append(.recovered(job))
    }
    return events
  }
}
