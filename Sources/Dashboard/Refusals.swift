import Logging
import Synchronization

/// Counts refused requests, and tells of each kind in the log once a minute: what tries to get in must not fill it.
final class Refusals: Sendable {
  private struct Kind {
    var count = 0
    var toldAt: ContinuousClock.Instant?
    var untold = 0
  }
  /// From zero on, so that a monitor sees the first one.
  private let kinds = Mutex<[String: Kind]>([
    "foreign-host": Kind(), "foreign-origin": Kind(), "json-only": Kind(), "token-wanted": Kind(),
  ])

  var counts: [String: Int] { kinds.withLock { $0.mapValues(\.count) } }

  /// - Parameter isAttempt: whether it looks like somebody who has no business here, and not like a mistake.
  func note(_ refusal: Refusal, by caller: String, isAttempt: Bool, _ logger: Logger) {
    let now = ContinuousClock.now
    let untold = kinds.withLock { kinds -> Int? in
      var kind = kinds[refusal.code] ?? Kind()
      defer { kinds[refusal.code] = kind }
      kind.count += 1
      guard isAttempt else { return nil }
      kind.untold += 1
      if let toldAt = kind.toldAt, toldAt + .seconds(60) > now { return nil }
      kind.toldAt = now
      defer { kind.untold = 0 }
      return kind.untold
    }
    guard let untold else { return }
    logger.warning(
      "a request was refused: \(refusal.message)",
      metadata: ["code": "\(refusal.code)", "from": "\(caller)", "times": "\(untold)"])
  }
}
