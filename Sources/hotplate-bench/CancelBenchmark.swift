import Files
import Foundation
import Glibc
import Synchronization
import Transfer

/// How long a cancelled copy goes on, and how long it leaves traces.
struct CancelBenchmark {
  let scratch: Scratch
  let workers: Int
  let rounds: Int

  func run(_ what: String, frames: Int, bytes: Int) async throws -> [BenchmarkRow] {
    let source = try Frames(frames, bytes: bytes, in: try scratch.directory("\(what)/source"))
    let transfer = Transfer(workers: CopyWorkers(count: workers))
    let whole = try await cancel(
      source, transfer, in: try scratch.directory("\(what)/whole"), after: nil)
    var lastBytes: [Double] = []
    var traces: [Double] = []
    for number in 0..<rounds {
      // Spread over the middle of the copy, and so over the phases of a chunk.
      let share = 0.2 + 0.6 * Double(number) / Double(rounds)
      let times = try await cancel(
        source, transfer, in: try scratch.directory("\(what)/\(number)"),
        after: whole.staged * share)
      lastBytes.append(times.lastByte)
      traces.append(times.noTrace)
    }
    // What is promised: 250 ms, and 0.25 s more for each GiB that was staged.
    let staged = 0.8 * Double(frames * bytes) / Double(1 << 30)
    return [
      Self.row("cancel \(what), until the last byte", lastBytes, promise: 0.05),
      Self.row("cancel \(what), until no trace", traces, promise: 0.25 + 0.25 * staged),
    ]
  }

  /// - Parameters:
  ///   - times: seconds.
  ///   - promise: seconds.
  static func row(_ what: String, _ times: [Double], promise: Double) -> BenchmarkRow {
    let ordered = times.sorted()
    let rank = Int((0.99 * Double(ordered.count)).rounded(.up)) - 1
    return BenchmarkRow(
      "\(what): p99", against: "the promise", ours: Timing(runs: [ordered[rank]]),
      theirs: Timing(runs: [promise]), goal: 1,
      note: String(format: "p50 %.1f ms of %d", Timing(runs: times).median * 1000, times.count))
  }

  /// Seconds.
  private struct Times {
    let staged: Double
    /// Both since the event.
    let lastByte: Double
    let noTrace: Double
  }

  private func cancel(
    _ source: Frames, _ transfer: Transfer, in destination: String, after delay: Double?
  ) async throws -> Times {
    try source.warm()
    sync()
    let plan = try source.plan("bench", to: destination)
    let stop = StopFlag()
    let last = Atomic<Int>(0)
    let start = now()
    let cancelling = Task {
      guard let delay else { return start }
      try await Task.sleep(for: .seconds(delay))
      let event = now()
      stop.raise()
      return event
    }
    do throws(TransferError) {
      _ = try await transfer.stage(
        plan, stop: stop, progress: { _, _ in last.max(now(), ordering: .relaxed) })
    } catch .cancelled {
      // As asked for.
    }
    let ended = now()
    let event = try await cancelling.value
    _ = try await transfer.discard(plan)
    let gone = now()
    guard try Descriptor.directory(at: destination).entries().isEmpty else {
      throw BenchmarkError("something was left in \(destination)")
    }
    return Times(
      staged: seconds(ended - start),
      lastByte: seconds(max(1000, last.load(ordering: .relaxed) - event)),
      noTrace: seconds(gone - event))
  }
}

/// Nanoseconds of the monotonic clock, as an integer that threads can share.
func now() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

func seconds(_ nanoseconds: Int) -> Double { Double(nanoseconds) / 1e9 }
