import Foundation
import Glibc
import TestSupport

/// What clients of the live stream cost the copying: the same deliveries with and without them, in turns, and the daemon's
/// memory over a minute of copying for them.
struct ClientsBenchmark {
  let scratch: Scratch
  let rounds: Int
  let frames: Int
  let bytes: Int
  /// Readers, and those that never read.
  let clients: Int
  let silent: Int
  /// How long clients follow without a pause, in seconds.
  let stretch: Double

  func run(_ tell: (String) -> Void) throws -> [BenchmarkRow] {
    let folder = try TemporaryFolder(in: scratch.path)
    defer { try? folder.remove() }
    let tree = try HotFolderTree(in: folder, rules: Round.rules)
    let outside = try folder.makeDirectory("outside")
    let source = try Frames(frames, bytes: bytes, in: try folder.makeDirectory("made"))
    let daemon = try tree.launch(["--listen", "127.0.0.1:0"])
    try daemon.waitUntilReady()
    let address = try Address(of: daemon)
    let round = Round(tree: tree, daemon: daemon, outside: outside, source: source)
    try FileManager.default.moveItem(atPath: source.directory, toPath: "\(outside)/frames")
    // Those wait for the disk, on which the source was just written.
    for number in 0..<3 { _ = try round.whole("warm\(number)") }
    var (alone, followed): ([Double], [Double]) = ([], [])
    // Of the daemon, and of this process that plays the clients.
    var (cpuAlone, cpuFollowed, cpuClients) = (0.0, 0.0, 0.0)
    for number in 0..<rounds {
      // In turns, and the first of a pair by turns too.
      for isFollowed in number % 2 == 0 ? [false, true] : [true, false] {
        if isFollowed {
          let crowd = try Crowd(clients, silent: silent, at: address)
          let (before, own) = (try cpu(daemon.process), try cpu(getpid()))
          followed.append(try round.whole("followed\(number)"))
          cpuFollowed += try cpu(daemon.process) - before
          cpuClients += try cpu(getpid()) - own
          crowd.leave()
        } else {
          let (before, own) = (try cpu(daemon.process), try cpu(getpid()))
          alone.append(try round.whole("alone\(number)"))
          cpuAlone += try cpu(daemon.process) - before
          cpuClients -= try cpu(getpid()) - own
        }
      }
    }
    func each(_ seconds: Double) -> String { String(format: "%.2f s", seconds / Double(rounds)) }
    tell(
      "processor time a delivery: the daemon \(each(cpuFollowed)), without clients \(each(cpuAlone)); "
        + "the clients \(each(cpuClients))")
    let row = BenchmarkRow(
      "\(frames) × \(bytes / 1_000_000) MB copied for \(clients) clients, \(silent) of them silent",
      against: "without a client", ours: Timing(runs: followed), theirs: Timing(runs: alone),
      // At most 3 % slower.
      goal: 1 / 1.03, note: try memory(round, daemon, address, tell))
    daemon.kill()
    return [row]
  }

  private func memory(
    _ round: Round, _ daemon: Daemon, _ address: Address, _ tell: (String) -> Void
  ) throws -> String {
    let before = try resident(daemon)
    let crowd = try Crowd(clients, silent: silent, at: address)
    let began = now()
    var (most, number) = (before, 0)
    while seconds(now() - began) < stretch {
      _ = try round.whole("stretch\(number)")
      number += 1
      most = max(most, try resident(daemon))
    }
    let received = crowd.leave()
    var after = try resident(daemon)
    // The daemon hears of their going in a moment, and ends.
    for _ in 0..<50 where after > before {
      usleep(100_000)
      after = min(after, try resident(daemon))
    }
    func megabytes(_ bytes: Int) -> String { String(format: "%.1f MB", Double(bytes) / 1_000_000) }
    let told =
      "memory \(megabytes(before)), at most \(megabytes(most)) over \(number) deliveries in "
      + "\(Int(seconds(now() - began))) s, \(megabytes(after)) afterwards; the readers got "
      + "\(megabytes(received)), \(crowd.ended) were let go"
    tell(told)
    return "memory +\(megabytes(most - before)), then +\(megabytes(after - before))"
  }

  /// Seconds on all cores so far (`proc(5)`, stat).
  private func cpu(_ process: Int32) throws -> Double {
    let stat = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
    let fields = stat[stat.lastIndex(of: ")")!...].split(separator: " ")
    guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else {
      throw BenchmarkError("no times of \(process)")
    }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  private func resident(_ daemon: Daemon) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(daemon.process)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    let kilobytes = line?.split(separator: " ").compactMap { Int($0) }.first
    guard let kilobytes else { throw BenchmarkError("no VmRSS of \(daemon.process)") }
    return kilobytes * 1024
  }
}

/// Where a daemon listens.
struct Address {
  let port: UInt16

  init(of daemon: Daemon) throws {
    let port = daemon.errors.split(separator: ":").last.flatMap {
      UInt16($0.prefix { $0.isNumber })
    }
    guard let port else { throw BenchmarkError("no address in: \(daemon.errors)") }
    self.port = port
  }
}
