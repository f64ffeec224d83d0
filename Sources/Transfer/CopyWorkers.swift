import Files
import Glibc

/// Threads of its own for calls that block, shared by all jobs.
///
/// Each job's work is a numbered batch; the threads take turns between batches, one number at a time, so a small
/// delivery does not wait for a large one. The queue holds one entry a batch: its bound is the number of jobs.
public final class CopyWorkers: Sendable {
  public let count: Int
  /// Nil for work on the caller's thread.
  private let queue: BatchQueue?

  /// - Parameter count: threads; more than four gain nothing on the disks measured.
  public init(count: Int = min(4, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) {
    self.count = max(1, count)
    let queue = BatchQueue()
    self.queue = queue
    for _ in 0..<self.count {
      let start = Unmanaged.passRetained(queue)
      var thread = pthread_t()
      let status = pthread_create(
        &thread, nil,
        { argument in
          Unmanaged<BatchQueue>.fromOpaque(argument!).takeRetainedValue().work()
          return nil
        }, start.toOpaque())
      precondition(status == 0, "pthread_create: \(Errno(rawValue: status).message)")
      pthread_detach(thread)
    }
  }

  private init(onCallersThread: Void) {
    count = 1
    queue = nil
  }

  /// No threads: each call works on the caller's, number after number. For who must know the order of all calls.
  public static var onCallersThread: CopyWorkers { CopyWorkers(onCallersThread: ()) }

  var hasThreads: Bool { queue != nil }

  deinit { queue?.end() }

  /// Batches that are not done yet.
  var waiting: Int { queue?.count ?? 0 }

  /// Calls `body` with each number below `count`, on the threads, and returns when all calls have.
  func each(_ count: Int, _ body: @escaping @Sendable (Int, Workspace) -> Void) async {
    if count == 0 { return }
    guard let queue else {
      let workspace = Workspace()
      for number in 0..<count { body(number, workspace) }
      return
    }
    await withCheckedContinuation { continuation in
      queue.add(Batch(count: count, body: body) { continuation.resume() })
    }
  }

  /// Calls `body` once on one of the threads.
  func perform<Value: Sendable>(
    _ body: @escaping @Sendable (Workspace) throws(TransferError) -> Value
  ) async throws(TransferError) -> Value {
    try await map(1) { (_, workspace) throws(TransferError) in try body(workspace) }[0]
  }
}

private struct Batch {
  let count: Int
  let body: @Sendable (Int, Workspace) -> Void
  let done: @Sendable () -> Void
  var next = 0
  var finished = 0

  init(
    count: Int, body: @escaping @Sendable (Int, Workspace) -> Void,
    done: @escaping @Sendable () -> Void
  ) {
    self.count = count
    self.body = body
    self.done = done
  }
}

// Sendable: all state is read and written under `mutex` only, and the two pthread objects never move.
private final class BatchQueue: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var batches: [Int: Batch] = [:]
  private var turns: [Int] = []
  private var lastID = 0
  private var ended = false

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  func add(_ batch: Batch) {
    pthread_mutex_lock(mutex)
    lastID += 1
    batches[lastID] = batch
    turns.append(lastID)
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(mutex)
  }

  var count: Int {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return batches.count
  }

  func end() {
    pthread_mutex_lock(mutex)
    ended = true
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(mutex)
  }

  /// One thread's life: ends once ``end()`` was called and nothing is left to do.
  func work() {
    let workspace = Workspace()
    pthread_mutex_lock(mutex)
    while true {
      guard let id = turns.first else {
        if ended { break }
        pthread_cond_wait(changed, mutex)
        continue
      }
      turns.removeFirst()
      let index = batches[id]!.next
      batches[id]!.next += 1
      if index + 1 < batches[id]!.count { turns.append(id) }
      call(batches[id]!.body, index, workspace)
      batches[id]!.finished += 1
      if batches[id]!.finished == batches[id]!.count { finish(id) }
    }
    pthread_mutex_unlock(mutex)
  }

  /// Calls without the lock, which is held before and after.
  private func call(
    _ body: @Sendable (Int, Workspace) -> Void, _ index: Int, _ workspace: Workspace
  ) {
    pthread_mutex_unlock(mutex)
    body(index, workspace)
    pthread_mutex_lock(mutex)
  }

  /// Whoever waits for the batch goes on only once its body, and with it each descriptor that it holds, is let go:
  /// what is done with a volume can be unmounted.
  private func finish(_ id: Int) {
    let done = batches.removeValue(forKey: id)!.done
    pthread_mutex_unlock(mutex)
    done()
    pthread_mutex_lock(mutex)
  }
}
