import ReadModel

/// How fast jobs copy: from how far they were at each look, smoothed so that the eye can read it.
struct RateMeter {
  private struct Reading {
    var bytes: Int64
    var at: Duration
    /// Bytes a second; nil before the second look.
    var rate: Double?
  }

  private var readings: [String: Reading] = [:]
  /// After so long a new speed is shown by two thirds.
  private static let inertia = 3.0

  /// - Parameters:
  ///   - jobs: all that are under way; of others nothing is kept.
  ///   - now: since any fixed moment.
  mutating func look(at jobs: [JobView], now: Duration) {
    var seen: [String: Reading] = [:]
    for job in jobs {
      let bytes = job.bytes.done
      guard let before = readings[job.id], bytes >= before.bytes else {
        seen[job.id] = Reading(bytes: bytes, at: now)
        continue
      }
      let seconds = (now - before.at) / .seconds(1)
      // Two looks at once tell nothing.
      guard seconds > 0.05 else {
        seen[job.id] = before
        continue
      }
      let current = Double(bytes - before.bytes) / seconds
      // By the time between the looks, not by their number: 1 - e^(-t/T), near enough.
      let weight = min(1, seconds / (Self.inertia / 2 + seconds))
      let rate = before.rate.map { $0 + weight * (current - $0) } ?? current
      seen[job.id] = Reading(bytes: bytes, at: now, rate: rate)
    }
    readings = seen
  }

  /// Bytes a second of each job of which more than one look is known.
  var rates: [String: Double] { readings.compactMapValues(\.rate) }
}
