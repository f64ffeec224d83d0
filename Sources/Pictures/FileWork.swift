import Dispatch

/// Threads for calls that may block: never Swift's cooperative ones, of which there are as many as cores.
///
/// Not cancellable: what is begun here ends.
struct FileWork: Sendable {
  private let queue = DispatchQueue(label: "hotplate.pictures", attributes: .concurrent)

  func run<T: Sendable, Failure: Error>(_ work: @escaping @Sendable () throws(Failure) -> T)
    async throws(Failure) -> T
  {
    let result: Result<T, Failure> = await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: Result { () throws(Failure) in try work() }) }
    }
    return try result.get()
  }
}
