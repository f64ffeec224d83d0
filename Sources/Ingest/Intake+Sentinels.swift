import Foundation
import Paths
import ReadModel
import Sequences
import Watching

extension Intake {
  mutating func sentinelSeen(
    _ place: Place, _ sentinel: Sentinel, _ now: Moment, _ effects: inout [Effect]
  ) {
    for scope in unconfirmedHolds.keys { unconfirmedHolds[scope]?.remove(place) }
    guard !place.isOurs, holds[place] == nil else { return }
    holds[place] = sentinel
    let reason = Reason(
      .sentinel, "cancelled by \(shown(absolute(place)))", path: absolute(place), at: now.wall)
    cancelCovered(by: place, sentinel, reason, now, &effects)
  }

  /// Cancels what a sentinel means, whether it is known from an event or was met at a commit.
  mutating func cancelCovered(
    by place: Place, _ sentinel: Sentinel, _ reason: Reason, _ now: Moment,
    _ effects: inout [Effect]
  ) {
    for job in jobs.values where covers(place, sentinel, job) {
      if job.state == .committing {
        effects.append(.note(job.id, "\(place.path) came too late: already being published"))
      } else if job.state.takesCancel {
        cancel(job.id, reason, &effects)
      }
    }
    for arrival in Array(arrivals.values) where covers(place, sentinel, arrival.key) {
      remove(arrival, reason, answer: .onHold(sentinel: place), &effects)
    }
  }

  /// Takes an arrival that did not become a job out of the queue's sight, with an answer for each of its files.
  mutating func remove(
    _ arrival: Arrival, _ reason: Reason, answer: Answer, _ effects: inout [Effect]
  ) {
    arrivals[arrival.key] = nil
    for name in arrival.files.keys {
      directories[arrival.key.directory]?.files[name] = answer
    }
    if case .cancelled = answer { cancelledKeys.insert(arrival.key) }
    if arrival.key.rule != nil { effects.append(.recordCancelled(waitingJob(arrival), reason)) }
  }

  /// What a sentinel held is eligible again once it is gone.
  mutating func sentinelGone(_ place: Place, _ now: Moment, _ effects: inout [Effect]) {
    guard holds.removeValue(forKey: place) != nil else { return }
    var released: [Place] = []
    for (directory, contents) in directories
    where directory.root == place.root && directory.path.isAtOrBelow(place.path.parent) {
      for (name, answer) in contents.files {
        if case .onHold(let sentinel) = answer, sentinel == place {
          released.append(Place(root: directory.root, path: directory.path.appending(name)))
        }
      }
    }
    for file in released {
      answer(file, nil)
      seen(file, .found, now, &effects)
    }
  }

  /// The sentinel that keeps a file from starting, if one stands.
  func hold(over key: Arrival.Key) -> Place? {
    if holds.isEmpty { return nil }
    return holds.first { covers($0.key, $0.value, key) }?.key
  }

  func covers(_ place: Place, _ sentinel: Sentinel, _ key: Arrival.Key) -> Bool {
    guard place.root == key.directory.root else { return false }
    switch sentinel {
    case .tree: return key.directory.path.isAtOrBelow(place.path.parent)
    case .stem:
      return key.directory.path == place.path.parent
        && sentinel.covers(head: key.head, isSingleFile: !key.hasSlot)
    }
  }

  func covers(_ place: Place, _ sentinel: Sentinel, _ job: Job) -> Bool {
    guard place.root == job.hotFolder else { return false }
    let scope = place.path.parent
    switch sentinel {
    case .tree: return job.plan.files.contains { $0.source.isAtOrBelow(scope) }
    case .stem:
      return job.members.contains { member in
        job.plan.files[member.files].first?.source.parent == scope
          && sentinel.covers(head: member.head, isSingleFile: member.isSingleFile)
      }
    }
  }

  func waitingJob(_ arrival: Arrival) -> WaitingJob {
    WaitingJob(
      id: arrival.job, hotFolder: arrival.key.directory.root,
      rule: arrival.key.rule.map { rules.rules[$0].name },
      source: label(arrival), directory: arrival.key.directory, head: arrival.key.head,
      names: Array(arrival.files.keys), firstSeen: arrival.firstSeen)
  }

  /// How an arrival is shown; its numbers are those of the slot, whatever their padding.
  public func label(_ arrival: Arrival) -> SequenceView {
    let directory = ExactText(absolute(arrival.key.directory))
    guard arrival.key.hasSlot else {
      return SequenceView(directory: directory, pattern: ExactText(arrival.key.head), frames: nil)
    }
    var numbers: [Int] = []
    var width = 1
    for name in arrival.files.keys {
      let digits = name.bytes[arrival.key.head.count..<(name.bytes.count - arrival.key.tail.count)]
      width = max(width, digits.count)
      if let number = Int(String(decoding: digits, as: UTF8.self)) { numbers.append(number) }
    }
    let hashes = width == 4 ? "#" : String(repeating: "@", count: width)
    return SequenceView(
      directory: directory,
      pattern: ExactText(arrival.key.head + Array(hashes.utf8) + arrival.key.tail),
      frames: FrameSet(numbers.sorted()).description)
  }
}
