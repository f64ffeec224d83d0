import ReadModel
import Synchronization

/// When each step of a cancel was done, of jobs that are being stopped; marked from any thread.
final class CancelClock: Sendable {
  enum Step: Hashable, Sendable { case seen, stopped, recorded, removed }

  private struct Marks {
    var steps: [Step: ContinuousClock.Instant] = [:]
    var isResumed = false
  }
  private let marks = Mutex<[JobID: Marks]>([:])

  /// The first mark of a step counts: a cancel is as old as its first trigger.
  func mark(_ step: Step, of id: JobID) {
    let now = ContinuousClock.now
    marks.withLock { marks in
      let earlier = marks[id]?.steps[step]
      marks[id, default: Marks()].steps[step] = earlier ?? now
    }
  }

  /// An earlier run of the daemon saw the cancel.
  func resume(_ id: JobID) {
    marks.withLock { $0[id, default: Marks()].isResumed = true }
    mark(.seen, of: id)
  }

  /// What stopped it was no cancel, or it is over.
  func forget(_ id: JobID) { marks.withLock { _ = $0.removeValue(forKey: id) } }

  /// The receipt of a cancel that ends now.
  func receipt(
    of id: JobID, removed: CancelView.Removed, sources: CancelView.Sources?
  ) -> CancelView {
    let now = ContinuousClock.now
    let marks = marks.withLock { $0[id] } ?? Marks()
    let seen = marks.steps[.seen] ?? now
    func seconds(_ step: Step) -> Double? {
      marks.steps[step].map { ($0 - seen) / .seconds(1) }
    }
    return CancelView(
      removed: removed, sources: sources,
      seconds: CancelView.Seconds(
        stopped: seconds(.stopped), recorded: seconds(.recorded), removed: seconds(.removed),
        ended: (now - seen) / .seconds(1)),
      resumed: marks.isResumed)
  }
}
