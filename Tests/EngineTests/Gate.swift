import Dispatch
import Synchronization
import TestSupport

/// Holds whoever comes to it until it is opened, on a thread or in a task, and tells that somebody came.
final class Gate: Sendable {
  private struct State {
    var isReached = false
    var isOpen = false
    var waiters: [@Sendable () -> Void] = []
  }
  private let state = Mutex(State())

  var isReached: Bool { state.withLock { $0.isReached } }

  func reached(_ what: String) async throws {
    try await awaitState("the job to be held \(what)", within: .seconds(20)) { isReached }
  }

  /// Blocks the thread.
  func passOnThread() {
    let opened = DispatchSemaphore(value: 0)
    if wait({ opened.signal() }) { opened.wait() }
  }

  func pass() async {
    await withCheckedContinuation { continuation in
      if !wait({ continuation.resume() }) { continuation.resume() }
    }
  }

  func open() {
    let waiters = state.withLock { state in
      state.isOpen = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter() }
  }

  private func wait(_ waiter: @escaping @Sendable () -> Void) -> Bool {
    state.withLock { state in
      state.isReached = true
      if state.isOpen { return false }
      state.waiters.append(waiter)
      return true
    }
  }
}
