import Synchronization

/// Gathers what has changed until somebody asks, and wakes who listens. Rung from any thread.
///
/// Costs one lock while nobody listens. What is gathered is bounded: rows of jobs, a few words each.
final class ChangeBell: Sendable {
  struct Marks {
    /// Rows of the journal, by number.
    var rows: Set<Int64> = []
    /// What the reducer holds: arrivals, and what it says of jobs besides their rows.
    var memory = false
    var progress = false
    var rules = false

    var isEmpty: Bool { rows.isEmpty && !memory && !progress && !rules }
  }

  private struct State {
    var isHeard = false
    var marks = Marks()
    var waiter: CheckedContinuation<Void, Never>?

    mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
      defer { waiter = nil }
      return waiter
    }
  }
  private let state = Mutex(State())

  func ring(_ change: (inout Marks) -> Void) {
    let waiter = state.withLock { state in
      guard state.isHeard else { return nil as CheckedContinuation<Void, Never>? }
      change(&state.marks)
      return state.takeWaiter()
    }
    waiter?.resume()
  }

  func listen() { state.withLock { $0.isHeard = true } }

  /// Whoever waits is woken.
  func ignore() {
    let waiter = state.withLock { state in
      state.isHeard = false
      state.marks = Marks()
      return state.takeWaiter()
    }
    waiter?.resume()
  }

  func take() -> Marks {
    state.withLock { state in
      defer { state.marks = Marks() }
      return state.marks
    }
  }

  /// Returns once something is gathered; at once if nobody listens (any more) or the task is cancelled.
  func wait() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isReady = state.withLock { state in
          if !state.isHeard || !state.marks.isEmpty || Task.isCancelled { return true }
          precondition(state.waiter == nil, "two listeners")
          state.waiter = continuation
          return false
        }
        if isReady { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.takeWaiter() }?.resume()
    }
  }
}
