import Foundation
import Paths
import ReadModel
import Watching

extension Intake {
  /// What is held or failed has another turn: with its plan if its sources are what they were, else as a new arrival.
  mutating func retry(
    _ id: JobID, changed: RelativePath?, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let job = jobs[id] else {
      // What has no plan yet is judged anew.
      if let arrival = arrivals.values.first(where: { $0.job == id }), arrival.isAtRest {
        settleAgain(arrival.key, now)
      }
      return
    }
    guard job.state == .held || job.state == .failed, !job.isBeingSetAside else { return }
    guard let changed else {
      jobs[id]?.state = .queued
      jobs[id]?.reason = nil
      jobs[id]?.over = nil
      queue.append(id)
      unstarted.insert(id)
      return effects.append(.retry(id))
    }
    let reason = Reason(
      .sourceChanged, "\(changed) is not what it was; what lies there is a new arrival",
      path: absolute(Place(root: job.hotFolder, path: changed)), at: now.wall)
    if job.state == .held {
      cancel(id, reason, &effects)
    } else {
      // It has ended already.
      release(id, now, &effects)
      effects.append(.amend(id, reason))
    }
  }

  /// What a cancel or an undo by hand kept out is an arrival again.
  mutating func revived(_ id: JobID, _ now: Moment, _ effects: inout [Effect]) {
    var places: [Place] = []
    for (directory, contents) in directories {
      for (name, answer) in contents.files {
        guard case .cancelled(id) = answer else { continue }
        places.append(Place(root: directory.root, path: directory.path.appending(name)))
      }
    }
    for place in places {
      answer(place, nil)
      seen(place, .found, now, &effects)
    }
  }
}
