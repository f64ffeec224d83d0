import Files
import Foundation
import Ingest
import Journal
import Paths
import ReadModel
import Rules
import Transfer
import Watching

/// One life of the daemon: the reducer, the code that moves files, and between them what `Engine` does with threads and
/// tasks, one step at a time in an order that the world draws.
///
/// A job's effects run one after another; those of several jobs, looks and events take turns. While an effect runs, the
/// world may deliver events and have them handled before each of its calls, as the engine's actor does beside its threads.
final class ModelDaemon {
  struct Work {
    let name: String
    let body: () async throws -> Void
  }

  private(set) var intake: Intake
  private let transfer = Transfer(workers: .onCallersThread)
  private let board = StopBoard()
  let journal: ModelJournal
  private let hotFolders: [HotFolder]
  private let now: () -> Moment
  private let say: (@autoclosure () -> String) -> Void
  private let rescan: (Place) -> Void
  private let barrier: () -> Void
  /// Begins to watch the hot folder, or ends it.
  private let watch: (Bool) -> Void
  private let presence: Presence
  /// Where jobs of an earlier life staged.
  private var stagedOn: [JobID: MountIdentity] = [:]
  private var removalTries: [JobID: Int] = [:]
  /// A job comes to its commit, or to what follows it.
  var onStep: (_ job: Job, _ isCommit: Bool) -> Void = { _, _ in }

  private(set) var inbox: [Event] = []
  private(set) var chains: [JobID: [Work]] = [:]
  private(set) var looks: [Work] = []
  private(set) var syncs: [Work] = []
  private var receipts: [JobID: [Receipt]] = [:]
  private var inserted: Set<JobID> = []
  private var unproven: Set<JobID> = []
  /// Tried again by a person, and the row does not say so yet.
  private var retrying: Set<JobID> = []
  private var withoutClaims: Set<JobID> = []
  /// Of each cancel under way: whether its row was first. Nil before it is known.
  private var cancelRows: [JobID: Bool] = [:]
  /// When paused work may be asked for again, uptime.
  private(set) var later: [(at: Duration, event: Event)] = []
  /// Set once the journal failed: nothing more is done.
  private(set) var isBroken = false
  /// Jobs whose staging may not stand any more.
  private(set) var reported: Set<JobID> = []
  /// The job whose effect runs.
  private(set) var current: JobID?

  init(
    hotFolders: [HotFolder], rules: RuleSet, durability: TransferPlan.Durability,
    journal: ModelJournal, limits: Intake.Limits, makeID: @escaping @Sendable (Date) -> JobID,
    now: @escaping () -> Moment, say: @escaping (@autoclosure () -> String) -> Void,
    rescan: @escaping (Place) -> Void, barrier: @escaping () -> Void,
    watch: @escaping (Bool) -> Void
  ) {
    self.hotFolders = hotFolders
    self.journal = journal
    self.now = now
    self.say = say
    self.rescan = rescan
    self.barrier = barrier
    self.watch = watch
    presence = Presence(hotFolders: hotFolders)
    intake = Intake(
      hotFolders: hotFolders, rules: rules,
      settings: Intake.Settings(durability: durability, owner: "the one state"), limits: limits,
      makeID: makeID)
  }

  // MARK: Events

  /// As the watch thread hands them over: flags first, then the queue.
  func deliver(_ events: [WatchEvent]) {
    var urgent: [Event] = []
    for event in events where board.stopFor(event) { urgent.append(.watch(event)) }
    inbox.insert(contentsOf: urgent, at: 0)
    inbox += events.map { .watch($0) }
  }

  func post(_ event: Event) { inbox.append(event) }

  func handleNext() {
    guard !inbox.isEmpty, !isBroken else { return }
    apply(inbox.removeFirst())
  }

  func apply(_ event: Event) {
    for effect in intake.handle(event, at: now()) { carryOut(effect) }
  }

  var isIdle: Bool { inbox.isEmpty && chains.isEmpty && looks.isEmpty && syncs.isEmpty }

  var nextDeadline: Duration? {
    (later.map(\.at) + (intake.nextDeadline.map { [$0] } ?? [])).min()
  }

  func tick() {
    let now = now().uptime
    for item in later where item.at <= now { post(item.event) }
    later.removeAll { $0.at <= now }
    post(.tick)
  }

  // MARK: Running

  func runChain(_ id: JobID) async {
    guard var chain = chains[id], !chain.isEmpty else { return }
    let work = chain.removeFirst()
    chains[id] = chain
    current = id
    await run(work)
    current = nil
    if chains[id]?.isEmpty == true { chains[id] = nil }
  }

  func runLook(_ index: Int) async { await run(looks.remove(at: index)) }
  func runSync() async { await run(syncs.removeFirst()) }

  private func run(_ work: Work) async {
    if isBroken { return }
    say("  \(work.name)")
    do { try await work.body() } catch {
      say("  the journal cannot be written: everything stops")
      isBroken = true
    }
  }

  private func chain(_ id: JobID, _ name: String, _ body: @escaping () async throws -> Void) {
    chains[id, default: []].append(Work(name: "\(name) \(id.suffix(4))", body: body))
  }

  /// The job, bound to the directories that its roots have to be.
  private func pinned(_ id: JobID) -> Job? {
    intake.jobs[id].map(pinned)
  }

  private func pinned(_ job: Job) -> Job {
    job.pinned(
      source: presence.expected(.hotFolder(job.hotFolder)),
      destination: stagedOn[job.id] ?? presence.expected(.destination(job.plan.destinationRoot)))
  }

  private func absence(for job: Job) -> String? {
    let destination = Presence.Place.destination(job.plan.destinationRoot)
    if let earlier = stagedOn[job.id] {
      presence.accept(destination, ifIt: earlier)
      if presence.expected(destination) != earlier { return "it was staged on another volume" }
    }
    return presence.sentence(of: .hotFolder(job.hotFolder)) ?? presence.sentence(of: destination)
  }

  private func offline(_ error: TransferError, _ job: Job) -> String? {
    if let why = absence(for: job) { return why }
    switch error {
    case .destinationMissing, .destinationReplaced, .sourceRoot: return "\(error)"
    default: return nil
    }
  }

  private func withJob(_ id: JobID, _ name: String, _ body: @escaping (Job) async throws -> Void) {
    guard let job = pinned(id) else { return }
    chain(id, name) { try await body(job) }
  }

  // MARK: Effects

  private func carryOut(_ effect: Effect) {
    switch effect {
    case .inspect(let key, let change, let wanted):
      looks.append(Work(name: "look at \(key.directory.path)") { self.look(key, change, wanted) })
    case .prove(let key, let change, _, _): post(.proven(key, asOf: change, .right))
    case .stopProof, .tell: break
    case .chooseVersion(let job, let question):
      post(.versionChosen(job.id, .number(question.source)))
    case .stop(let id): board.raise(id)
    case .measure(let id, let measure):
      withJob(id, "measure") { await self.measure($0, measure) }
    case .giveBack(let id): withJob(id, "give back the room of") { try await self.giveBack($0) }
    case .overlay(let id, let over, _):
      chain(id, "lay \(over.map { "\($0)" } ?? "nothing") over") {
        try self.journal.setOver(over, of: id)
      }
    case .regainJournalRoom: post(.journalRoom(true))
    case .enqueue(let job): chain(job.id, "enqueue") { try self.enqueue(job) }
    case .stage(let id):
      guard let job = pinned(id) else { return }
      let flag = board.enter(job)
      chain(id, "stage") { try await self.stage(job, flag) }
    case .commit(let id, let recheck):
      withJob(id, "commit") { try await self.commit($0, recheck) }
    case .publish(let id): withJob(id, "publish") { try await self.publish($0) }
    case .finish(let id): withJob(id, "finish") { try await self.finish($0) }
    case .abort(let id, let reason, let commitUnderWay):
      if let job = pinned(id) { abort(job, reason, commitUnderWay) }
    case .recheck(let id, let paths):
      withJob(id, "recheck") { job in
        guard let changed = try? self.changed(paths, job) else { return }
        self.post(.rechecked(id, changed))
      }
    case .setAside(let id, let state, let reason):
      withJob(id, "set aside as \(state):") { try await self.setAside($0, state, reason) }
    case .requeue(let id, let over, let reason):
      chain(id, "requeue") {
        _ = try self.journal.transition(
          id, from: [.queued, .staging, .staged, .held], to: .queued, reason: reason)
        try self.journal.setOver(over, of: id)
      }
    case .retry(let id):
      retrying.insert(id)
      chain(id, "retry") {
        self.retrying.remove(id)
        _ = try self.journal.transition(id, from: [.held, .failed], to: .queued)
        self.withoutClaims.insert(id)
      }
    // Not asked for here: an undo has its own tests against power cuts.
    case .undo: break
    case .amend, .note: break
    case .recordCancelled(let waiting, let reason):
      chain(waiting.id, "record the cancel of") { try self.record(waiting, reason) }
    case .rescan(let place): rescan(place)
    case .leave: watch(false)
    case .seek:
      looks.append(Work(name: "look for the hot folder") { await self.seek() })
    }
  }

  private func look(_ key: Arrival.Key, _ change: Int, _ wanted: [WantedLook]) {
    var inspection = Inspection()
    for (directory, wanted) in Dictionary(grouping: wanted, by: \.path.parent).sorted(by: {
      $0.key < $1.key
    }) {
      let names = Dictionary(wanted.map { ($0.path.name!, $0) }, uniquingKeysWith: { $1 })
      let path = key.path(directory)
      guard let root = try? presence.open(.hotFolder(key.directory.root)) else { continue }
      var found = Inspector.look(
        at: names, in: path, root: root, known: journal.ingested(path))
      for stone in journal.tombstones where stone.directory == path {
        Fingerprint(stone.fingerprint).mark(&found.looks, as: stone.job)
      }
      inspection.add(found, only: Set(names.keys), below: directory)
    }
    post(.inspected(key, asOf: change, inspection))
  }

  private func enqueue(_ job: Job) throws {
    do {
      try journal.insert(job, .queued, claiming: true)
      inserted.insert(job.id)
      post(.enqueued(job.id))
    } catch let claimed as ModelJournal.Claimed {
      try journal.insert(job, .held, claiming: false)
      inserted.insert(job.id)
      withoutClaims.insert(job.id)
      post(.claimed(job.id, by: claimed.other, path: claimed.path))
    }
  }

  // MARK: Staging

  private func stage(_ job: Job, _ flag: StopFlag) async throws {
    guard try enterStaging(job) else { return }
    if let why = absence(for: job) {
      return post(.stagingEnded(job.id, .offline(why)))
    }
    do throws(TransferError) {
      if let message = try await unwelcome(job, flag) {
        return post(.stagingEnded(job.id, .conflict(message)))
      }
    } catch {
      return post(.stagingEnded(job.id, stagingEnd(error, job)))
    }
    let earlier = receipts[job.id] ?? []
    let written = Written()
    let done: [Receipt]
    do throws(TransferError) {
      done = try await transfer.stage(
        job.plan, keeping: earlier, stop: flag, receipts: { written.receipts += $0 })
    } catch {
      try journal.record(written.receipts, of: job.id)
      receipts[job.id] = earlier + written.receipts
      say("    \(error)")
      return post(.stagingEnded(job.id, stagingEnd(error, job)))
    }
    try journal.record(written.receipts, of: job.id)
    receipts[job.id] = done
    if try journal.transition(job.id, from: [.staging], to: .staged) { post(.staged(job.id)) }
  }

  // Sendable: called on the caller's thread only.
  private final class Written: @unchecked Sendable { var receipts: [Receipt] = [] }

  private func enterStaging(_ job: Job) throws -> Bool {
    do {
      let entered = try journal.transition(
        job.id, from: [.waiting, .queued, .staging, .staged, .held], to: .staging,
        claiming: withoutClaims.contains(job.id))
      if entered {
        withoutClaims.remove(job.id)
        try journal.setOver(nil, of: job.id)
      }
      return entered
    } catch let claimed as ModelJournal.Claimed {
      post(.claimed(job.id, by: claimed.other, path: claimed.path))
      return false
    }
  }

  private func unwelcome(_ job: Job, _ stop: StopFlag) async throws(TransferError) -> String? {
    guard job.plan.conflict == .hold else { return nil }
    let occupant: String?
    do throws(SystemError) { occupant = try Inspector.occupant(of: job) } catch {
      throw .io(error, nil)
    }
    guard let occupant else { return nil }
    let standing = try await transfer.survey(job.plan, stop: stop)
    let isAllThere =
      standing.count == job.plan.files.count
      && standing.values.allSatisfy { if case .identical = $0 { true } else { false } }
    return isAllThere ? nil : occupant
  }

  private func measure(_ job: Job, _ measure: Measure) async {
    var demand: Demand?
    var room: Room?
    do throws(TransferError) {
      switch measure {
      case .room: room = try await transfer.room(for: job.plan)
      case .roughly, .exactly:
        (demand, room) = try await transfer.demand(
          of: job.plan, having: receipts[job.id] ?? [], measure == .exactly ? .exactly : .roughly)
      }
    } catch {
      say("    it cannot be measured: \(error)")
    }
    post(
      .measured(
        job.id, RoomAnswer(demand: demand, isExact: measure == .exactly, room: room, done: [:])))
  }

  private func giveBack(_ job: Job) async throws {
    do {
      if case .kept = try await transfer.discard(job.plan) { return post(.gaveBack(job.id)) }
      try journal.forgetReceipts(of: job.id)
      receipts[job.id] = nil
    } catch let error as TransferError {
      say("    staging cannot be removed: \(error)")
    }
    post(.gaveBack(job.id))
  }

  private func stagingEnd(_ error: TransferError, _ job: Job) -> StagingEnd {
    if error.isExhaustion { return .exhausted("\(error)") }
    if error != .cancelled, let why = offline(error, job) { return .offline(why) }
    switch error {
    case .cancelled: return .stopped
    case .sourceChanged(let index), .unsafeSource(let index, _), .sourceNotAFile(let index, _):
      return .sourceChanged(job.plan.files[index].source)
    case .sourceMissing(let index):
      // A question, not an answer: first everything that was told before.
      barrier()
      let path = job.plan.files[index].source
      switch meaning(of: path, in: job.hotFolder, presence) {
      case .file: return .sourceMissing(path, directoryGone: false)
      case .directory: return .sourceMissing(path, directoryGone: true)
      case .unknown(let why): return .offline(why)
      }
    case .conflict: return .conflict("\(error)")
    case .destinationFull: return .destinationFull("\(error)")
    case .destinationNotWritable: return .notWritable("\(error)")
    case .destinationMissing, .destinationReplaced, .unsafeDestination, .crossesMounts,
      .foreignStaging, .stagingLost, .cannot, .readbackDiffers:
      return .failed("destination", "\(error)")
    case .sourceRoot: return .offline("\(error)")
    case .io, .unreadable: return .failed(.io, "\(error)")
    }
  }

  // MARK: Commit and publication

  private func commit(_ job: Job, _ recheck: Set<RelativePath>) async throws {
    onStep(job, true)
    do throws(SystemError) {
      let root = try presence.open(.hotFolder(job.hotFolder))
      if let place = try Inspector.sentinel(over: job, root) {
        return post(.commitRefused(job.id, .sentinel(place)))
      }
      if !recheck.isEmpty, let changed = try changed(recheck, job) {
        return post(.commitRefused(job.id, .sourceChanged(changed)))
      }
    } catch {
      return post(.commitRefused(job.id, .offline("\(error)")))
    }
    do throws(TransferError) {
      try await transfer.confirm(job.plan, receipts[job.id] ?? [])
    } catch {
      if let why = offline(error, job) { return post(.commitRefused(job.id, .offline(why))) }
      if error.isExhaustion { return post(.commitRefused(job.id, .exhausted("\(error)"))) }
      return post(.commitRefused(job.id, .destination("\(error)")))
    }
    if board.isRaised(job.id) { return post(.commitRefused(job.id, .cancelled)) }
    let isFirst = try journal.transition(job.id, from: [.staged], to: .committing)
    post(isFirst ? .committed(job.id) : .commitRefused(job.id, .cancelled))
  }

  private func changed(_ paths: Set<RelativePath>, _ job: Job) throws(SystemError) -> RelativePath?
  {
    try Inspector.changed(
      job.plan.files.filter { paths.contains($0.source) },
      presence.open(.hotFolder(job.hotFolder)))
  }

  private func publish(_ job: Job) async throws {
    onStep(job, false)
    do {
      if unproven.contains(job.id) { try await prove(job) }
    } catch let error as TransferError {
      return pause(job, offline(error, job).map { .offline($0) } ?? .transient("\(error)"))
    }
    let all = receipts[job.id] ?? []
    let outcome: PublishOutcome
    do throws(TransferError) {
      outcome = try await transfer.publish(job.plan, all)
    } catch {
      if error.isFailedSync { try journal.markFailedSync(job.id) }
      if case .destinationFull = error { return pause(job, .full("\(error)")) }
      return pause(job, offline(error, job).map { .offline($0) } ?? .transient("\(error)"))
    }
    switch outcome {
    case .published(let skipped):
      try journal.markFrames(
        skipped.map { ($0, "skipped") }, of: job.id, published: all.count)
      post(.published(job.id))
    case .held(let conflicts):
      post(.publishingFailed(job.id, .held("\(TransferError.conflict(conflicts))")))
    case .blocked(let conflicts):
      pause(job, .transient("\(TransferError.conflict(conflicts))"))
    }
  }

  private func pause(_ job: Job, _ failure: PublishFailure) {
    say("    publishing pauses: \(failure)")
    later.append((now().uptime + .seconds(2), .publishingFailed(job.id, failure)))
  }

  private func finish(_ job: Job) async throws {
    onStep(job, false)
    let all = receipts[job.id] ?? []
    var left = Set(job.plan.files.map(\.source))
    let hasFailed = journal.hasFailedSync(job.id)
    if job.plan.isMove, !hasFailed {
      switch await removals(of: job, all) {
      case .success(let removals):
        var kept: [(Int, String)] = []
        for removal in removals {
          switch removal.result {
          case .kept(let why):
            say("    \(job.plan.files[removal.index].source) is kept: \(why)")
            kept.append((removal.index, "kept"))
          case .removed, .alreadyGone: left.remove(job.plan.files[removal.index].source)
          }
        }
        try journal.markFrames(kept, of: job.id)
      case .failure(let later): return pause(job, later.why)
      }
    }
    do throws(TransferError) {
      let replaced = hasFailed ? [] : all
      if case .kept(let paths) = try await transfer.discard(job.plan, replacedBy: replaced) {
        say("    staging keeps \(paths)")
        reported.insert(job.id)
      }
    } catch {
      if let why = offline(error, job) { return pause(job, .offline(why)) }
      return pause(job, .transient("staging cannot be removed: \(error)"))
    }
    _ = try journal.transition(job.id, from: [.committing], to: .done)
    if hasFailed {
      // Not called durable: a sync that failed is believed no second time.
    } else if all.allSatisfy(\.durable) {
      try journal.setDurable(job.id)
    } else {
      syncLater(job, all)
    }
    release(job.id)
    post(.finished(job.id, kept: left))
  }

  private struct Later: Error { let why: PublishFailure }

  private func removals(of job: Job, _ all: [Receipt]) async -> Result<[Removal], Later> {
    let removals: [Removal]
    do throws(TransferError) {
      removals = try await transfer.removeSources(job.plan, all)
    } catch {
      if let why = offline(error, job) { return .failure(Later(why: .offline(why))) }
      return mayTryAgain(job) ? .failure(Later(why: .transient("\(error)"))) : .success([])
    }
    let failure = removals.lazy.compactMap { removal -> String? in
      if case .kept(.failed(let why)) = removal.result { why } else { nil }
    }.first
    if let failure, mayTryAgain(job) { return .failure(Later(why: .transient(failure))) }
    return .success(removals)
  }

  // MARK: Ending otherwise

  private func abort(_ job: Job, _ reason: Reason, _ commitUnderWay: Bool) {
    let id = job.id
    let row = {
      if let known = self.cancelRows[id] { return known }
      let isFirst = try self.journal.transition(
        id, from: [.waiting, .queued, .staging, .staged, .held, .cancelling], to: .cancelling,
        reason: reason, tombstones: self.tombstones(job, reason))
      self.cancelRows[id] = isFirst
      return isFirst
    }
    cancelRows[id] = nil
    if inserted.contains(id), !retrying.contains(id) {
      // Beside whatever the job is doing.
      do { _ = try row() } catch { isBroken = true }
    }
    chain(id, "abort") {
      let isFirst = try row()
      if commitUnderWay, !isFirst { return self.post(.tooLate(id)) }
      try await self.end(job, isFirst)
    }
  }

  private func end(_ job: Job, _ isFirst: Bool) async throws {
    do throws(TransferError) {
      _ = try await transfer.discard(job.plan, evenOnlyCopies: true)
    } catch {
      say("    staging cannot be removed: \(error)")
      _ = absence(for: job)
      guard isFirst else { return post(.tooLate(job.id)) }
      return later.append((now().uptime + .seconds(5), .abortAgain(job.id)))
    }
    guard isFirst else { return post(.tooLate(job.id)) }
    try journal.forgetReceipts(of: job.id)
    _ = try journal.transition(job.id, from: [.cancelling], to: .cancelled)
    release(job.id)
    post(.aborted(job.id))
  }

  private func tombstones(_ job: Job, _ reason: Reason) -> [TombstoneRecord] {
    guard reason.code == .user else { return [] }
    return job.members.map { member in
      let files = job.plan.files[member.files]
      return TombstoneRecord(
        hotFolder: hotFolders[job.hotFolder].name,
        directory: files[member.files.lowerBound].source.parent, pattern: member.head,
        fingerprint: Fingerprint(
          files.map { (name: $0.source.name!, snapshot: $0.snapshot) }
        ).data, job: job.id)
    }
  }

  private func record(_ waiting: WaitingJob, _ reason: Reason) throws {
    guard reason.code == .user else { return try journal.insertCancelled(waiting.id, []) }
    var stones: [TombstoneRecord] = []
    for (directory, files) in Dictionary(grouping: waiting.files, by: \.parent) {
      let names = Dictionary(
        uniqueKeysWithValues: files.map {
          ($0.name!, WantedLook(path: $0, checksWhole: false, knownWhole: nil))
        })
      guard let root = try? presence.open(.hotFolder(waiting.hotFolder)) else { continue }
      let looks = Inspector.look(
        at: names, in: directory, root: root, known: journal.ingested(directory)
      ).looks
      stones.append(
        TombstoneRecord(
          hotFolder: hotFolders[waiting.hotFolder].name, directory: directory,
          pattern: waiting.head,
          fingerprint: Fingerprint(looks.map { (name: $0.key, snapshot: $0.value.snapshot) }).data,
          job: waiting.id))
    }
    try journal.insertCancelled(waiting.id, stones)
  }

  private func setAside(_ job: Job, _ state: JobState, _ reason: Reason) async throws {
    do {
      switch try await transfer.discard(job.plan) {
      case .removed, .nothing:
        try journal.forgetReceipts(of: job.id)
        receipts[job.id] = nil
        stagedOn[job.id] = nil
      case .kept: reported.insert(job.id)
      }
    } catch let error as TransferError {
      say("    staging cannot be removed: \(error)")
      _ = absence(for: job)
      return later.append((now().uptime + .seconds(5), .setAsideAgain(job.id)))
    }
    _ = try journal.transition(
      job.id, from: [.waiting, .queued, .staging, .staged, .held, .committing], to: state,
      reason: reason)
    say("    \(state): \(reason.message)")
    board.leave(job.id)
    post(.setAside(job.id))
  }

  private func release(_ id: JobID) {
    board.leave(id)
    receipts[id] = nil
    cancelRows[id] = nil
  }

  // MARK: Recovery

  func recover() async throws {
    for root in Set(hotFolders.flatMap(\.roots.values)).sorted() {
      try acceptIfMounted(.destination(root), at: root)
    }
    let boot = try currentBootID()
    try await afterPowerCut(boot)
    var events: [Event] = []
    for row in journal.unfinished {
      var job = row.job
      job.restore(row.state, row.reason)
      inserted.insert(job.id)
      if job.state == .held { withoutClaims.insert(job.id) }
      let earlier = row.receipts.values.sorted { $0.index < $1.index }
      receipts[job.id] = earlier
      stagedOn[job.id] = earlier.first?.mount
      if job.state == .committing, earlier.contains(where: { $0.isDoubtful(under: boot) }) {
        unproven.insert(job.id)
      }
      say("  taken up again in state \(row.state): \(job.id.suffix(4))")
      events.append(.recovered(job))
    }
    for row in journal.undurable where !journal.hasFailedSync(row.job.id) {
      let all = row.receipts.values.sorted { $0.index < $1.index }
      if !all.contains(where: { $0.isDoubtful(under: boot) }) { syncLater(row.job, all) }
    }
    for event in events { apply(event) }
    try acceptIfMounted(.hotFolder(0), at: hotFolders[0].path)
    if let why = presence.absence(of: .hotFolder(0)) { return apply(.away(0, why)) }
    for back in try await transfer.putBack(hotFolders[0].path) { say("  put back: \(back)") }
    try presence.accept(.hotFolder(0))
    watch(true)
  }

  private func acceptIfMounted(_ place: Presence.Place, at path: String) throws {
    let wasMounted = journal.mounted.contains(path)
    let isMounted = try presence.acceptIfMounted(place, wasMounted: wasMounted)
    if presence.absence(of: place) == nil, wasMounted != isMounted {
      try journal.setMounted(path, isMounted)
    }
  }

  private func seek() async {
    guard let why = presence.absence(of: .hotFolder(0)) else {
      guard intake.offline[0] != nil else { return }
      do {
        try presence.accept(.hotFolder(0))
        for back in try await transfer.putBack(hotFolders[0].path) { say("  put back: \(back)") }
      } catch {
        return post(.away(0, "\(error)"))
      }
      apply(.back(0))
      watch(true)
      return
    }
    if intake.offline[0] == nil { post(.away(0, why)) }
  }

  private func mayTryAgain(_ job: Job) -> Bool {
    removalTries[job.id, default: 0] += 1
    return removalTries[job.id]! <= 3
  }

  private func syncLater(_ job: Job, _ all: [Receipt]) {
    syncs.append(
      Work(name: "sync \(job.id.suffix(4))") {
        let durable = try? await self.transfer.sync(job.plan, all)
        if durable?.count == all.count { try self.journal.setDurable(job.id) }
      })
  }

  private func afterPowerCut(_ boot: String) async throws {
    var isComplete = true
    for row in journal.ended(beforeBoot: boot) {
      let all = row.receipts.values.sorted { $0.index < $1.index }
      if row.state == .done, !row.isDurable, try reopen(row.job) { continue }
      do throws(TransferError) {
        _ = try await transfer.discard(
          pinned(row.job).plan, evenOnlyCopies: row.state == .cancelled, replacedBy: all,
          durably: true)
      } catch {
        say("  staging cannot be removed: \(error)")
        reported.insert(row.job.id)
        isComplete = false
      }
    }
    if isComplete { try journal.setBoot(boot) }
  }

  private func reopen(_ job: Job) throws -> Bool {
    do {
      return try journal.transition(job.id, from: [.done], to: .committing, claiming: true)
    } catch is ModelJournal.Claimed {
      return false
    }
  }

  private func prove(_ job: Job) async throws {
    let earlier = receipts[job.id] ?? []
    var proven = try await transfer.recheck(job.plan, earlier)
    if proven.count < earlier.count {
      do throws(TransferError) {
        proven = try await transfer.stage(job.plan, keeping: proven)
      } catch {
        guard error.isOfTheSource else { throw error }
        say("    what did not survive cannot be staged again: \(error)")
        receipts[job.id] = proven
        return
      }
    }
    try journal.record(proven, of: job.id)
    receipts[job.id] = proven
    unproven.remove(job.id)
  }
}
