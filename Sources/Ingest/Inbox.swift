import Synchronization

/// The engine's one queue of events, from any thread.
///
/// Bounded: what the watcher adds beyond the bound is dropped and becomes one `eventsLost`, which lists every hot
/// folder again. Everything else (a job's outcome, a cancel) is few and never dropped.
final class Inbox: Sendable {
  private struct State {
    var urgent: [Event] = []
    var events: [Event] = []
    var lost = false
    var isClosed = false
    var waiter: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())
  private let bound: Int

  init(bound: Int = 1_000_000) { self.bound = bound }

  func post(_ event: Event) {
    wake { $0.events.append(event) }
  }

  /// - Parameter urgent: taken before everything that waits.
  func post(watched events: [Event], urgent: [Event]) {
    wake { state in
      state.urgent.append(contentsOf: urgent)
      if state.events.count + events.count > bound {
        state.lost = true
      } else {
        state.events.append(contentsOf: events)
      }
    }
  }

  func close() { wake { $0.isClosed = true } }

  /// How many wait.
  var count: Int { state.withLock { $0.urgent.count + $0.events.count } }

  /// All that waits, urgent first; waits for something if nothing does. Empty once closed.
  func take() async -> [Event] {
    while true {
      let taken: [Event]? = state.withLock { state in
        var result = state.urgent
        result.append(contentsOf: state.events)
        if state.lost { result.append(.eventsLost) }
        state.urgent = []
        state.events = []
        state.lost = false
        return result.isEmpty && !state.isClosed ? nil : result
      }
      if let taken { return taken }
      await withCheckedContinuation { continuation in
        let isReady = state.withLock { state in
          if state.urgent.isEmpty, state.events.isEmpty, !state.lost, !state.isClosed {
            state.waiter = continuation
            return false
          }
          return true
        }
        if isReady { continuation.resume() }
      }
    }
  }

  private func wake(_ change: (inout State) -> Void) {
    let waiter = state.withLock { state in
      change(&state)
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }
}
