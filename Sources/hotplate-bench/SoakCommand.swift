import ArgumentParser
import Foundation
import Glibc
import Synchronization
import TestSupport

/// Ctrl-C was pressed.
private let isInterrupted = Atomic(false)

/// Lives with the real daemon for a while, and asks for every frame at the end.
struct SoakCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "soak",
    abstract:
      "Run the real daemon under drops, cancels, kills and full disks, and account for every frame.",
    discussion: """
      All of it happens in directories of its own below --dir, which are removed unless something is unaccounted for. As \
      root it mounts a small file system there that gets full. Ctrl-C ends it early, with the report.
      Example: hotplate-bench soak --minutes 30 --dir /mnt/fast
      """)

  @Option(help: "For how long faults happen; coming to rest takes a little longer.")
  var minutes = 30.0
  @Option(help: "What owners and kills are drawn from; another one each time without it.")
  var seed: UInt64?
  @Option(help: "Where to make its directories.")
  var dir = NSTemporaryDirectory()
  @Option(help: ArgumentHelp("The program to run.", valueName: "path"))
  var hotplate: String?
  @Option(help: "Bytes on disk beyond which old deliveries are cleared away.")
  var most = 512 << 20
  /// Shows that the account is no formality.
  @Option(help: .hidden)
  var tamper: Soak.Tampering?

  func validate() throws {
    if minutes <= 0 { throw ValidationError("--minutes is more than 0") }
  }

  mutating func run() async throws {
    isInterrupted.store(false, ordering: .relaxed)
    signal(SIGINT) { _ in isInterrupted.store(true, ordering: .relaxed) }
    let program = try hotplate ?? Daemon.program
    let seed = seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
    let (minutes, dir, most, tampering) = (minutes, dir, most, tamper)
    let isClean = try await onOwnThread {
      let soak = try Soak(
        in: dir, program: program, seed: seed, most: most, tampering: tampering,
        isInterrupted: { isInterrupted.load(ordering: .relaxed) })
      return soak.run(for: .seconds(minutes * 60))
    }
    if !isClean { throw ExitCode(1) }
  }
}

extension Soak.Tampering: ExpressibleByArgument {}
