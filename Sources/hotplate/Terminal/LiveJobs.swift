import ReadModel

/// Keeps the live table on a screen up to date, by asking again and again.
struct LiveJobs {
  let screen: LiveScreen
  /// Jobs of these states only; empty for all.
  var states: Set<JobState> = []
  /// At most so many of each section.
  var limit = 200

  /// Where it asks; found anew for each look at all of it, so that a daemon may go and come.
  struct Source: Sendable {
    let jobs: @Sendable (JobQuery) async throws -> [JobView]
    let health: @Sendable () async throws -> HealthView?
    var notice: String?
  }

  /// Draws until its task is cancelled: four pictures a second while something runs, else one.
  ///
  /// - Parameter source: what it throws is shown, and asked again a second later.
  func follow(_ source: @Sendable () async throws -> Source) async {
    var board = JobBoard(states: states)
    var meter = RateMeter()
    let began = ContinuousClock.now
    var whole = began
    var current: Source?
    while !Task.isCancelled {
      do {
        let now = ContinuousClock.now
        if let source = current, board.hasRunning, now < whole {
          try await lookAtRunning(source, &board)
        } else {
          let found = try await source()
          board.notice = found.notice
          try await lookAtAll(found, &board)
          current = found
          whole = now + .seconds(1)
        }
        let running = board.jobs.filter { JobBoard.Section.of($0.state) == .running }
        meter.look(at: running, now: ContinuousClock.now - began)
        board.rates = meter.rates
      } catch is CancellationError {
        return
      } catch {
        current = nil
        board.rates = [:]
        board.health = nil
        board.notice = Self.notice(of: error)
      }
      board.now = .now
      screen.show { [board] terminal in
        board.lines(
          width: terminal.width ?? 80, height: terminal.height ?? 24, color: terminal.color)
      }
      let pause = current != nil && board.hasRunning ? Duration.milliseconds(250) : .seconds(1)
      do { try await Task.sleep(for: pause) } catch { return }
    }
  }

  private func lookAtAll(_ source: Source, _ board: inout JobBoard) async throws {
    let health = try await source.health()
    var jobs: [JobView] = []
    board.cut = []
    for section in JobBoard.Section.allCases {
      let states = board.wanted(section)
      if states.isEmpty { continue }
      let found = try await source.jobs(JobQuery(states: states, limit: limit))
      if found.count == limit { board.cut.insert(section) }
      jobs += found
    }
    board.health = health
    // One that went on to the next section between two questions is in both answers: the later one holds.
    var seen: Set<String> = []
    board.jobs = Array(jobs.reversed().filter { seen.insert($0.id).inserted }.reversed())
  }

  /// Only what moves between two looks at all of it.
  private func lookAtRunning(_ source: Source, _ board: inout JobBoard) async throws {
    let running = try await source.jobs(
      JobQuery(states: board.wanted(.running), limit: limit))
    let before = board.jobs.filter { JobBoard.Section.of($0.state) == .running }
    guard Set(running.map(\.id)) == Set(before.map(\.id)) else {
      return try await lookAtAll(source, &board)
    }
    board.jobs = running + board.jobs.filter { JobBoard.Section.of($0.state) != .running }
  }

  private static func notice(of error: any Error) -> String {
    guard let failure = error as? Failure else { return "\(error); asks again" }
    return failure.status == .noDaemon
      ? "\(failure.message); waits for it to be back" : "\(failure.message); asks again"
  }
}
