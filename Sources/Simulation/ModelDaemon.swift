import Foundation
import Ingest
import Journal
import Logging
import Paths
import ReadModel
import Rules
import Transfer
import Watching

/// One life of the daemon: the runner and its reducer, as the engine has them, with neither threads nor tasks. What they
/// do is done one step at a time, in an order that the world draws.
///
/// A job's steps run one after another; those of several jobs, looks and events take turns. While a step runs, the world
/// may deliver events and have them handled before each of its calls, as the engine's actor does beside its threads.
// Sendable: one simulation runs in one task from its beginning to its end, and nobody else knows its daemon.
final class ModelDaemon: @unchecked Sendable {
  /// What the world does for a daemon.
  struct Surroundings {
    let now: () -> Moment
    let say: (@autoclosure () -> String) -> Void
    let isTelling: Bool
    /// Lists a directory again.
    let rescan: (Place) -> Void
    /// Delivers all that has happened.
    let barrier: () -> Void
    /// Begins to watch the hot folder, or ends it.
    let watch: (Bool) -> Void
    /// A job has come to a place between two steps.
    let pass: (HoldPoint, Job) -> Void
  }

  /// What is no job's step.
  struct Errand {
    let name: String
    let body: () async throws -> Void
  }

  let runner: JobRunner
  private let journal: ModelJournal
  fileprivate let around: Surroundings
  private(set) var inbox: [Event] = []
  private(set) var chains: [JobID: [(step: Step, isRow: Bool)]] = [:]
  private(set) var errands: [Errand] = []
  private(set) var syncs: [Errand] = []
  /// Jobs whose row a cancel's row follows, and is not written yet.
  private var rowsUnderWay: Set<JobID> = []
  /// Of each cancel under way: whether its row was first. Nil before it is known.
  private var cancelRows: [JobID: Bool] = [:]
  /// When paused work may be asked for again, uptime.
  private var later: [(at: Duration, event: Event)] = []
  /// Set once the journal failed: nothing more is done.
  private(set) var isBroken = false
  /// The job whose step runs.
  private(set) var current: JobID?

  init(
    hotFolders: [HotFolder], rules: RuleSet, durability: TransferPlan.Durability,
    journal: ModelJournal, makeID: @escaping @Sendable (Date) -> JobID, _ around: Surroundings
  ) {
    self.journal = journal
    self.around = around
    var settings = JobRunner.Configuration(hotFolders: hotFolders)
    settings.writesBeside = false
    let host = Host()
    runner = JobRunner(
      settings,
      intake: Intake(
        hotFolders: hotFolders, rules: rules,
        settings: Intake.Settings(durability: durability, owner: "the one state"),
        limits: Intake.Limits(), makeID: makeID),
      ledger: journal, transfer: Transfer(workers: .onCallersThread), threads: .onCallersThread,
      board: StopBoard(), host: host, log: StoryTeller.logger(around))
    host.daemon = self
  }

  var intake: Intake { runner.intake }

  // MARK: Events

  /// As the watch thread hands them over: flags first, then the queue.
  func deliver(_ events: [WatchEvent]) {
    var urgent: [Event] = []
    for event in events where runner.board.stopFor(event) { urgent.append(.watch(event)) }
    inbox.insert(contentsOf: urgent, at: 0)
    inbox += events.map { .watch($0) }
  }

  func post(_ event: Event) { inbox.append(event) }

  func post(_ event: Event, after time: Duration) {
    later.append((around.now().uptime + time, event))
  }

  private func pass(_ point: HoldPoint, _ id: JobID) {
    if let job = intake.jobs[id] { around.pass(point, job) }
  }

  func handleNext() {
    guard !inbox.isEmpty, !isBroken else { return }
    apply(inbox.removeFirst())
  }

  private func apply(_ event: Event) {
    for effect in runner.intake.handle(event, at: around.now()) {
      if let order = runner.order(for: effect) { carryOut(order) } else { carryOut(effect) }
    }
  }

  var nextDeadline: Duration? {
    (later.map(\.at) + (intake.nextDeadline.map { [$0] } ?? [])).min()
  }

  func tick() {
    let now = around.now().uptime
    for item in later where item.at <= now { post(item.event) }
    later.removeAll { $0.at <= now }
    post(.tick)
  }

  // MARK: Its life

  func start() async throws {
    for event in try await runner.recover() { apply(event) }
    takeSyncs()
    if let why = try await runner.open(0) { return apply(.away(0, why)) }
    around.watch(true)
  }

  /// Looks for the hot folder.
  private func seek() async {
    if let why = runner.presence.absence(of: .hotFolder(0)) {
      if intake.offline[0] == nil { post(.away(0, why)) }
    } else if intake.offline[0] != nil {
      do { try await runner.reopen(0) } catch { return post(.away(0, "\(error)")) }
      post(.back(0))
      around.watch(true)
    }
  }

  func undo(_ id: JobID) {
    errands.append(
      Errand(name: "begin to undo \(id.suffix(4))") { [self] in
        guard intake.jobs[id] == nil else { return }
        if let why = try await runner.beginUndo(of: id, by: "somebody") {
          around.say("    it cannot be undone: \(why)")
        }
      })
  }

  // MARK: Running

  func runChain(_ id: JobID) async {
    guard var chain = chains[id], !chain.isEmpty else { return }
    let (step, isRow) = chain.removeFirst()
    chains[id] = chain
    current = id
    await run("\(step.name) \(id.suffix(4))") { try await step.run(runner) }
    if isRow { rowsUnderWay.remove(id) }
    current = nil
    if chains[id]?.isEmpty == true { chains[id] = nil }
  }

  func runErrand(_ index: Int) async {
    let errand = errands.remove(at: index)
    await run(errand.name, errand.body)
  }

  func runSync() async {
    let sync = syncs.removeFirst()
    await run(sync.name, sync.body)
  }

  private func run(_ name: String, _ body: () async throws -> Void) async {
    if isBroken { return }
    around.say("  \(name)")
    do { try await body() } catch {
      around.say("  everything stops: \(error)")
      isBroken = true
    }
    takeSyncs()
  }

  private func takeSyncs() {
    for (job, receipts) in runner.syncsDue {
      syncs.append(
        Errand(name: "sync \(job.id.suffix(4))") { [runner] in
          try await runner.sync(job, receipts)
        })
    }
    runner.syncsDue = []
  }

  private func chain(_ step: Step, isRow: Bool = false) {
    chains[step.job, default: []].append((step, isRow))
  }

  private func carryOut(_ order: Order) {
    switch order {
    case .step(let step): chain(step)
    case .row(let step):
      chain(step, isRow: true)
      rowsUnderWay.insert(step.job)
    case .abort(let job, let reason, let commitUnderWay): abort(job, reason, commitUnderWay)
    }
  }

  private func abort(_ job: Job, _ reason: Reason, _ commitUnderWay: Bool) {
    let id = job.id
    let row = runner.cancelRow(of: job, reason)
    cancelRows[id] = nil
    if !rowsUnderWay.contains(id) {
      // Beside whatever the job is doing.
      do { cancelRows[id] = try journal.writeNow(row) } catch { isBroken = true }
    }
    chain(
      Step("end", id) {
        if self.cancelRows[id] == nil { self.cancelRows[id] = try await $0.write(row) }
        let isFirst = self.cancelRows[id]!
        try await $0.end(job, commitUnderWay: commitUnderWay, isFirst: { isFirst })
      })
  }

  /// What is no job's step.
  private func carryOut(_ effect: Effect) {
    switch effect {
    case .inspect(let key, let change, let wanted):
      let look = AskedLook(key: key, change: change, wanted: wanted)
      errands.append(
        Errand(name: "look at \(key.directory.path)") { [self] in
          post(
            .inspected(key, asOf: change, try await runner.inspector.inspection(for: look)))
        })
    case .prove(let key, let change, _, _): post(.proven(key, asOf: change, .right))
    case .chooseVersion(let job, let question):
      post(.versionChosen(job.id, .number(question.source)))
    case .regainJournalRoom: post(.journalRoom(true))
    case .leave: around.watch(false)
    case .seek: errands.append(Errand(name: "look for the hot folder") { await self.seek() })
    case .rescan(let place): around.rescan(place)
    default: break
    }
  }

  /// How steps reach the daemon.
  private final class Host: JobHost, @unchecked Sendable {
    weak var daemon: ModelDaemon?
    func post(_ event: Event) { daemon?.post(event) }
    func post(_ event: Event, after time: Duration) { daemon?.post(event, after: time) }
    func barrier() async { daemon?.around.barrier() }
    func pass(_ point: HoldPoint, _ id: JobID) async { daemon?.pass(point, id) }
  }
}

/// Has what the daemon says in its log told as part of the story.
private struct StoryTeller: LogHandler, @unchecked Sendable {
  let say: (@autoclosure () -> String) -> Void
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  static func logger(_ around: ModelDaemon.Surroundings) -> Logger {
    Logger(label: "simulation") { _ in
      StoryTeller(say: around.say, logLevel: around.isTelling ? .info : .critical)
    }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) { say("    log: \(event.message)") }
}
