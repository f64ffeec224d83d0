import Foundation
import Journal
import ReadModel
import Transfer

extension Engine {
  func apply(_ event: Event) {
    count(event)
    let effects = runner.intake.handle(event, at: now())
    runner.tellArrivals(event, effects)
    for effect in effects {
      if let order = runner.order(for: effect) { carryOut(order) } else { carryOut(effect) }
    }
    switch event {
    case .aborted(let id), .finished(let id, _):
      cancelRows[id] = nil
      rows[id] = nil
    default: break
    }
    bell.ring { $0.memory = true }
  }

  private func carryOut(_ order: Order) {
    switch order {
    case .step(let step): chain(step.job, step.run)
    case .row(let step):
      chain(step.job, step.run)
      rows[step.job] = chains[step.job]?.task
    case .abort(let job, let reason, let commitUnderWay): abort(job, reason, commitUnderWay)
    }
  }

  /// What is no job's step.
  private func carryOut(_ effect: Effect) {
    switch effect {
    case .inspect(let key, let change, let wanted):
      looks.append(AskedLook(key: key, change: change, wanted: wanted))
    case .prove(let key, let change, let manifests, let files):
      prove(key, asOf: change, manifests, files)
    case .stopProof(let key): proofs.removeValue(forKey: key)?.raise()
    case .chooseVersion(let job, let question): chooseVersion(for: job, question)
    case .regainJournalRoom: regainJournalRoom()
    case .tell(let waiting, let reason, let isHeld): tell(waiting, reason, isHeld)
    case .leave(let root): leave(root)
    case .seek: seek()
    case .rescan(let place): watcher.rescan(place)
    default: break
    }
  }

  /// The flag is up already; the row is written while the writers wind down.
  private func abort(_ job: Job, _ reason: Reason, _ commitUnderWay: Bool) {
    let cancelRow = runner.cancelRow(of: job, reason)
    let earlier = rows[job.id]
    let row = Task { () -> Bool in
      // One that is new, or was held or failed a moment ago, says in its row what it is until then.
      await earlier?.value
      do { return try await runner.write(cancelRow) } catch {
        fail(error)
        return false
      }
    }
    cancelRows[job.id] = row
    chain(job.id) {
      try await $0.end(job, commitUnderWay: commitUnderWay, isFirst: { await row.value })
    }
  }
}
