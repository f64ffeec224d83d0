import Foundation
import Paths
import ReadModel
import Watching

/// Hot folders that are not there for the moment: nothing in them was removed, so nothing is cancelled for its absence.
extension Intake {
  /// A hot folder's volume is gone: its arrivals and jobs stay what they are until it is back.
  mutating func away(_ root: Int, _ why: String, _ now: Moment, _ effects: inout [Effect]) {
    let isNews = offline.updateValue(why, forKey: root) == nil
    let place = Place(root: root, path: .root)
    troubles[place] = why
    guard isNews else { return }
    seekAt = seekAt ?? now.uptime + limits.seek
    lookedAt.remove(root)
    limited[root] = nil
    pollAt[root] = nil
    untold = untold.filter { $0.key.root != root }
    unconfirmedHolds = unconfirmedHolds.filter { $0.key.root != root }
    leaving = leaving.filter { $0.root != root }
    // What a watch that still stands tells from here on means nothing.
    effects.append(.leave(root))
    let reason = offlineReason(root, now)
    for job in jobs.values where job.hotFolder == root && job.over != .offline {
      switch job.state {
      case .queued where drafts[job.id] == nil: overlay(job.id, .offline, reason, &effects)
      // What ends it finds the hot folder away, and pauses it.
      case .staging, .staged: effects.append(.stop(job.id))
      default: break
      }
    }
  }

  /// It is there again and about to be watched: all of it will be told, and what is not told then is gone.
  mutating func back(_ root: Int, _ now: Moment, _ effects: inout [Effect]) {
    guard offline.removeValue(forKey: root) != nil else { return }
    let place = Place(root: root, path: .root)
    troubles[place] = nil
    untold[place] = known(below: place)
    unconfirmedHolds[place] = Set(holds.keys.filter { $0.root == root })
    if offline.isEmpty { seekAt = nil }
    for job in jobs.values
    where job.hotFolder == root && job.over == .offline && paused[job.id] == nil {
      overlay(job.id, nil, nil, &effects)
    }
  }

  /// Mounts came or went somewhere: whoever waits for one looks now.
  mutating func mountsChanged(_ now: Moment, _ effects: inout [Effect]) {
    effects.append(.seek)
    for id in paused.keys where jobs[id]?.over == .offline { paused[id] = now.uptime }
  }

  func offlineReason(_ root: Int, _ now: Moment) -> Reason {
    let path = absolute(Place(root: root, path: .root))
    return Reason(
      .offline, "\(shown(path)) \(offline[root] ?? "is not there")", path: path, at: now.wall)
  }

  mutating func seekIfDue(_ now: Moment, _ effects: inout [Effect]) {
    guard let at = seekAt, at <= now.uptime else { return }
    seekAt = now.uptime + limits.seek
    effects.append(.seek)
  }

  mutating func overlay(
    _ id: JobID, _ over: JobOverlay?, _ reason: Reason?, _ effects: inout [Effect]
  ) {
    guard jobs[id]?.over != over else { return }
    jobs[id]?.over = over
    jobs[id]?.reason = reason
    effects.append(.overlay(id, over, reason))
  }

  /// Whether a place is the file by which a volume is known.
  func isMarker(_ place: Place) -> Bool {
    guard let marker = hotFolders[place.root].marker else { return false }
    return absolute(place) == Array(marker.utf8)
  }
}

extension WatchEvent {
  /// The root that it speaks of; nil where it speaks of none.
  var root: Int? {
    switch self {
    case .file(let place, _), .fileRemoved(let place), .fileMoved(let place, _),
      .directoryAppeared(let place), .directoryRemoved(let place), .directoryMoved(let place, _),
      .leaving(let place), .special(let place, _), .unmounted(let place),
      .unreadable(let place, _), .duplicate(let place, _), .rescanning(let place, _),
      .walked(let place):
      place.root
    case .mountsChanged: nil
    }
  }
}
