import Synchronization
import Transfer

/// Bytes and frames done of the jobs under way, written by the threads that copy.
final class ProgressBoard: Sendable {
  struct Progress: Sendable {
    var bytes = 0
    var frames = 0
    /// For each file of the plan whether it is staged; files beyond the end are not.
    var staged: [Bool] = []
    /// Bytes a second over the last seconds; nil before there were two looks at it.
    var rate: Double?
  }

  private struct Entry {
    var progress = Progress()
    var samples: [Sample] = []

    mutating func add(staged file: Int) {
      let missing = file + 1 - progress.staged.count
      // Doubled: files come one by one.
      if missing > 0 { progress.staged += repeatElement(false, count: max(missing, file)) }
      progress.staged[file] = true
    }

    mutating func set(bytes: Int, frames: Int, at now: ContinuousClock.Instant) {
      progress.bytes = bytes
      progress.frames = frames
      sample(at: now)
    }

    /// Ten samples a second are enough for a rate, and three seconds of them.
    private mutating func sample(at now: ContinuousClock.Instant) {
      if let last = samples.last, last.at + .milliseconds(100) > now { return }
      samples.append(Sample(at: now, bytes: progress.bytes))
      if let old = samples.firstIndex(where: { $0.at + .seconds(3) >= now }) {
        samples.removeFirst(old)
      }
    }

    func progress(at now: ContinuousClock.Instant) -> Progress {
      var progress = progress
      // A copy that stands still has no rate, whatever it had.
      guard let last = samples.last else { return progress }
      guard last.at + .seconds(3) >= now else {
        progress.rate = 0
        return progress
      }
      let first = samples.first { $0.at + .seconds(3) >= now } ?? last
      let seconds = (now - first.at) / .seconds(1)
      if seconds >= 0.2 { progress.rate = max(0, Double(progress.bytes - first.bytes) / seconds) }
      return progress
    }
  }

  private struct Sample {
    let at: ContinuousClock.Instant
    let bytes: Int
  }

  private let entries = Mutex<[JobID: Entry]>([:])
  private let bell: ChangeBell

  init(bell: ChangeBell) { self.bell = bell }

  func set(_ id: JobID, bytes: Int, frames: Int) {
    let now = ContinuousClock.now
    entries.withLock { $0[id, default: Entry()].set(bytes: bytes, frames: frames, at: now) }
    bell.ring { $0.progress = true }
  }

  func add(staged file: Int, of id: JobID) {
    entries.withLock { $0[id, default: Entry()].add(staged: file) }
  }

  func clear(_ id: JobID) { entries.withLock { $0[id] = nil } }

  subscript(_ id: JobID) -> Progress? {
    let now = ContinuousClock.now
    return entries.withLock { $0[id]?.progress(at: now) }
  }

  /// Jobs of which something is known.
  var jobs: [JobID] { entries.withLock { Array($0.keys) } }
}
