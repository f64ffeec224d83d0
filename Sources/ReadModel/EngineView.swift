/// Which jobs, newest first.
public struct JobQuery: Hashable, Sendable {
  /// Empty: every state.
  public var states: Set<JobState>
  /// At most so many; at least 1.
  public var limit: Int
  /// Only jobs older than the one of this whole id.
  public var before: String?
  /// Only jobs that have this somewhere in the paths or patterns of a source or destination, in their rule, hot folder or
  /// id, whatever the case of its letters.
  public var search: String?

  public init(
    states: Set<JobState> = [], limit: Int = 100, before: String? = nil, search: String? = nil
  ) {
    self.states = states
    self.limit = limit
    self.before = before
    self.search = search
  }
}

/// What reads jobs: the running engine, its journal while none runs, or a daemon behind its socket.
public protocol JobReader: Sendable {
  /// Newest first.
  func jobs(_ query: JobQuery) async throws -> [JobView]

  /// - Parameter id: the whole id.
  func job(_ id: String) async throws -> JobDetailView?

  /// Up to two whole ids that begin or end with `part` (hexadecimal digits and `-`, lower case).
  ///
  /// Two are enough to see that it names no single job. Ids of jobs made close together begin alike (UUIDv7), so people
  /// are shown the end. See `resolve(_:)`.
  func ids(matching part: String) async throws -> [String]
}

/// What a part of an id names.
public enum NamedJob: Hashable, Sendable {
  /// The whole id.
  case one(String)
  case none
  case several
}

extension JobReader {
  /// The job that `part` names: a whole id, or a beginning or end that no other job has.
  public func resolve(_ part: String) async throws -> NamedJob {
    let part = part.lowercased()
    guard !part.isEmpty, part.utf8.allSatisfy(isIDByte) else { return .none }
    let ids = try await ids(matching: part)
    if ids.contains(part) { return .one(part) }
    return ids.count > 1 ? .several : ids.first.map { .one($0) } ?? .none
  }
}

private func isIDByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
    UInt8(ascii: "-"):
    true
  default: false
  }
}

/// What became of a request to cancel one job.
public enum CancelAnswer: Hashable, Sendable {
  /// Its cancellation is in the journal; the job is `cancelling` or already `cancelled`.
  case accepted(JobView)
  /// Past the commit point or ended; with a sentence that says so.
  case tooLate(JobView, String)
  case unknown
}

/// What became of a request to try a job again, or to undo it.
public enum RequestAnswer: Hashable, Sendable {
  /// It is in the journal and will be carried out, also over a restart.
  case accepted(JobView)
  /// Not as the job stands; with a sentence that says why.
  case refused(JobView, String)
  case unknown
}

/// All that the API and the commands see of the engine.
public protocol EngineView: JobReader {
  /// - Parameters:
  ///   - job: the whole id.
  ///   - by: who asked, and from where.
  func cancel(job: String, why: String?, by: String) async throws -> CancelAnswer

  /// Cancels every job at or below `path`, an absolute path in a hot folder.
  /// - Returns: the jobs it reached; those past their commit point are not among them.
  func cancel(path: ExactText, why: String?, by: String) async throws -> [JobView]

  /// Has a held, failed or cancelled job tried again, or what an undone one took.
  /// - Parameters:
  ///   - job: the whole id.
  ///   - by: who asked, and from where.
  func retry(job: String, by: String) async throws -> RequestAnswer

  /// Takes back what a done job published, as far as it is unchanged; its reason tells when that is over.
  func undo(job: String, by: String) async throws -> RequestAnswer

  /// What lies in the hot folders without a job.
  func arrivals() async throws -> [ArrivalView]

  func health() async throws -> HealthView

  /// The rules in force, and the mistakes in their files.
  func rules() async throws -> RulesView

  /// What is known of each frame of a job; nil for an unknown one.
  ///
  /// - Parameter job: the whole id.
  func strip(of job: String) async throws -> StripView?

  func metrics() async throws -> MetricsView

  /// Everything as it is now; `changes` tells what differs from then on.
  ///
  /// For one listener: a second one would take from the first what it is told.
  /// - Parameter ended: how many of the jobs that have ended, the newest.
  func beginListening(ended: Int) async throws -> SnapshotView

  /// Nobody asks for changes any more.
  func endListening() async

  /// Returns as soon as something may have changed since the last `changes`, or at once if the task is cancelled.
  func somethingChanged() async

  /// What has changed since it was asked last; may be empty.
  func changes() async throws -> ChangesView
}
