import ArgumentParser
import Glibc

/// Measures what Hotplate promises about speed, each against its peer in the same run, and prints ratios.
@main
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hotplate-bench",
    abstract: "Measure Hotplate against its peers, side by side in one run.",
    discussion: """
      Build it with `swift build -c release`; a debug build measures nothing.
      Example: hotplate-bench copy --dir /mnt/fast --rounds 5
      """,
    subcommands: [
      CopyCommand.self, NamesCommand.self, RulesCommand.self, CancelCommand.self,
      ClientsCommand.self, SimulateCommand.self, SoakCommand.self,
    ])
}

struct CopyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "copy",
    abstract: "Stage, hash and publish frames, against cp, rsync and cp with xxhsum.",
    discussion: """
      Many frames need much memory at once: where a virtual machine gets it from its host first, that is what is measured.
      Example: hotplate-bench copy --dir /mnt/fast --frames 100
      """)

  @OptionGroup var place: Place
  @Option(help: "How often each is run, in turns.")
  var rounds = 7
  @Option(help: "How many frames.")
  var frames = 25
  @Option(help: "Bytes of each frame.")
  var bytes = 12_000_000
  @OptionGroup var printing: Printing

  func run() async throws {
    let rows = try await place.withScratch { scratch in
      try await CopyBenchmark(
        scratch: scratch, workers: place.workers, rounds: rounds, frames: frames, bytes: bytes
      ).run()
    }
    try printing.show(rows)
  }
}

struct ClientsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clients",
    abstract: "Copy for many clients of the live stream, against copying for none.",
    discussion: """
      Memory is read over a minute of copying for them without a pause.
      Example: hotplate-bench clients --clients 200 --silent 20
      """)

  @OptionGroup var place: Place
  @Option(help: "How many pairs of deliveries, with and without clients.")
  var rounds = 15
  @Option(help: "Clients at once.")
  var clients = 200
  @Option(help: "How many of them never read.")
  var silent = 20
  @Option(help: "How many frames a delivery has.")
  var frames = 100
  @Option(help: "Bytes of each frame.")
  var bytes = 12_000_000
  @Option(help: "Seconds of copying over which memory is read.")
  var stretch = 60.0
  @OptionGroup var printing: Printing

  func run() async throws {
    let rows = try await place.withScratch { scratch in
      try ClientsBenchmark(
        scratch: scratch, rounds: rounds, frames: frames, bytes: bytes, clients: clients,
        silent: silent, stretch: stretch
      ).run { if !printing.json { print($0) } }
    }
    try printing.show(rows)
  }
}

struct NamesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "names",
    abstract: "Find the sequences among a million shuffled names, against Python's fileseq.",
    discussion: "Example: hotplate-bench names --json")

  @OptionGroup var printing: Printing

  func run() throws { try printing.show(try NamesBenchmark().run()) }
}

struct RulesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rules",
    abstract:
      "Ask 50 rules about 200,000 names on one core, against Python's re, and say where the time goes.",
    discussion: "Example: hotplate-bench rules --json")

  @Option(help: "How often each is run, in turns.")
  var rounds = 5
  @OptionGroup var printing: Printing

  func run() throws { try printing.show(try RulesBenchmark(rounds: rounds).run()) }
}

struct CancelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel",
    abstract: "Stop copies half-way: how long until the last byte, and until no trace is left.",
    discussion: "Example: hotplate-bench cancel --rounds 20")

  @OptionGroup var place: Place
  @Option(help: "How many copies of each kind are cancelled; a quarter as many of the daemon's.")
  var rounds = 200
  @OptionGroup var printing: Printing

  func run() async throws {
    let all = try await place.withScratch { scratch in
      let real = DaemonCancelBenchmark(scratch: scratch, rounds: max(1, rounds / 4))
      let copies = CancelBenchmark(scratch: scratch, workers: place.workers, rounds: rounds)
      var all: [BenchmarkRow] = []
      func tell(_ rows: [BenchmarkRow]) throws {
        all += rows
        // As it comes: all of them take a quarter of an hour.
        if !printing.json { try printing.show(rows) }
      }
      try tell(real.run("1 × 2 GB", frames: 1, bytes: 2_000_000_000))
      try tell(real.run("1,000 × 2 MB", frames: 1000, bytes: 2_000_000))
      try tell(await copies.run("1 × 2 GB", frames: 1, bytes: 2_000_000_000))
      try tell(await copies.run("1,000 × 2 MB", frames: 1000, bytes: 2_000_000))
      try tell(await copies.run("40 × 50 MB", frames: 40, bytes: 50_000_000))
      return all
    }
    if printing.json { try printing.show(all) }
  }
}

struct Printing: ParsableArguments {
  @Flag(help: "Print the rows as JSON.")
  var json = false

  func show(_ rows: [BenchmarkRow]) throws {
    print(json ? try rows.json() : rows.table(), terminator: "")
    fflush(nil)
  }
}
