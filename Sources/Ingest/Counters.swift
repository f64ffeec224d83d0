import ReadModel
import Synchronization

/// Counts what monitors draw curves of, since the daemon began. Written from any thread.
final class Counters: Sendable {
  struct Counts {
    var ended: [String: Int] = [:]
    /// By the hot folder's place in the configuration.
    var volumes: [Int: VolumeView] = [:]
    // From a second for a still to a day for a delivery that waits for its marker.
    var arrivalToReady = HistogramView(bounds: [
      0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 28_800, 86_400,
    ])
    // From a clone to terabytes.
    var readyToPublished = HistogramView(bounds: [
      0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200,
    ])
    // Around what is promised: 250 ms and 0.25 s for each staged GiB.
    var cancelToNoTrace = HistogramView(bounds: [
      0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
    ])
    var events = 0
    var overflows = 0
    var rescans = 0
  }

  private let counts = Mutex(Counts())

  var current: Counts { counts.withLock { $0 } }

  func update(_ change: (inout Counts) -> Void) { counts.withLock { change(&$0) } }
}
