import Glibc
import Synchronization
import Testing

@testable import Transfer

struct WorkersTests {
  @Test func `what a batch holds open is let go before its caller goes on`() async throws {
    let workers = CopyWorkers(count: 2)
    for _ in 0..<2000 {
      let open = Counter()
      await workers.each(3, holding(open))
      #expect(open.value == 0)
      _ = try await workers.perform { [held = Held(open)] _ throws(TransferError) in held.isHeld }
      #expect(open.value == 0)
    }
  }

  @Test func `batches take turns, so that a small one does not wait for a large one to end`() async
  {
    let workers = CopyWorkers(count: 1)
    let order = Order()
    let (hasBegun, isQueued) = (StopFlag(), StopFlag())
    // The first call of the large batch queues the small one behind it, on the only thread there is.
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await workers.each(1000) { number, _ in
          hasBegun.raise()
          while !isQueued.isRaised { sched_yield() }
          order.add("large")
        }
      }
      group.addTask {
        // Alone on the thread it would be over before anything waits behind it.
        while !hasBegun.isRaised { await Task.yield() }
        await workers.each(1) { _, _ in order.add("small") }
      }
      while workers.waiting < 2 { await Task.yield() }
      isQueued.raise()
    }
    #expect(order.names.firstIndex(of: "small")! <= 2)
  }

  private func holding(_ open: Counter) -> @Sendable (Int, Workspace) -> Void {
    { [held = Held(open)] _, _ in _ = held.isHeld }
  }
}

/// Counts itself, as a descriptor counts for its mount.
private final class Held: Sendable {
  private let open: Counter
  var isHeld: Bool { open.value > 0 }

  init(_ open: Counter) {
    self.open = open
    open.add(1)
  }

  deinit { open.add(-1) }
}

private final class Order: Sendable {
  private let state = Mutex<[String]>([])
  var names: [String] { state.withLock { $0 } }
  func add(_ name: String) { state.withLock { $0.append(name) } }
}
