import Foundation
import Journal
import Logging
import Paths
import ReadModel
import Sequences
import Transfer
import Watching

extension Engine: EngineView {
  public func jobs(_ query: JobQuery) async throws -> [JobView] {
    var views = try await JournalReader(journal).jobs(query).map { live($0) }
    let isFirstPage = query.before == nil
    if isFirstPage, query.states.isEmpty || !query.states.isDisjoint(with: [.waiting, .held]) {
      let drafts = intake.jobs.values.filter { intake.drafts[$0.id] != nil }.map { draftView($0) }
      let waiting =
        drafts
        + intake.arrivals.values.filter { $0.key.isTaken }.map { waitingView($0) }
        .filter {
          (query.states.isEmpty || query.states.contains($0.state))
            && (query.search.map($0.mentions) ?? true)
        }
      views = Array((waiting.sorted { $0.id > $1.id } + views).prefix(max(1, query.limit)))
    }
    return views
  }

  public func job(_ id: String) async throws -> JobDetailView? {
    if let arrival = intake.arrivals.values.first(where: { $0.job == id && $0.key.isTaken }) {
      return JobDetailView(job: waitingView(arrival), map: [], history: [])
    }
    if let job = intake.jobs[id], intake.drafts[id] != nil {
      return JobDetailView(job: draftView(job), map: [], history: [])
    }
    guard var detail = try await JournalReader(journal).job(id) else { return nil }
    detail.job = live(detail.job)
    return detail
  }

  public func ids(matching part: String) async throws -> [String] {
    let waiting = intake.arrivals.values.map(\.job).filter {
      $0.hasPrefix(part) || $0.hasSuffix(part)
    }
    return Array((waiting + (try await JournalReader(journal).ids(matching: part))).prefix(2))
  }

  public func cancel(job id: String, why: String?, by: String) async throws -> CancelAnswer {
    if let arrival = intake.arrivals.values.first(where: { $0.job == id && $0.key.isTaken }) {
      let view = waitingView(arrival)
      apply(.cancel(id, userReason(why, by)))
      await chains[id]?.task.value
      return .accepted(try await JournalReader(journal).job(id)?.job ?? view)
    }
    if intake.jobs[id] == nil, try await journal.job(id) == nil { return .unknown }
    apply(.cancel(id, userReason(why, by)))
    let accepted = await cancelRows[id]?.value ?? false
    guard let view = try await JournalReader(journal).job(id)?.job else { return .unknown }
    if accepted || view.state == .cancelled || view.state == .cancelling { return .accepted(view) }
    return .tooLate(view, "it is \(view.state.rawValue): nothing is left to cancel")
  }

  public func cancel(path: ExactText, why: String?, by: String) async throws -> [JobView] {
    guard let place = configuration.hotFolders.place(of: path) else { return [] }
    let concerned = intake.jobs.values.filter { job in
      job.hotFolder == place.root && job.state.takesCancel
        && job.plan.files.contains { $0.source.isAtOrBelow(place.path) }
    }.map(\.id)
    let waiting = intake.arrivals.values.filter {
      arrival in
      arrival.key.isTaken && arrival.key.directory.root == place.root
        && (arrival.key.directory.path.isAtOrBelow(place.path)
          || arrival.files.keys.contains { arrival.path($0).isAtOrBelow(place.path) })
    }.map(\.job)
    apply(.cancelBelow(place, userReason(why, by)))
    var reached: [JobView] = []
    // Taken now: what ends meanwhile is forgotten there.
    let rows = concerned.map { (id: $0, row: cancelRows[$0]) }
    for (id, row) in rows where await row?.value ?? false {
      if let view = try await JournalReader(journal).job(id)?.job { reached.append(view) }
    }
    for id in waiting {
      await chains[id]?.task.value
      if let view = try await JournalReader(journal).job(id)?.job { reached.append(view) }
    }
    return reached
  }

  public func arrivals() async throws -> [ArrivalView] {
    arrivalViews().sorted {
      $0.source.directory.bytes == $1.source.directory.bytes
        ? ($0.source.pattern?.bytes ?? []).lexicographicallyPrecedes(
          $1.source.pattern?.bytes ?? [])
        : $0.source.directory.bytes.lexicographicallyPrecedes($1.source.directory.bytes)
    }
  }

  /// In any order.
  func arrivalViews() -> [ArrivalView] {
    var known: [Arrival.Key: (stamp: Told.Stamp, view: ArrivalView)] = [:]
    for arrival in intake.arrivals.values where arrival.isWithoutJob {
      let stamp = stamp(arrival)
      let old = told.arrivals[arrival.key]
      known[arrival.key] = (stamp, old?.stamp == stamp ? old!.view : arrivalView(arrival))
    }
    told.arrivals = known
    var views = known.values.map(\.view)
    let now = Date()
    var obeyed: Set<Place> = []
    for (directory, contents) in intake.directories {
      var names: [Reason: [FileName]] = [:]
      for (name, answer) in contents.files {
        if case .onHold(let sentinel) = answer { obeyed.insert(sentinel) }
        if let reason = reason(for: answer, at: now) { names[reason, default: []].append(name) }
      }
      for (reason, names) in names { views += arrivals(names, in: directory, reason) }
    }
    for (place, sentinel) in intake.holds where !obeyed.contains(place) {
      let meaning =
        if case .stem = sentinel { "its stem is what stands before `.FRAME` in a name" } else {
          "nothing waits there"
        }
      let reason = Reason(.sentinel, "holds nothing: \(meaning)", at: now)
      views += arrivals(
        [place.path.name!], in: Place(root: place.root, path: place.path.parent), reason)
    }
    for (root, limit) in intake.limited {
      let place = Place(root: root, path: .root)
      views.append(
        ArrivalView(
          hotFolder: configuration.hotFolders[root].name,
          source: SequenceView(
            directory: ExactText(intake.absolute(place)), pattern: nil, frames: nil), files: 0,
          bytes: 0, reason: Reason("watch-limit", limit, at: Date())))
    }
    for (place, trouble) in intake.troubles {
      views.append(
        ArrivalView(
          hotFolder: configuration.hotFolders[place.root].name,
          source: SequenceView(
            directory: ExactText(intake.absolute(place)), pattern: nil, frames: nil), files: 0,
          bytes: 0,
          reason: Reason(
            place.path.isRoot && intake.offline[place.root] != nil ? .offline : .io, trouble,
            at: Date())))
    }
    return dated(views)
  }

  /// What lies there unchanged is told with the time at which it was told first, and each under an id of its own.
  private func dated(_ views: [ArrivalView]) -> [ArrivalView] {
    var since: [String: Timestamp] = [:]
    let dated = views.map { view in
      var view = view
      while since[view.id] != nil { view.id += "+" }
      view.reason.at = min(arrivalsSince[view.id] ?? view.reason.at, view.reason.at)
      since[view.id] = view.reason.at
      return view
    }
    arrivalsSince = since
    return dated
  }

  public func health() async throws -> HealthView {
    var counts: [String: Int] = [:]
    for job in intake.jobs.values { counts[job.state.rawValue, default: 0] += 1 }
    for arrival in intake.arrivals.values where arrival.key.isTaken {
      counts[state(of: arrival).rawValue, default: 0] += 1
    }
    var rates: [Int: Double] = [:]
    for id in runner.progress.jobs {
      guard let job = intake.jobs[id], let rate = runner.progress[id]?.rate else { continue }
      rates[job.hotFolder, default: 0] += rate.rounded()
    }
    let folders = configuration.hotFolders.enumerated().map { index, folder in
      HotFolderView(
        name: folder.name, path: ExactText(folder.path),
        state: intake.troubles[Place(root: index, path: .root)] != nil
          ? .offline : intake.limited[index] != nil ? .polling : .watching,
        rate: rates[index] ?? 0, destinations: folder.roots)
    }
    let problems =
      intake.troubles.map { "\(shown(intake.absolute($0.key))) \($0.value)" }.sorted()
      + intake.limited.values.sorted()
      + rulesView.mistakes.map { "\($0.file):\($0.line): \($0.message)" }
      + (intake.journalAt == nil ? [] : [journalShortage])
    return HealthView(
      ok: problems.isEmpty, version: configuration.version, pid: getpid(), started: started,
      hotFolders: folders,
      jobs: counts, problems: problems,
      watches: WatchesView(used: watcher.watchCount, limit: Watcher.limit))
  }

  public func rules() async throws -> RulesView { rulesView }

  private func userReason(_ why: String?, _ by: String) -> Reason {
    var reason = Reason(.user, why.map { "cancelled: \($0)" } ?? "cancelled by hand", at: Date())
    reason.by = by
    return reason
  }

  /// A row with what is newer in memory than in the journal.
  func live(_ row: JobView) -> JobView {
    var view = row
    if let progress = runner.progress[row.id] {
      view.frames.staged = progress.frames
      view.bytes.done = Int64(progress.bytes)
      if view.members.count == 1 { view.members[0].frames = view.frames }
    }
    if let job = intake.jobs[row.id] {
      view.over = job.over
      if let reason = job.reason {
        view.reason = reason
      } else if job.state == .queued, intake.journalAt != nil {
        view.reason = Reason(.io, journalShortage, at: job.created)
      }
    }
    return view
  }

  /// A job that has no row yet: the number under which it goes is being chosen.
  func draftView(_ job: Job) -> JobView {
    let frames = FramesView(expected: job.plan.files.count)
    let source = whole(job.members.map(\.source)) ?? job.members[0].source
    let reason = Reason(.settling, "its version is being chosen", at: job.created)
    return JobView(
      id: job.id, state: .waiting, rule: job.rule,
      hotFolder: configuration.hotFolders[job.hotFolder].name, source: source, destination: nil,
      frames: frames, bytes: BytesView(expected: Int64(job.byteCount)), reason: reason,
      created: Timestamp(job.created),
      members: job.members.map {
        MemberView(
          source: $0.source, destination: nil, frames: FramesView(expected: $0.files.count),
          state: .waiting)
      })
  }

  func waitingView(_ arrival: Arrival) -> JobView {
    let source = intake.label(arrival)
    let frames = FramesView(expected: arrival.files.count)
    let bytes = arrival.byteCount
    return JobView(
      id: arrival.job, state: state(of: arrival), rule: intake.ruleName(of: arrival),
      hotFolder: configuration.hotFolders[arrival.key.directory.root].name, source: source,
      destination: nil,
      frames: frames, bytes: BytesView(expected: Int64(bytes)), reason: reason(for: arrival),
      created: Timestamp(arrival.firstSeen.wall),
      members: [
        MemberView(source: source, destination: nil, frames: frames, state: state(of: arrival))
      ])
  }

  /// What has no plan yet waits, or is held until a person does something about it.
  func state(of arrival: Arrival) -> JobState {
    if case .held = arrival.phase { .held } else { .waiting }
  }

  private func arrivalView(_ arrival: Arrival) -> ArrivalView {
    let refused = arrival.key.isTaken ? [] : refusals(of: arrival)
    return ArrivalView(
      hotFolder: configuration.hotFolders[arrival.key.directory.root].name,
      source: intake.label(arrival),
      files: arrival.files.count,
      bytes: Int64(arrival.byteCount),
      reason: reason(for: arrival), refused: refused)
  }

  /// Why no rule takes it; every rule is asked, so what they said is kept until they change.
  private func refusals(of arrival: Arrival) -> [RefusalView] {
    if refusalsAsOf != intake.generation || refusals.count > 10_000 {
      (refusals, refusalsAsOf) = ([:], intake.generation)
    }
    if let known = refusals[arrival.key] { return known }
    guard let file = arrival.files.keys.min(),
      case .unmatched(let found) = intake.rules.decide(
        arrival.path(file), hotFolder: configuration.hotFolders[arrival.key.directory.root].name)
    else { return [] }
    refusals[arrival.key] = found.map { RefusalView(rule: $0.rule, why: $0.why) }
    return refusals[arrival.key]!
  }

  func reason(for arrival: Arrival) -> Reason {
    switch arrival.phase {
    case .blocked(let reason), .held(let reason): reason
    case .parked where intake.journalAt != nil:
      Reason(.io, "ready; \(journalShortage)", at: arrival.firstSeen.wall)
    case .parked:
      Reason(.settling, "ready; waits for a place in the queue", at: arrival.firstSeen.wall)
    case .proving:
      Reason(.manifest, "its manifest is held against its files", at: arrival.firstSeen.wall)
    case .settling, .inspecting:
      Reason(
        .settling, "waits until nothing has changed for \(arrival.quiet)",
        at: arrival.firstSeen.wall)
    }
  }

  /// Names of one directory with one answer, as sequences where they are some.
  private func arrivals(_ names: [FileName], in directory: Place, _ reason: Reason) -> [ArrivalView]
  {
    var finder = SequenceFinder()
    for name in names { finder.add(name) }
    let found = finder.finish()
    func view(_ pattern: FileName, _ frames: FrameSet?) -> ArrivalView {
      ArrivalView(
        hotFolder: configuration.hotFolders[directory.root].name,
        source: SequenceView(
          directory: ExactText(intake.absolute(directory)), pattern: ExactText(pattern.bytes),
          frames: frames?.description),
        files: frames?.count ?? 1, bytes: 0, reason: reason)
    }
    return found.sequences.map { view($0.pattern.pattern, $0.frames) }
      + found.singles.map { view($0, nil) }
  }

  /// Answers that are shown as arrivals; jobs and what was published are shown elsewhere.
  private func reason(for answer: Answer, at now: Date) -> Reason? {
    switch answer {
    case .waiting, .job, .done, .companion: nil
    case .left(let rule, let text): Reason("left", "\(text) (rule \(rule))", at: now)
    case .cancelled(let job):
      Reason(
        .user,
        "cancelled or undone by hand as job \(job); taken again when a file changes, or by `hotplate retry`",
        at: now)
    case .onHold(let sentinel):
      Reason(.sentinel, "on hold", path: intake.absolute(sentinel), at: now)
    case .inFlight:
      Reason("in-flight", "named like a copy under way; it counts when it is renamed", at: now)
    case .special(let kind): Reason("special", "a \(kind) is never taken", at: now)
    }
  }
}
