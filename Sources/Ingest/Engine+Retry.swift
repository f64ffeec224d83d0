import Files
import Foundation
import Journal
import Paths
import ReadModel
import Transfer

extension Engine {
  public func retry(job id: String, by: String) async throws -> RequestAnswer {
    guard let view = try await job(id)?.job else { return .unknown }
    if intake.arrivals.values.contains(where: { $0.job == id }) {
      guard view.state == .held else { return .refused(view, "it waits: nothing has failed yet") }
      inbox.post(.retry(id, changed: nil))
      return .accepted(try await job(id)?.job ?? view)
    }
    switch view.state {
    case .held, .failed: return try await tryAgain(id, view, by)
    case .cancelled, .done: return try await revive(id, view, by)
    case .cancelling: return .refused(view, "it is being cancelled: ask again when it is cancelled")
    case .waiting, .queued, .staging, .staged, .committing:
      return .refused(view, "it is \(view.state.rawValue): it is under way")
    }
  }

  private func tryAgain(_ id: JobID, _ view: JobView, _ by: String) async throws -> RequestAnswer {
    guard let job = intake.jobs[id] else {
      return .refused(
        view, "what it took was let go since: what lies there has another job, or is an arrival")
    }
    let changed: RelativePath?
    do throws(SystemError) {
      changed = try await runner.inspector.changedSource(Set(job.plan.files.map(\.source)), of: job)
    } catch {
      return .refused(view, "its sources cannot be looked at: \(error)")
    }
    try await journal.note("to be tried again, by \(by)", on: id, at: Date())
    apply(.retry(id, changed: changed))
    // The loop sets its timer after each event of its own.
    inbox.post(.tick)
    await rows[id]?.value
    // One that is not what it was is cancelled, for what lies there to come anew.
    _ = await cancelRows[id]?.value
    return .accepted(try await self.job(id)?.job ?? view)
  }

  private func revive(_ id: JobID, _ view: JobView, _ by: String) async throws -> RequestAnswer {
    if intake.jobs[id] != nil { return .refused(view, "it is being undone: ask again after that") }
    let note = "what it took may be taken again, by \(by)"
    if try await journal.removeTombstones(of: id, note: note, at: Date()) {
      inbox.post(.revived(id))
      return .accepted(try await job(id)?.job ?? view)
    }
    return .refused(view, whyNot(view))
  }

  private func whyNot(_ view: JobView) -> String {
    switch (view.state, view.reason?.code) {
    case (_, .user?), (_, .undone?), (_, .undoneInPart?):
      return "it has been tried again already"
    case (.done, _): return "it is done: 'hotplate undo' takes it back"
    case (_, .sentinel?):
      let path = view.reason?.path.map { shown($0.bytes) } ?? "the sentinel"
      return "remove \(path): what lies there is taken then"
    default:
      return
        "nothing keeps what it took from being taken again: what lies there has another job, or is an arrival"
    }
  }
}
