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
  let transfer = Transfer(workers: .onCallersThread)
  let board = StopBoard()
  let journal: ModelJournal
  let hotFolders: [HotFolder]
  let now: () -> Moment
  let say: (@autoclosure () -> String) -> Void
  let rescan: (Place) -> Void
  let barrier: () -> Void
  /// Begins to watch the hot folder, or ends it.
  let watch: (Bool) -> Void
  let presence: Presence
  /// Where jobs of an earlier life staged.
  var stagedOn: [JobID: MountIdentity] = [:]
  var removalTries: [JobID: Int] = [:]
  /// A job comes to its commit, or to what follows it.
  var onStep: (_ job: Job, _ isCommit: Bool) -> Void = { _, _ in }

  var inbox: [Event] = []
  var chains: [JobID: [Work]] = [:]
  var looks: [Work] = []
  var syncs: [Work] = []
  var receipts: [JobID: [Receipt]] = [:]
  var inserted: Set<JobID> = []
  var unproven: Set<JobID> = []
  /// Tried again by a person, and the row does not say so yet.
  var retrying: Set<JobID> = []
  var withoutClaims: Set<JobID> = []
  /// Of each cancel under way: whether its row was first. Nil before it is known.
  var cancelRows: [JobID: Bool] = [:]
  /// When paused work may be asked for again, uptime.
  var later: [(at: Duration, event: Event)] = []
  /// Set once the journal failed: nothing more is done.
  var isBroken = false
  /// Jobs whose staging may not stand any more.
  var reported: Set<JobID> = []
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

  func run(_ work: Work) async {
    if isBroken { return }
    say("  \(work.name)")
    do { try await work.body() } catch {
      say("  the journal cannot be written: everything stops")
      isBroken = true
    }
  }

  func chain(_ id: JobID, _ name: String, _ body: @escaping () async throws -> Void) {
    chains[id, default: []].append(Work(name: "\(name) \(id.suffix(4))", body: body))
  }

  /// The job, bound to the directories that its roots have to be.
  func pinned(_ id: JobID) -> Job? {
    intake.jobs[id].map(pinned)
  }

  func pinned(_ job: Job) -> Job {
    job.pinned(
      source: presence.expected(.hotFolder(job.hotFolder)),
      destination: stagedOn[job.id] ?? presence.expected(.destination(job.plan.destinationRoot)))
  }

  func absence(for job: Job) -> String? {
    let destination = Presence.Place.destination(job.plan.destinationRoot)
    if let earlier = stagedOn[job.id] {
      presence.accept(destination, ifIt: earlier)
      if presence.expected(destination) != earlier { return "it was staged on another volume" }
    }
    return presence.sentence(of: .hotFolder(job.hotFolder)) ?? presence.sentence(of: destination)
  }

  func offline(_ error: TransferError, _ job: Job) -> String? {
    if let why = absence(for: job) { return why }
    switch error {
    case .destinationMissing, .destinationReplaced, .sourceRoot: return "\(error)"
    default: return nil
    }
  }

  func withJob(_ id: JobID, _ name: String, _ body: @escaping (Job) async throws -> Void) {
    guard let job = pinned(id) else { return }
    chain(id, name) { try await body(job) }
  }

  // MARK: Effects

  func carryOut(_ effect: Effect) {
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

  func look(_ key: Arrival.Key, _ change: Int, _ wanted: [WantedLook]) {
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

  func enqueue(_ job: Job) throws {
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
}
