import Files
import Foundation
import Journal
import Logging
import Paths
import ReadModel
import Rules
import Synchronization
import Transfer
import Watching

/// Carries out what the reducer decides: the one place where events, effects, threads and the journal meet.
///
/// Events wait in the `Inbox`; this actor hands them to `Intake` one by one and starts the effects. Each job's effects
/// run one after another in its chain of tasks; what they come to is posted back as an event.
public actor Engine {
  public struct Configuration: Sendable {
    public var hotFolders: [HotFolder]
    public var rules: RuleSet
    public var durability: TransferPlan.Durability
    /// Threads that copy.
    public var workers: Int?
    public var limits: Intake.Limits
    public var version: String
    /// Whether what lies at a path counts although a volume was mounted there in an earlier run.
    public var acceptsUnmounted = false
    /// Called before a hot folder that was away is watched again: keeps other daemons off it. What it throws keeps the
    /// folder away, and is shown.
    public var lock: @Sendable (HotFolder) throws -> Void = { _ in }

    public init(
      hotFolders: [HotFolder], rules: RuleSet, durability: TransferPlan.Durability = .fast,
      workers: Int? = nil,
      limits: Intake.Limits = Intake.Limits(), version: String
    ) {
      self.hotFolders = hotFolders
      self.rules = rules
      self.durability = durability
      self.workers = workers
      self.limits = limits
      self.version = version
    }
  }

  let configuration: Configuration
  let journal: Journal
  let runner: JobRunner
  let threads: FileThreads
  /// A terabyte's digests take hours: nobody else waits behind them.
  let proofThreads = FileThreads()
  let log: Logger
  let inbox = Inbox()
  /// The runner's, for whoever waits for it outside.
  nonisolated let bell: ChangeBell
  let watcher: Watcher
  let started = Timestamp.now
  private let birth = ContinuousClock.now

  var intake: Intake { runner.intake }
  /// The last task of each job; the next step waits for it.
  var chains: [JobID: Link] = [:]
  private var links = 0

  struct Link {
    let number: Int
    let task: Task<Void, Never>
  }

  /// Rows that a cancel's row follows: those of new jobs, and of jobs that a person has tried again.
  var rows: [JobID: Task<Void, Never>] = [:]
  /// The cancel's row of each job that is being cancelled: true if the cancel was first.
  var cancelRows: [JobID: Task<Bool, Never>] = [:]
  var isSeeking = false
  /// Watches of hot folders that are away, being taken down.
  var departures: [Int: Task<Void, Never>] = [:]
  /// Syncs of published files, one after another: they must not fill the disk's queue.
  var syncs: Task<Void, Never>?
  var unsynced = 0
  /// Looks asked for by the events at hand: the journal is asked once for each directory.
  var looks: [AskedLook] = []
  /// Manifests that are held against files, and the way to stop that.
  var proofs: [Arrival.Key: StopFlag] = [:]
  /// Versions are chosen one after another: each choice counts for the next.
  var versions: Task<Void, Never>?
  var endsAtRest = false
  /// As they were shown last; `health` tells their mistakes too.
  var rulesView = RulesView(directory: "")
  /// What the one listener to changes was told.
  var told = Told()
  /// What each rule says of an arrival that none takes, while the rules stay as they are.
  var refusals: [Arrival.Key: [RefusalView]] = [:]
  var refusalsAsOf = 0
  /// When each arrival was told first, by its id.
  var arrivalsSince: [String: Timestamp] = [:]
  /// When each job under way became ready.
  var readySince: [JobID: ContinuousClock.Instant] = [:]
  var isRegainingRoom = false
  /// What was said last of each arrival that does not go, so that it is said once.
  var said: [JobID: String] = [:]
  private var timer: (due: Duration, task: Task<Void, Never>)?
  private var failure: (any Error)?
  private var isReady = false
  private nonisolated let stopped = Atomic<Bool>(false)
  private var whenReady: [CheckedContinuation<Void, Never>] = []

  typealias Hold = @Sendable (HoldPoint, JobID) async -> Void

  public init(_ configuration: Configuration, journal: Journal, log: Logger) throws(WatchError) {
    let workers = configuration.workers.map { CopyWorkers(count: $0) } ?? CopyWorkers()
    try self.init(configuration, journal: journal, log: log, transfer: Transfer(workers: workers))
  }

  init(
    _ configuration: Configuration, journal: Journal, log: Logger, transfer: Transfer,
    hold: Hold? = nil
  ) throws(WatchError) {
    self.configuration = configuration
    self.journal = journal
    self.log = log
    let (inbox, board) = (inbox, StopBoard())
    let watcher = try Watcher { events in
      var urgent: [Event] = []
      var rest: [Event] = []
      rest.reserveCapacity(events.count)
      for event in events {
        if board.stopFor(event) { urgent.append(.watch(event)) }
        // In its place too: told early it stops, told in order it says what holds after all else.
        rest.append(.watch(event))
      }
      inbox.post(watched: rest, urgent: urgent)
    }
    self.watcher = watcher
    threads = FileThreads()
    var settings = JobRunner.Configuration(hotFolders: configuration.hotFolders)
    settings.acceptsUnmounted = configuration.acceptsUnmounted
    runner = JobRunner(
      settings,
      intake: Intake(
        hotFolders: configuration.hotFolders, rules: configuration.rules,
        settings: Intake.Settings(durability: configuration.durability, owner: journal.identity),
        limits: configuration.limits, makeID: { journal.makeID(at: $0) }),
      ledger: journal, transfer: transfer, threads: threads, board: board,
      host: Host(inbox: inbox, watcher: watcher, hold: hold), log: log)
    let bell = runner.bell
    self.bell = bell
    journal.whenJobsChange { rows in bell.ring { $0.rows.formUnion(rows) } }
  }

  /// How steps reach what goes on around them.
  private final class Host: JobHost {
    private let inbox: Inbox
    private let watcher: Watcher
    private let hold: Hold?

    init(inbox: Inbox, watcher: Watcher, hold: Hold?) {
      self.inbox = inbox
      self.watcher = watcher
      self.hold = hold
    }

    func post(_ event: Event) { inbox.post(event) }

    func post(_ event: Event, after time: Duration) {
      let inbox = inbox
      Task {
        // Ends with the process at the latest.
        try? await Task.sleep(for: time)
        inbox.post(event)
      }
    }

    func barrier() async { await watcher.barrier() }
    func pass(_ point: HoldPoint, _ id: JobID) async { await hold?(point, id) }
  }

  /// Takes up what the journal holds, watches, and works until `stop()`, or, with `untilAtRest`, until nothing is left
  /// to do or to wait for.
  ///
  /// - Throws: what makes it impossible to go on: a hot folder that cannot be watched, a journal that cannot be
  ///   written. Staging is kept; the next start takes it up.
  public func run(untilAtRest: Bool = false) async throws {
    endsAtRest = untilAtRest
    // A writer that opens a file in the instant of our lease makes the kernel send SIGIO, whose default is to kill.
    signal(SIGIO, SIG_IGN)
    do { try await begin() } catch {
      await windDown()
      throw error
    }
    while true {
      setTimer()
      let events = await inbox.take()
      // After a failure nothing more is begun, whatever was posted before it.
      if events.isEmpty || failure != nil { break }
      for event in events { apply(event) }
      startLooks()
      announceReadiness()
      if untilAtRest, intake.isAtRest, chains.isEmpty, unsynced == 0 { break }
    }
    await windDown()
    if let failure { throw failure }
  }

  private func begin() async throws {
    let inbox = inbox
    let (log, shortage) = (log, journalShortage)
    journal.whenShortOfRoom {
      log.critical("\(shortage)")
      inbox.post(.journalRoom(false))
    }
    if journal.isShortOfRoom {
      log.critical("\(shortage)")
      apply(.journalRoom(false))
    }
    for event in try await runner.recover() { apply(event) }
    startSyncs()
    for (index, hotFolder) in configuration.hotFolders.enumerated() {
      if let why = try await runner.open(index) {
        apply(.away(index, why))
        continue
      }
      try await watcher.watch(
        root: index, at: hotFolder.path, expecting: runner.presence.expected(.hotFolder(index)))
    }
  }

  /// Puts other rules in force: what has no job yet, and what is held, is asked again.
  public func use(_ rules: RuleSet) { inbox.post(.rulesChanged(rules)) }

  /// What is to be shown of the rule files and their mistakes.
  public func show(_ rules: RulesView) {
    if rules == rulesView { return }
    rulesView = rules
    bell.ring {
      $0.rules = true
      $0.memory = true
    }
  }

  /// Ends `run`: no new work, staging kept, the journal closed by its owner afterwards.
  public nonisolated func stop() {
    stopped.store(true, ordering: .releasing)
    inbox.close()
  }

  /// Whether it ended because somebody asked for it.
  public nonisolated var wasStopped: Bool { stopped.load(ordering: .acquiring) }

  /// Returns once every hot folder has been looked through for the first time.
  public func ready() async {
    if isReady { return }
    await withCheckedContinuation { whenReady.append($0) }
  }

  private func announceReadiness() {
    guard !isReady,
      configuration.hotFolders.indices.allSatisfy({
        intake.lookedAt.contains($0) || intake.offline[$0] != nil
      })
    else { return }
    isReady = true
    for waiter in whenReady { waiter.resume() }
    whenReady = []
  }

  /// Stops the writers and waits for them; a commit or publication under way ends first.
  private func windDown() async {
    timer?.task.cancel()
    runner.interrupt()
    for link in Array(chains.values) { await link.task.value }
    await syncs?.value
    await watcher.stop()
    for waiter in whenReady { waiter.resume() }
    whenReady = []
  }

  func now() -> Moment { Moment(uptime: ContinuousClock.now - birth, wall: Date()) }

  /// Wakes the loop when the reducer's next deadline comes; nothing runs while nothing is due.
  private func setTimer() {
    guard let due = intake.nextDeadline else {
      timer?.task.cancel()
      timer = nil
      return
    }
    if timer?.due == due { return }
    timer?.task.cancel()
    let (inbox, at) = (inbox, birth + due)
    let task = Task {
      do { try await Task.sleep(until: at, tolerance: .milliseconds(5), clock: .continuous) } catch
      { return }
      inbox.post(.tick)
    }
    timer = (due, task)
  }

  /// Without a journal no work is done: everything stops as it is, and the next start takes it up.
  func fail(_ error: any Error) {
    if failure == nil {
      failure = error
      log.critical("cannot go on: \(error)")
    }
    inbox.close()
  }

  /// Runs `work` after everything that was asked of this job before.
  func chain(
    _ id: JobID,
    _ work: nonisolated(nonsending) @escaping @Sendable (JobRunner) async throws -> Void
  ) {
    let previous = chains[id]?.task
    links += 1
    let number = links
    let task = Task {
      await previous?.value
      do { try await work(runner) } catch { fail(error) }
      startSyncs()
      if chains[id]?.number == number {
        chains[id] = nil
        // `run` looks whether all is at rest after each event only.
        if endsAtRest { inbox.post(.tick) }
      }
    }
    chains[id] = Link(number: number, task: task)
  }

  /// Syncs what was published without, one job after another.
  private func startSyncs() {
    let due = runner.syncsDue
    runner.syncsDue = []
    for (job, receipts) in due {
      let previous = syncs
      unsynced += 1
      syncs = Task {
        await previous?.value
        do { try await runner.sync(job, receipts) } catch { fail(error) }
        unsynced -= 1
        if endsAtRest { inbox.post(.tick) }
      }
    }
  }
}
