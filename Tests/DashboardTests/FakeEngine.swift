import ReadModel
import Synchronization

/// An engine of fixed answers that notes what it was asked.
final class FakeEngine: EngineView {
  struct Asked: Hashable, Sendable {
    var queries: [JobQuery] = []
    var cancelled: [String] = []
    var retried: [String] = []
    var undone: [String] = []
    var whys: [String?] = []
    var by: [String] = []
    var paths: [ExactText] = []
  }

  struct Broken: Error, CustomStringConvertible {
    let description = "the journal does not answer"
  }

  static let running = job("01990000-0000-7000-8000-00000000aaaa", .staging)
  static let ended = job("01990000-0000-7000-8000-00000000bbbb", .done)

  private let log = Mutex(Asked())
  let broken: Bool
  /// What the live stream is told; see `tell`.
  private let untold = Mutex(ChangesView())
  private let (bell, ring) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

  init(broken: Bool = false) { self.broken = broken }

  var asked: Asked { log.withLock { $0 } }

  func jobs(_ query: JobQuery) async throws -> [JobView] {
    if broken { throw Broken() }
    log.withLock { $0.queries.append(query) }
    return [Self.ended, Self.running]
  }

  func job(_ id: String) async throws -> JobDetailView? {
    [Self.running, Self.ended].first { $0.id == id }.map {
      JobDetailView(
        job: $0, map: [PlannedPair(source: "/drop/a", destination: "/shows/a")],
        history: [HistoryView(at: $0.created, state: .waiting, message: "first frame seen")])
    }
  }

  func ids(matching part: String) async throws -> [String] {
    [Self.running, Self.ended].map(\.id).filter { $0.hasPrefix(part) || $0.hasSuffix(part) }
  }

  func cancel(job: String, why: String?, by: String) async throws -> CancelAnswer {
    log.withLock {
      $0.cancelled.append(job)
      $0.whys.append(why)
      $0.by.append(by)
    }
    return switch job {
    case Self.running.id: .accepted(Self.running)
    case Self.ended.id: .tooLate(Self.ended, "it was published at 09:15")
    default: .unknown
    }
  }

  func retry(job: String, by: String) async throws -> RequestAnswer {
    log.withLock {
      $0.retried.append(job)
      $0.by.append(by)
    }
    return switch job {
    case Self.ended.id: .accepted(Self.ended)
    case Self.running.id: .refused(Self.running, "it is under way")
    default: .unknown
    }
  }

  func undo(job: String, by: String) async throws -> RequestAnswer {
    log.withLock {
      $0.undone.append(job)
      $0.by.append(by)
    }
    return switch job {
    case Self.ended.id: .accepted(Self.ended)
    case Self.running.id: .refused(Self.running, "it is not done")
    default: .unknown
    }
  }

  func cancel(path: ExactText, why: String?, by: String) async throws -> [JobView] {
    log.withLock {
      $0.paths.append(path)
      $0.whys.append(why)
      $0.by.append(by)
    }
    return [Self.running]
  }

  func arrivals() async throws -> [ArrivalView] {
    [
      ArrivalView(
        hotFolder: "renders",
        source: SequenceView(directory: "/drop", pattern: "a.@.exr", frames: "1-3"), files: 3,
        bytes: 12,
        reason: ReasonView(
          code: .unmatched, message: "no rule takes it", at: Timestamp(milliseconds: 0)))
    ]
  }

  func health() async throws -> HealthView {
    HealthView(
      ok: true, version: "0.1.0", pid: 1, started: Timestamp(milliseconds: 0), hotFolders: [],
      jobs: ["done": 1], problems: [])
  }

  func rules() async throws -> RulesView { RulesView(directory: "rules") }

  func strip(of job: String) async throws -> StripView? {
    StripView(
      id: job,
      members: [
        MemberStripView(
          pattern: "a.@.exr", first: 1, last: 4,
          runs: [FrameRun(.staged, 2), FrameRun(.missing, 1), FrameRun(.arrived, 1)])
      ])
  }

  func metrics() async throws -> MetricsView {
    var histogram = HistogramView(bounds: [0.1, 1])
    histogram.record(0.5)
    var metrics = MetricsView(
      health: try await health(), arrivalToReady: histogram, readyToPublished: histogram,
      cancelToNoTrace: histogram)
    metrics.volumes["a \"b\"\nc\\"] = VolumeView()
    return metrics
  }

  func beginListening(ended: Int) async throws -> SnapshotView {
    if broken { throw Broken() }
    return SnapshotView(
      jobs: [Self.running], arrivals: try await arrivals(), rules: try await rules(),
      health: try await health())
  }

  func endListening() async {}

  func somethingChanged() async {
    for await _ in bell { return }
  }

  func changes() async throws -> ChangesView {
    untold.withLock { untold in
      defer { untold = ChangesView() }
      return untold
    }
  }

  func tell(_ change: (inout ChangesView) -> Void) {
    untold.withLock { change(&$0) }
    ring.yield()
  }

  static func job(_ id: String, _ state: JobState) -> JobView {
    let place = SequenceView(directory: "/drop", pattern: "a.@.exr", frames: "1-3")
    return JobView(
      id: id, state: state, rule: "renders", hotFolder: "renders", source: place,
      destination: place, frames: FramesView(expected: 3), bytes: BytesView(expected: 12),
      created: Timestamp(milliseconds: 0), members: [])
  }
}
