import Paths
import ReadModel

/// Where the commands read jobs: from the running daemon or, if none runs, from its journal.
enum JobSource {
  case daemon(DaemonClient)
  case journal(any JobReader)

  /// - Throws: `.noDaemon` if neither is there.
  static func open(_ stateDirectory: String) async throws -> JobSource {
    let client = DaemonClient(stateDirectory: stateDirectory)
    do {
      _ = try await client.health()
      return .daemon(client)
    } catch let failure as Failure where failure.status == .noDaemon {
      guard let journal = try await openJournal(stateDirectory: stateDirectory) else {
        throw failure
      }
      return .journal(journal)
    }
  }

  var isDaemon: Bool {
    if case .daemon = self { true } else { false }
  }

  /// nil of a journal: nobody watches anything.
  func health() async throws -> HealthView? {
    if case .daemon(let client) = self { try await client.health() } else { nil }
  }

  /// Newest first.
  func jobs(_ query: JobQuery) async throws -> [JobView] {
    switch self {
    case .daemon(let client): try await client.jobs(query)
    case .journal(let journal): try await journal.jobs(query)
    }
  }

  /// Every job of these states, newest first, however many.
  func allJobs(_ states: Set<JobState>) async throws -> [JobView] {
    var all: [JobView] = []
    while true {
      let page = try await jobs(JobQuery(states: states, limit: 500, before: all.last?.id))
      all += page
      if page.count < 500 { return all }
    }
  }

  /// - Parameter part: an id, or a beginning or end of it that no other has.
  /// - Throws: `.noSuchInput` for no such job, or more than one.
  func job(_ part: String) async throws -> JobDetailView {
    switch self {
    case .daemon(let client): return try await client.job(part)
    case .journal(let journal):
      switch try await journal.resolve(part) {
      case .one(let id):
        if let job = try await journal.job(id) { return job }
        throw noSuchJob(part, "no job has this id")
      case .none: throw noSuchJob(part, "no job has this id")
      case .several: throw noSuchJob(part, "more than one job's id begins or ends so")
      }
    }
  }
}

private func noSuchJob(_ part: String, _ why: String) -> Failure {
  Failure(
    .noSuchInput, "\(shown(Array(part.utf8))): \(why)", remedy: "'hotplate jobs' lists them")
}
