import Files
import ReadModel
import Synchronization
import TestSupport
import Testing

@testable import Pictures

/// The queue alone, with makings that end when the test says so.
@Suite struct QueueTests {
  private func key(_ job: String) -> PictureKey {
    PictureKey(
      job: job, which: .first,
      file: Snapshot(inode: 1, birth: 0, size: 1, modified: 1, changed: 1))
  }

  @Test func `a tool that the kernel does not let go keeps nobody waiting, nor the end`()
    async throws
  {
    let (end, ends) = AsyncStream<Void>.makeStream()
    // As a child in an uninterruptible sleep: a cancellation changes nothing.
    let work: PictureQueue.Work = {
      await Task { for await _ in end {} }.value
      return .success([1])
    }
    let queue = PictureQueue(
      running: 1, waiting: 1, patience: .milliseconds(1), lastPatience: .seconds(60))
    #expect(await queue.picture(key("a"), work).why == stuckSentence)
    #expect(await queue.picture(key("a"), work).why == stuckSentence)
    await queue.stop()
    let patient = PictureQueue(
      running: 1, waiting: 1, patience: .seconds(60), lastPatience: .milliseconds(1))
    let request = Task { await patient.picture(key("a"), work) }
    try await awaitState("it to wait") { await patient.waiters == 1 }
    await patient.stop()
    #expect(await request.value.why == stuckSentence)
    ends.finish()
  }

  @Test func `a request whose task was cancelled before leaves nothing that runs`() async throws {
    let (never, _) = AsyncStream<Void>.makeStream()
    let queue = PictureQueue(
      running: 1, waiting: 1, patience: .seconds(60), lastPatience: .seconds(60))
    let request = Task {
      await queue.picture(key("a")) {
        // Ends with its task only.
        for await _ in never {}
        return .success([1])
      }
    }
    request.cancel()
    #expect(await request.value == .failure(.cancelled))
    #expect(await queue.waiters == 0)
    #expect(try await queue.picture(key("b")) { .success([2]) }.get() == [2])
    await queue.stop()
  }
}
