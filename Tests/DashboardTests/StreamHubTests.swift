import NIOCore
import ReadModel
import Synchronization
import Testing

@testable import Dashboard

/// Who waits for whom: nobody for a client.
@Suite struct StreamHubTests {
  /// Runs a hub beside `body`.
  private func withHub(
    _ engine: FakeEngine, limit: Int = 8, _ body: (StreamHub) async throws -> Void
  ) async throws {
    let hub = StreamHub(engine: engine, limit: limit, logger: silent)
    let running = Task { await hub.run() }
    do { try await body(hub) } catch {
      running.cancel()
      throw error
    }
    running.cancel()
    await running.value
  }

  /// A client and its wakes.
  private func join(_ hub: StreamHub) throws -> (StreamHub.Ticket, AsyncStream<Void>) {
    let (wakes, wake) = AsyncStream<Void>.makeStream()
    return (try #require(hub.join { wake.yield() }), wakes)
  }

  private func next(_ hub: StreamHub, _ ticket: StreamHub.Ticket, _ wakes: AsyncStream<Void>) async
    -> [StreamMessage]
  {
    while let messages = hub.take(ticket) {
      if !messages.isEmpty { return messages }
      for await _ in wakes { break }
    }
    return []
  }

  @Test func `a client that takes nothing is given up to a bound, and later a snapshot`()
    async throws
  {
    let engine = FakeEngine()
    try await withHub(engine) { hub in
      let (slow, slowWakes) = try join(hub)
      let (quick, quickWakes) = try join(hub)
      #expect(await next(hub, slow, slowWakes).map(\.kind) == [.snapshot])
      #expect(await next(hub, quick, quickWakes).map(\.kind) == [.snapshot])
      // Each look has more than the bound holds.
      let many = (0..<2000).map { FakeEngine.job("\($0)", .held) }
      engine.tell { $0.jobs = many }
      let taken = await next(hub, quick, quickWakes)
      #expect(taken.count == 2000, "what comes at once is no backlog")
      engine.tell { $0.gone = ["1"] }
      let change = await next(hub, quick, quickWakes)
      #expect(change.map(\.kind) == [.job])
      let late = try #require(hub.take(slow))
      #expect(late.map(\.kind) == [.snapshot])
      #expect(late[0].seq == change[0].seq, "it missed nothing")
      #expect(hub.take(slow)?.isEmpty == true)
    }
  }

  @Test func `a client is woken once for all that waits`() async throws {
    let engine = FakeEngine()
    let woken = Mutex(0)
    try await withHub(engine) { hub in
      let ticket = try #require(hub.join { woken.withLock { $0 += 1 } })
      let (other, otherWakes) = try join(hub)
      #expect(await next(hub, other, otherWakes).map(\.kind) == [.snapshot])
      _ = hub.take(ticket)
      _ = hub.take(ticket)
      let before = woken.withLock { $0 }
      for number in 0..<3 {
        engine.tell { $0.jobs = [FakeEngine.job("\(number)", .held)] }
        _ = await next(hub, other, otherWakes)
      }
      #expect(woken.withLock { $0 } == before + 1)
      #expect(hub.take(ticket)?.count == 3)
    }
  }

  @Test func `who leaves takes nothing with him, and the last one stops the questions`()
    async throws
  {
    let engine = FakeEngine()
    try await withHub(engine) { hub in
      let (ticket, wakes) = try join(hub)
      _ = await next(hub, ticket, wakes)
      hub.leave(ticket)
      #expect(hub.counts.clients == 0)
      #expect(hub.take(ticket) == nil)
      // Whoever comes next begins with a snapshot.
      let (again, moreWakes) = try join(hub)
      #expect(await next(hub, again, moreWakes).map(\.kind) == [.snapshot])
    }
  }

  @Test func `when the engine does not answer every client is let go`() async throws {
    try await withHub(FakeEngine(broken: true)) { hub in
      let (ticket, wakes) = try join(hub)
      for await _ in wakes { break }
      #expect(hub.take(ticket) == nil)
    }
  }

  @Test func `at the end every client is let go, and none is taken`() async throws {
    let hub = StreamHub(engine: FakeEngine(), limit: 8, logger: silent)
    let running = Task { await hub.run() }
    let (ticket, wakes) = try join(hub)
    _ = await next(hub, ticket, wakes)
    running.cancel()
    await running.value
    #expect(hub.take(ticket) == nil)
    #expect(hub.join {} == nil)
  }
}

extension StreamMessage: Equatable {
  public static func == (a: StreamMessage, b: StreamMessage) -> Bool { a.json == b.json }
}
