import Foundation
import Glibc
import Synchronization

/// How long a cancelled job leaves traces: from the event until its staging is gone.
///
/// Only jobs that have staging at that moment count, and only where one daemon lived through all of it.
final class SoakStopwatch: Sendable {
  struct Times: Sendable {
    var count = 0
    var slowest = Duration.zero
    var slowestKind = ""
  }

  private struct Running {
    let kind: String
    let staging: String
    let since: ContinuousClock.Instant
    let life: Int
  }

  private struct State {
    var running: [Running] = []
    var times = Times()
  }

  private let state = Mutex(State())
  private let stopping = StopSign()
  private let keeper: SoakKeeper

  init(_ keeper: SoakKeeper) {
    self.keeper = keeper
    Thread.detachNewThread { [self] in
      while !stopping.isUp {
        look()
        usleep(2000)
      }
    }
  }

  var times: Times { state.withLock { $0.times } }
  func stop() { stopping.raise() }

  /// Right before the event.
  ///
  /// - Parameter staging: the path of the job's staging.
  func start(_ kind: String, _ staging: String) {
    let life = keeper.life
    guard life.isReady else { return }
    state.withLock {
      $0.running.append(Running(kind: kind, staging: staging, since: .now, life: life.number))
    }
  }

  /// The event did not come about.
  func forget(_ kind: String) { state.withLock { $0.running.removeAll { $0.kind == kind } } }

  private func look() {
    let life = keeper.life
    state.withLock { state in
      state.running.removeAll { one in
        if one.life != life.number || !life.isReady { return true }
        if access(one.staging, F_OK) == 0 { return false }
        let took = ContinuousClock.now - one.since
        state.times.count += 1
        if took > state.times.slowest {
          state.times.slowest = took
          state.times.slowestKind = one.kind
        }
        return true
      }
    }
  }
}
