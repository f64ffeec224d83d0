import Foundation
import Glibc
import Sequences
import TestSupport

/// What the daemon says of what lies in the hot folder.
struct Answers {
  private struct Row {
    let place: JobView.Place
    let frames: FrameSet?
    let answer: String

    init(_ place: JobView.Place, _ answer: String) {
      self.place = place
      frames = place.frames.flatMap { FrameSet($0) }
      self.answer = answer
    }
  }

  private let rows: [String: [Row]]

  /// - Parameter jobs: newest first.
  init(jobs: [JobView], arrivals: [SoakGround.Arrival]) {
    let rows =
      arrivals.map { Row($0.source, $0.reason.code) }
      + jobs.filter { ["held", "cancelled", "failed"].contains($0.state) }
      .map { Row($0.source, "\($0.state): \($0.reason?.code ?? "no reason")") }
    self.rows = Dictionary(grouping: rows, by: \.place.directory)
  }

  /// Why a file lies there; nil without an answer.
  func answer(for path: String) -> String? {
    let (directory, name) = (
      (path as NSString).deletingLastPathComponent, (path as NSString).lastPathComponent
    )
    return rows[directory]?.first { row in
      if row.place.pattern == name { return true }
      // Names are head.frame.raw.
      let parts = name.split(separator: ".")
      guard parts.count == 3, let number = Int(parts[1]) else { return false }
      return row.frames?.contains(number) == true
        && row.place.pattern?.hasPrefix("\(parts[0]).") == true
    }?.answer
  }
}

/// Where the frames are that were not delivered.
struct SoakAccount {
  /// In the hot folder, by the answer that the daemon gives.
  var answered: [String: Int] = [:]
  /// Taken out of the hot folder by their owners.
  var outside = 0
}

extension Soak {
  /// Ends all faults and waits until nothing changes any more.
  func comeToRest() {
    keeper.calmDown()
    for writer in owner.writers { writer.finish() }
    owner.writers = []
    // Some were moved along with their directories.
    forEachFile(below: ground.drop, includingOurs: false) { _, _, path in
      if path.hasSuffix(".cancel") { unlink(path) }
    }
    ground.empty()
    waitForRest()
    // What is held, or failed for want of something that is there now, has another chance.
    for job in (try? ground.jobs()) ?? [] where ["held", "failed"].contains(job.state) {
      _ = try? ground.hotplate(["retry", job.id])
    }
    waitForRest()
  }

  private func waitForRest() {
    let deadline = ContinuousClock.now + .seconds(180)
    var (quiet, last) = (0, "")
    while .now < deadline {
      usleep(500_000)
      guard let jobs = try? ground.jobs(), let arrivals = try? ground.arrivals() else { continue }
      let open = jobs.filter { !$0.hasEnded }
      let unsettled = arrivals.filter { $0.reason.code == "settling" }
      last =
        (open.map(\.summary)
        + unsettled.map { "\($0.source.directory)/\($0.source.pattern ?? "") settling" })
        .joined(separator: "; ")
      quiet = open.isEmpty && unsettled.isEmpty ? quiet + 1 : 0
      if quiet == 3 { return }
      if open.contains(where: { $0.over == "full" }), ground.isNarrowCrowded {
        let busy = Set(open.compactMap(\.destination?.directory))
        for drop in owner.drops where drop.kind.isNarrow {
          guard let place = ground.destination(drop.kind, drop.shot), !busy.contains(place) else {
            continue
          }
          owner.clear(place)
        }
      }
    }
    ledger.complain("not at rest after 180 s: \(last)")
  }

  /// Asks for every frame a last time, and for everything that should not be there.
  func account(_ answers: Answers, _ jobs: [JobView]) -> SoakAccount {
    var account = SoakAccount()
    let found = look()
    let undelivered = Set(ledger.undelivered)
    var accounted: Set<UInt64> = []
    for (path, digest) in found where undelivered.contains(digest) {
      if path.hasPrefix(ground.outside + "/") {
        if accounted.insert(digest).inserted { account.outside += 1 }
      } else if path.hasPrefix(ground.drop + "/") {
        guard accounted.insert(digest).inserted else { continue }
        if let answer = answers.answer(for: path) {
          account.answered[answer, default: 0] += 1
        } else {
          ledger.complain("unaccounted for: \(path) lies there without an answer")
        }
      }
    }
    for digest in undelivered.subtracting(accounted) where found.values.contains(digest) {
      let places = found.filter { $0.value == digest }.map(\.key)
      ledger.complain("unaccounted for: a frame lies only at \(places.joined(separator: ", "))")
    }
    let reasons = Dictionary(jobs.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    for place in [ground.drop] + ground.destinations {
      for trace in traces(below: place) {
        let id = String((trace as NSString).lastPathComponent.dropFirst(".hotplate-".count))
        if reasons[id]?.state == "held" { continue }
        ledger.complain("left over: \(trace), of \(reasons[id]?.summary ?? "no job")")
      }
    }
    for process in processes() { ledger.complain("left over: \(process) still runs") }
    return account
  }

  private func traces(below directory: String) -> [String] {
    names(in: directory) { _ in true }.flatMap { name -> [String] in
      let path = "\(directory)/\(name)"
      return name.hasPrefix(".hotplate-") ? [path] : traces(below: path)
    }
  }

  /// Processes that were started for this soak.
  private func processes() -> [String] {
    names(in: "/proc") { UInt32(String(decoding: $0.bytes, as: UTF8.self)) != nil }.filter { id in
      guard id != "\(getpid())",
        let line = FileManager.default.contents(atPath: "/proc/\(id)/cmdline")
      else { return false }
      return String(decoding: line, as: UTF8.self).contains(ground.configuration)
    }
  }

  func report(_ length: Duration, _ jobs: [JobView], _ account: SoakAccount) -> String {
    let (tally, life, times) = (ledger.tally, keeper.tally, stopwatch.times)
    func list(_ counts: [String: Int]) -> String {
      let ordered = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      return ordered.isEmpty
        ? "none" : ordered.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }
    func counts(_ words: [String]) -> [String: Int] {
      Dictionary(words.map { ($0, 1) }, uniquingKeysWith: +)
    }
    var deeds = owner.deeds
    let full = deeds.removeValue(forKey: "full disk") ?? 0
    let ended = jobs.filter { $0.state != "done" }
      .map { "\($0.state) (\($0.reason?.code ?? "no reason"))" }
    // Whoever comes in the morning has to do something about these.
    let waiting = jobs.filter { ["held", "failed"].contains($0.state) }
      .map { "  \($0.summary)\n" }.joined()
    return """
      minutes        \(String(format: "%.1f", length / .seconds(60))), seed \(seed)
      drops          \(owner.dropCount), \(tally.frames) frames, \(megabytes(tally.bytes))
      called off     \(list(deeds))
      daemon         \(life.starts) starts, \(life.kills) kills, \(life.terminations) terminations
      full disks     \(full)\(ground.narrow == nil ? " (left out: needs root)" : "")
      jobs           \(list(counts(jobs.map(\.state)))); \(list(counts(ended)))
      delivered      \(tally.delivered) frames, \(owner.cleared) of them cleared away since
      at the source  \(list(account.answered)); moved out by their owners: \(account.outside)
      taken back     \(tally.removed) frames by their owners before they were delivered
      lost           \(tally.lost)
      damaged        \(tally.damaged)
      slowest cancel \(milliseconds(times.slowest)) (\(times.slowestKind)), of \(times.count) with frames in staging
      slowest start  \(milliseconds(life.slowest))
      still held     \(waiting.isEmpty ? "none" : "\n\(waiting)")
      """
  }
}

private func milliseconds(_ duration: Duration) -> String {
  String(format: "%.0f ms", duration / .milliseconds(1))
}
