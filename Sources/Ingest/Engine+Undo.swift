import Foundation
import Journal
import ReadModel

extension Engine {
  public func undo(job id: String, by: String) async throws -> RequestAnswer {
    // The row says `done` a moment before the job has let go.
    await chains[id]?.task.value
    guard let view = try await job(id)?.job else { return .unknown }
    if view.reason?.code == .undoing { return .accepted(view) }
    guard view.state == .done else {
      return .refused(view, "it is \(view.state.rawValue): only what is done can be undone")
    }
    if let why = try await runner.beginUndo(of: id, by: by) { return .refused(view, why) }
    return .accepted(try await self.job(id)?.job ?? view)
  }
}
