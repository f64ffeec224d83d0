import Foundation
import Journal
import ReadModel
import Watching

/// What the one listener was told last, as far as no row of the journal says that it has changed.
struct Told {
  /// Jobs without a row.
  var waiting: [JobID: JobView] = [:]
  /// What the reducer says of jobs besides their rows.
  var remarks: [JobID: Remark] = [:]
  var health: HealthView?
  /// When the reducer's part may be looked through again.
  var due = ContinuousClock.now
  var arrivalsDue = ContinuousClock.now
  /// The same of what has no job.
  var arrivals: [Arrival.Key: (stamp: Stamp, view: ArrivalView)] = [:]
  /// Views of arrivals that are made anew only when something about them has changed.
  var views: [Arrival.Key: (stamp: Stamp, view: JobView)] = [:]

  struct Remark: Hashable {
    let over: JobOverlay?
    let reason: Reason?
    let waitsForJournal: Bool
  }

  struct Stamp: Hashable {
    let change: Int
    let files: Int
    let reason: Reason
    let state: JobState
    let rules: Int
  }
}

extension Engine {
  public func beginListening(ended: Int) async throws -> SnapshotView {
    bell.listen()
    _ = bell.take()
    told = Told()
    // First: what changes while rows are read is told again.
    told.remarks = remarks()
    let reader = JournalReader(journal)
    let unfinished = Set(JobState.allCases).subtracting([.done, .cancelled])
    var rows = try await reader.jobs(JobQuery(states: unfinished, limit: 1_000_000)).map {
      live($0)
    }
    rows += try await reader.jobs(JobQuery(states: [.done, .cancelled], limit: ended)).map {
      live($0)
    }
    let seen = Set(rows.map(\.id))
    told.waiting = waitingJobs()
    let jobs = rows + told.waiting.values.filter { !seen.contains($0.id) }
    let health = try await health()
    told.health = health
    return SnapshotView(
      jobs: jobs.sorted { $0.id > $1.id }, progress: progressViews(),
      arrivals: arrivalViews(), rules: rulesView, health: health)
  }

  public func endListening() async {
    bell.ignore()
    told = Told()
    refusals = [:]
  }

  public nonisolated func somethingChanged() async { await bell.wait() }

  public func changes() async throws -> ChangesView {
    let marks = bell.take()
    var changes = ChangesView()
    if marks.rules {
      changes.rules = rulesView
      // It tells their mistakes too: both at once.
      told.due = ContinuousClock.now
    }
    var concerned: Set<JobID> = []
    if marks.memory || marks.progress {
      if ContinuousClock.now < told.due {
        // It changes often: looked at again when it is due.
        if marks.memory { bell.ring { $0.memory = true } }
      } else {
        concerned = try await lookThrough(&changes)
      }
    }
    let reader = JournalReader(journal)
    var rows = try await reader.jobs(numbers: marks.rows)
    concerned.subtract(rows.map(\.id))
    for id in concerned {
      if let row = try await reader.view(of: id) { rows.append(row) }
    }
    // What waited when it was looked through may have a row by now, which says more.
    let known = Set(rows.map(\.id))
    changes.jobs.removeAll { known.contains($0.id) }
    changes.jobs += rows.map { live($0) }
    if marks.progress { changes.progress = progressViews() }
    return changes
  }

  /// What the reducer holds may be much, and this isolation is where it decides: looking through it takes a twentieth of
  /// the time at most, and through what has no job a fiftieth.
  ///
  /// - Returns: jobs whose row is to be shown anew.
  private func lookThrough(_ changes: inout ChangesView) async throws -> Set<JobID> {
    let began = ContinuousClock.now
    let waiting = waitingJobs()
    changes.jobs = waiting.values.filter { told.waiting[$0.id] != $0 }
    let before = told.waiting
    let left = before.keys.filter { waiting[$0] == nil }
    told.waiting = waiting
    let remarks = remarks()
    var concerned = Set(remarks.filter { told.remarks[$0.key] != $0.value }.keys)
    concerned.formUnion(told.remarks.keys.filter { remarks[$0] == nil })
    told.remarks = remarks
    lookAtArrivals(&changes)
    let health = try await health()
    if health != told.health { changes.health = health }
    told.health = health
    let cost = ContinuousClock.now - began
    told.due = began + max(.milliseconds(500), cost * 20)
    for id in left where intake.jobs[id] == nil {
      if chains[id] != nil {
        // Its row is being written: it is looked at again.
        told.waiting[id] = before[id]
        bell.ring { $0.memory = true }
        continue
      }
      // It went without a word, or became a job that is over already.
      if try await journal.job(id) == nil { changes.gone.append(id) } else { concerned.insert(id) }
    }
    return concerned
  }

  /// All that lies there without a job: it may be a million names, so on a clock of its own.
  private func lookAtArrivals(_ changes: inout ChangesView) {
    let began = ContinuousClock.now
    guard began >= told.arrivalsDue else { return bell.ring { $0.memory = true } }
    changes.arrivals = arrivalViews()
    told.arrivalsDue =
      began + max(.milliseconds(500), (ContinuousClock.now - began) * 50)
  }

  private func remarks() -> [JobID: Told.Remark] {
    let isShort = intake.journalAt != nil
    return intake.jobs.mapValues {
      Told.Remark(over: $0.over, reason: $0.reason, waitsForJournal: isShort && $0.state == .queued)
    }
  }

  func stamp(_ arrival: Arrival) -> Told.Stamp {
    Told.Stamp(
      change: arrival.change, files: arrival.files.count, reason: reason(for: arrival),
      state: state(of: arrival), rules: intake.generation)
  }

  /// What is shown as a job and has no row yet.
  private func waitingJobs() -> [JobID: JobView] {
    var views: [Arrival.Key: (stamp: Told.Stamp, view: JobView)] = [:]
    var jobs: [JobID: JobView] = [:]
    for arrival in intake.arrivals.values where arrival.key.isTaken {
      let stamp = stamp(arrival)
      let view =
        told.views[arrival.key].flatMap { $0.stamp == stamp ? $0.view : nil }
        ?? waitingView(arrival)
      views[arrival.key] = (stamp, view)
      jobs[view.id] = view
    }
    told.views = views
    for id in intake.drafts.keys {
      if let job = intake.jobs[id] { jobs[id] = draftView(job) }
    }
    return jobs
  }

  private func progressViews() -> [ProgressView] {
    runner.progress.jobs.compactMap { id in
      guard let job = intake.jobs[id], job.state == .staging, let progress = runner.progress[id]
      else { return nil }
      let strips = strips(of: job, progress)
      let runs = strips.reduce(0) { $0 + $1.runs.count }
      return ProgressView(
        job: id, frames: FramesView(expected: job.plan.files.count, staged: progress.frames),
        bytes: BytesView(expected: Int64(job.byteCount), done: Int64(progress.bytes)),
        rate: progress.rate.map { $0.rounded() }, strips: runs > 512 ? nil : strips.map(\.runs))
    }
  }
}
