import Foundation
import Synchronization
import TestSupport

/// Keeps a daemon running, and kills it again and again: with SIGKILL, at times with SIGTERM, at times before it is ready.
final class SoakKeeper: Sendable {
  struct Tally: Sendable {
    var kills = 0
    var terminations = 0
    var starts = 0
    /// From the start to `ready:`, of those that got there.
    var slowest = Duration.zero
  }

  private struct State {
    var tally = Tally()
    var isReady = false
  }

  private let state = Mutex(State())
  private let calm = StopSign()
  private let ending = StopSign()
  private let ended = DispatchSemaphore(value: 0)
  private let ledger: SoakLedger
  private let start: @Sendable () throws -> Daemon
  private let log: String

  /// - Parameter isInterrupted: whether Ctrl-C was pressed, which reaches the daemon as well.
  init(
    _ ground: SoakGround, _ ledger: SoakLedger, seed: UInt64,
    isInterrupted: @escaping @Sendable () -> Bool
  ) {
    self.ledger = ledger
    let (program, configuration, directory) = (ground.program, ground.configuration, ground.state)
    log = "\(ground.path)/daemon.log"
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    start = {
      try Daemon(
        program: program, arguments: ["watch", "--config", configuration, "--no-listen"],
        state: directory)
    }
    // It lives as long as the daemons that it starts: they die with the thread that started them.
    Thread.detachNewThread { [self] in
      var numbers = SeededNumbers(seed: seed)
      while !ending.isUp { live(&numbers, isInterrupted) }
      ended.signal()
    }
  }

  var tally: Tally { state.withLock { $0.tally } }
  /// How many daemons were started, and whether the last one answers.
  var life: (number: Int, isReady: Bool) { state.withLock { ($0.tally.starts, $0.isReady) } }

  /// No more kills.
  func calmDown() { calm.raise() }

  /// Ends the daemon as a service manager does, and waits.
  func end() {
    calm.raise()
    ending.raise()
    ended.wait()
  }

  private func live(_ numbers: inout SeededNumbers, _ isInterrupted: () -> Bool) {
    let began = ContinuousClock.now
    let daemon: Daemon
    do { daemon = try start() } catch {
      ledger.complain("the daemon does not start: \(error)")
      usleep(1_000_000)
      return
    }
    state.withLock { $0.tally.starts += 1 }
    defer {
      state.withLock { $0.isReady = false }
      keep(daemon.errors)
    }
    let diesYoung = Int.random(in: 0..<5, using: &numbers) == 0
    let early = Duration.milliseconds(Int.random(in: 0...1500, using: &numbers))
    let late = Duration.milliseconds(Int.random(in: 2000...12_000, using: &numbers))
    let isGentle = Int.random(in: 0..<7, using: &numbers) == 0
    var readyAt: ContinuousClock.Instant?
    if calm.isUp || !diesYoung {
      do {
        try daemon.waitUntilReady()
        readyAt = .now
        state.withLock { state in
          state.isReady = true
          state.tally.slowest = max(state.tally.slowest, .now - began)
        }
      } catch {
        if !isInterrupted() { ledger.complain("\(error)") }
      }
    }
    let deadline = readyAt.map { $0 + late } ?? began + early
    while daemon.isRunning, !ending.isUp, calm.isUp || .now < deadline { usleep(20_000) }
    guard daemon.isRunning else {
      if !isInterrupted() {
        let status = (try? daemon.waitForExit()) ?? -1
        ledger.complain("the daemon ended by itself with \(status): \(daemon.errors.suffix(2000))")
      }
      return
    }
    state.withLock { $0.isReady = false }
    if ending.isUp || isGentle {
      state.withLock { $0.tally.terminations += 1 }
      let status = try? daemon.terminate()
      // Before it is ready it may not have heard yet that SIGTERM is a request.
      if status != 0, readyAt != nil || status != 128 + SIGTERM {
        ledger.complain(
          "SIGTERM ended the daemon with \(status ?? -1): \(daemon.errors.suffix(2000))")
        daemon.kill()
      }
    } else {
      state.withLock { $0.tally.kills += 1 }
      daemon.kill()
    }
  }

  private func keep(_ text: String) {
    guard let file = FileHandle(forWritingAtPath: log) else { return }
    file.seekToEndOfFile()
    file.write(Data(text.utf8))
  }
}
