import Files
import Foundation
import Glibc
import Synchronization
import TestSupport

/// The same for the real daemon: from a `.cancel` that is dropped until its last byte and until its staging is gone, as a
/// bystander sees it.
struct DaemonCancelBenchmark {
  let scratch: Scratch
  let rounds: Int

  func run(_ what: String, frames: Int, bytes: Int) throws -> [BenchmarkRow] {
    let folder = try TemporaryFolder(in: scratch.path)
    defer { try? folder.remove() }
    let tree = try HotFolderTree(in: folder, rules: Round.rules)
    let outside = try folder.makeDirectory("outside")
    let source = try Frames(frames, bytes: bytes, in: try folder.makeDirectory("made"))
    let daemon = try tree.start()
    let round = Round(tree: tree, daemon: daemon, outside: outside, source: source)
    try FileManager.default.moveItem(atPath: source.directory, toPath: "\(outside)/frames")
    // The first one waits for the disk, on which the source was just written.
    let whole = try min(round.whole("first"), round.whole("second"))
    var lastBytes: [Double] = []
    var traces: [Double] = []
    var number = 0
    var misses = 0
    while lastBytes.count < rounds {
      let share = 0.1 + 0.6 * Double(lastBytes.count) / Double(rounds)
      number += 1
      guard let times = try round.cancel(number, after: whole * share) else {
        // Faster than the first one was: too late for a cancel.
        misses += 1
        if misses > rounds { throw BenchmarkError("\(what) is published before its cancel") }
        continue
      }
      lastBytes.append(times.lastByte)
      traces.append(times.noTrace)
    }
    daemon.kill()
    let staged = 0.8 * Double(frames * bytes) / Double(1 << 30)
    let kind = "daemon, .cancel in \(what)"
    return [
      CancelBenchmark.row("\(kind), until the last byte", lastBytes, promise: 0.05),
      CancelBenchmark.row("\(kind), until no trace", traces, promise: 0.25 + 0.25 * staged),
    ]
  }
}

extension Round {
  /// - Returns: nil if it was published by then.
  func cancel(_ number: Int, after delay: Double) throws -> (lastByte: Double, noTrace: Double)? {
    let directory = "\(tree.drop)/round\(number)"
    try source.warm("\(outside)/frames")
    sync()
    try move("\(outside)/frames", directory)
    let staging = try waitForStaging()
    let path = "\(tree.destination)/\(tree.stagingName)"
    while seconds(now() - staging) < delay { usleep(200) }
    let writes = WriteWatch(of: daemon.process)
    let event = now()
    try tree.touch("round\(number)/.cancel")
    while access(path, F_OK) == 0 {
      guard seconds(now() - event) < 60 else { throw BenchmarkError("\(path) stays") }
      usleep(200)
    }
    let gone = now()
    let last = writes.stop()
    try move(directory, "\(outside)/frames")
    unlink("\(outside)/frames/.cancel")
    let published = "\(tree.destination)/round\(number)"
    if access(published, F_OK) == 0 {
      try execute("rm", "-rf", "--", published)
      return nil
    }
    return (seconds(max(1000, last - event)), seconds(gone - event))
  }
}

/// Looks when a process wrote last, by the bytes that the kernel counts for it.
private final class WriteWatch: Sendable {
  /// What writes less between two looks writes its journal: frames go by chunks of a MiB.
  private static let chunk = 1 << 19
  private let state = Mutex((last: 0, isOver: false))
  private let ended = DispatchSemaphore(value: 0)

  init(of process: Int32) {
    let path = "/proc/\(process)/io"
    Thread.detachNewThread { [self] in
      var before = Self.written(path)
      while !state.withLock({ $0.isOver }) {
        let written = Self.written(path)
        if written - before >= Self.chunk { state.withLock { $0.last = now() } }
        if written - before >= Self.chunk || written < before { before = written }
        usleep(500)
      }
      ended.signal()
    }
  }

  /// - Returns: the time of the last chunk that was seen; 0 for none.
  func stop() -> Int {
    state.withLock { $0.isOver = true }
    ended.wait()
    return state.withLock { $0.last }
  }

  private static func written(_ path: String) -> Int {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return 0 }
    let line = text.split(separator: "\n").first { $0.hasPrefix("wchar:") }
    return line.flatMap { Int($0.dropFirst(6).trimmingCharacters(in: .whitespaces)) } ?? 0
  }
}
