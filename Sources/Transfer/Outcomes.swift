import Synchronization

/// What the calls of one batch came to, gathered from all threads.
final class Outcomes<Value: Sendable>: Sendable {
  private struct State {
    var values: [(index: Int, value: Value)] = []
    var failure: (index: Int, error: TransferError)?
  }
  private let state = Mutex(State())
  private let failed = Atomic<Bool>(false)

  /// Whether it is useless to begin another call.
  var hasFailed: Bool { failed.load(ordering: .relaxed) }

  func add(_ index: Int, _ value: Value) {
    state.withLock { $0.values.append((index, value)) }
  }

  func fail(_ index: Int, _ error: TransferError) {
    failed.store(true, ordering: .relaxed)
    state.withLock { state in
      if let first = state.failure, first.index <= index { return }
      state.failure = (index, error)
    }
  }

  /// The values in the order of their numbers.
  func result() throws(TransferError) -> [Value] {
    let (values, failure) = state.withLock { ($0.values, $0.failure) }
    if let failure { throw failure.error }
    return values.sorted { $0.index < $1.index }.map(\.value)
  }
}
