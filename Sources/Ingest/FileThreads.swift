import Dispatch
import Synchronization

/// Threads for file calls that may block: never Swift's cooperative ones, of which there are as many as cores.
final class FileThreads: Sendable {
  /// Few, so that a burst of looks does not use up the descriptors.
  private let queues = (0..<4).map { DispatchQueue(label: "hotplate.files.\($0)") }
  private let next = Atomic<Int>(0)

  func run<T: Sendable>(_ work: @escaping @Sendable () -> T) async -> T {
    let queue = queues[next.wrappingAdd(1, ordering: .relaxed).oldValue % queues.count]
    return await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: work()) }
    }
  }
}
