import Foundation

/// One thing measured, beside its peer in the same run.
struct BenchmarkRow: Codable {
  /// What was done.
  let what: String
  /// The peer that did the same.
  let against: String
  let ours: Timing
  /// nil where the peer could not be run; the note says why.
  let theirs: Timing?
  /// How many times as fast as the peer, by the minima; nil without a peer.
  let ratio: Double?
  /// The least ratio that is promised; nil where none is.
  let goal: Double?
  let note: String?

  init(
    _ what: String, against: String, ours: Timing, theirs: Timing?, goal: Double?,
    note: String? = nil
  ) {
    self.what = what
    self.against = against
    self.ours = ours
    self.theirs = theirs
    ratio = theirs.map { $0.min / ours.min }
    self.goal = goal
    self.note = note
  }

  /// nil where there is no goal, or no peer to reach it against.
  var reachesGoal: Bool? {
    guard let ratio, let goal else { return nil }
    return ratio >= goal
  }
}

/// Seconds. The minimum says what the work costs, the median what one usually waits.
struct Timing: Codable {
  let min: Double
  let median: Double

  /// - Precondition: at least one run.
  init(runs: [Double]) {
    let ordered = runs.sorted()
    min = ordered[0]
    median = (ordered[(ordered.count - 1) / 2] + ordered[ordered.count / 2]) / 2
  }

  init(runs: [Duration]) { self.init(runs: runs.map { $0 / .seconds(1) }) }
}

extension [BenchmarkRow] {
  /// Aligned columns under a heading, a line a row.
  func table() -> String {
    let heading = ["what", "ours min", "median", "against", "min", "median", "ratio", "goal", ""]
    let lines =
      [heading]
      + map { row in
        [
          row.what, text(row.ours.min), text(row.ours.median), row.against, text(row.theirs?.min),
          text(row.theirs?.median), row.ratio.map { "\(rounded($0)) ×" } ?? "–",
          row.goal.map { "≥ \(rounded($0)) ×" } ?? "–",
          [row.reachesGoal.map { $0 ? "reached" : "MISSED" }, row.note].compactMap(\.self)
            .joined(separator: "; "),
        ]
      }
    let widths = heading.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      zip(line, widths).map { cell, width in
        cell + String(repeating: " ", count: width - cell.count)
      }.joined(separator: "  ").trimmingCharacters(in: .whitespaces) + "\n"
    }.joined()
  }

  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }
}

private func text(_ seconds: Double?) -> String {
  guard let seconds else { return "–" }
  return seconds < 1 ? "\(rounded(seconds * 1000)) ms" : "\(rounded(seconds)) s"
}

/// Three digits that count.
private func rounded(_ number: Double) -> String {
  let digits = number >= 100 ? 0 : number >= 10 ? 1 : 2
  return String(format: "%.\(digits)f", number)
}
