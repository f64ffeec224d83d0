import Foundation
import Paths
import ReadModel
import Watching

/// A done job that is being undone is a job again, in its state `done`, until that is over: what happens to its sources
/// meanwhile, by us or by others, is looked at then.
extension Intake {
  mutating func undo(_ job: Job, _ effects: inout [Effect]) {
    if let known = jobs[job.id] {
      // It could not go on a moment ago.
      if known.state == .done { effects.append(.undo(job.id)) }
      return
    }
    jobs[job.id] = job
    for file in job.plan.files {
      let place = Place(root: job.hotFolder, path: file.source)
      switch directories[place.parent]?.files[file.source.name!] {
      case .done(job.id)?, .cancelled(job.id)?: answer(place, .job(job.id))
      // A moved source comes back: it is no arrival.
      case nil: if job.plan.isMove { answer(place, .job(job.id)) }
      default: break
      }
    }
    effects.append(.undo(job.id))
  }

  mutating func undone(
    _ id: JobID, back: Set<RelativePath>, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let job = jobs.removeValue(forKey: id) else { return }
    for file in job.plan.files {
      let place = Place(root: job.hotFolder, path: file.source)
      guard case .job(id)? = directories[place.parent]?.files[file.source.name!] else { continue }
      answer(place, nil)
      if back.contains(file.source) || job.touched.contains(file.source) {
        // The journal says that it is not taken again by itself; what has changed meanwhile is.
        seen(place, .found, now, &effects)
      } else if !job.plan.isMove {
        answer(place, .done(id))
      }
    }
  }

  /// A source of a job that is being undone went: what that means is looked at when the undo is over.
  mutating func isGoneWhileUndone(_ id: JobID, _ place: Place) {
    jobs[id]?.touched.insert(place.path)
  }
}
