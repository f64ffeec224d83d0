import Dispatch
import Synchronization

/// Threads for file calls that may block: never Swift's cooperative ones, of which there are as many as cores.
package final class FileThreads: Sendable {
  /// None: every call on its caller's thread.
  private let queues: [DispatchQueue]
  private let next = Atomic<Int>(0)

  /// - Parameter count: few, so that a burst of looks does not use up the descriptors.
  package init(count: Int = 4) {
    queues = (0..<count).map { DispatchQueue(label: "hotplate.files.\($0)") }
  }

  package static var onCallersThread: FileThreads { FileThreads(count: 0) }

  package func run<T: Sendable>(_ work: @escaping @Sendable () -> T) async -> T {
    if queues.isEmpty { return work() }
    let queue = queues[next.wrappingAdd(1, ordering: .relaxed).oldValue % queues.count]
    return await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: work()) }
    }
  }
}
