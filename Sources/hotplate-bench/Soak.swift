import Foundation
import Glibc
import TestSupport

/// One soak, from the first drop to the account.
final class Soak {
  /// What is done behind the ledger's back before the account: it must be found.
  enum Tampering: String, CaseIterable, Sendable { case source, destination, byte }

  let ground: SoakGround
  let ledger = SoakLedger()
  let owner: SoakOwner
  let keeper: SoakKeeper
  let stopwatch: SoakStopwatch
  let lister: SoakLister
  let seed: UInt64
  var census = SoakCensus()
  private let most: Int
  private let tampering: Tampering?
  private let isInterrupted: @Sendable () -> Bool

  init(
    in directory: String, program: String, seed: UInt64, most: Int, tampering: Tampering?,
    isInterrupted: @escaping @Sendable () -> Bool
  ) throws {
    self.seed = seed
    self.most = most
    self.tampering = tampering
    self.isInterrupted = isInterrupted
    ground = try SoakGround(in: directory, program: program)
    keeper = SoakKeeper(ground, ledger, seed: seed &+ 1, isInterrupted: isInterrupted)
    stopwatch = SoakStopwatch(keeper)
    lister = SoakLister(ground.destinations, ledger)
    owner = SoakOwner(ground, ledger, stopwatch, seed: seed)
  }

  /// - Returns: whether every frame is accounted for.
  func run(for length: Duration) -> Bool {
    say("seed \(seed), in \(ground.path)")
    if ground.narrow == nil {
      say("no small file system, which needs root: no full disks, no moves to another file system")
    }
    let began = ContinuousClock.now
    var (line, check) = (began, began)
    var said = 0
    do {
      while .now - began < length, !isInterrupted() {
        try owner.tick()
        if .now - check > .seconds(8) {
          look()
          clear()
          for wrong in ledger.wrongs.dropFirst(said) { say("  \(wrong)") }
          said = ledger.wrongs.count
          check = .now
        }
        if .now - line > .seconds(60) {
          say(progress(since: began))
          line = .now
        }
        usleep(20_000)
      }
      if tampering != nil {
        for kind in [.strangers, .copies] as [SoakGround.Kind] { try owner.bring(kind) }
      }
    } catch { ledger.complain("the soak could not go on: \(error)") }
    let length = ContinuousClock.now - began

    comeToRest()
    let jobs = (try? ground.jobs()) ?? []
    let answers = Answers(jobs: jobs, arrivals: (try? ground.arrivals()) ?? [])
    keeper.end()
    if let tampering { tamper(tampering) }
    lister.stop()
    stopwatch.stop()
    let account = account(answers, jobs)
    print(report(length, jobs, account))
    let wrongs = ledger.wrongs
    for line in wrongs { print("  \(line)") }
    ground.leave(removing: wrongs.isEmpty)
    if !wrongs.isEmpty { print("all of it is left in \(ground.path)") }
    fflush(nil)
    return wrongs.isEmpty
  }

  func say(_ line: String) {
    print(line)
    fflush(nil)
  }

  private var everywhere: [String] {
    [ground.drop, ground.outside, ground.made] + ground.destinations
  }

  /// Asks for every frame. What is on its way may be missed by one look, but not by six.
  @discardableResult
  func look() -> [String: UInt64] {
    var found = census.take(everywhere)
    var missing = ledger.missing(found)
    for _ in 0..<5 where !missing.isEmpty {
      usleep(300_000)
      found = census.take(everywhere)
      let still = ledger.missing(found)
      missing = missing.filter { still[$0.key] != nil }
    }
    ledger.lose(missing)
    return found
  }

  /// Takes old deliveries away, oldest first, while there is too much.
  private func clear() {
    var bytes = census.bytes
    for drop in owner.drops {
      guard let retired = drop.retired, .now - retired > .seconds(5) else { continue }
      guard let place = ground.destination(drop.kind, drop.shot) else {
        owner.drops.removeAll { $0 === drop }
        continue
      }
      guard drop.kind.isNarrow ? ground.isNarrowCrowded : bytes > most else { continue }
      guard !owner.busy.contains(where: { $0.destination?.directory == place }) else { continue }
      bytes -= owner.clear(place)
      rmdir(place)
      if access(place, F_OK) != 0 { owner.drops.removeAll { $0 === drop } }
    }
  }

  private func progress(since began: ContinuousClock.Instant) -> String {
    let (tally, life) = (ledger.tally, keeper.tally)
    return
      "\(Int((.now - began) / .seconds(60))) min: \(owner.dropCount) drops, \(tally.frames) frames, "
      + "\(megabytes(tally.bytes)), \(tally.delivered) delivered, \(life.kills) kills, "
      + "\(owner.busy.count) jobs open, \(megabytes(census.bytes)) on disk, "
      + "\(ledger.wrongs.count) wrong"
  }

  private func tamper(_ tampering: Tampering) {
    lister.lookAgain()
    switch tampering {
    case .source:
      let found = census.take([ground.drop])
      let undelivered = Set(ledger.undelivered)
      if let path = found.first(where: { undelivered.contains($0.value) })?.key { unlink(path) }
    case .destination:
      if let path = ledger.visible.keys.first { unlink(path) }
    case .byte:
      guard let path = ledger.visible.keys.first else { return }
      try? FrameFactory.overwrite([0], in: path)
    }
  }
}

func megabytes(_ bytes: Int) -> String { String(format: "%.1f MB", Double(bytes) / 1e6) }
