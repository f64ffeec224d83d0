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
  let transfer: Transfer
  let inspector: Inspector
  let threads = FileThreads()
  /// A terabyte's digests take hours: nobody else waits behind them.
  let proofThreads = FileThreads()
  let log: Logger
  let inbox = Inbox()
  let board = StopBoard()
  let progress = ProgressBoard()
  let watcher: Watcher
  let started = Timestamp.now
  private let birth = ContinuousClock.now

  var intake: Intake
  /// The last task of each job; the next effect waits for it.
  var chains: [JobID: Link] = [:]
  private var links = 0

  struct Link {
    let number: Int
    let task: Task<Void, Never>
  }

  /// The cancel's row of each job that is being cancelled: true if the cancel was first.
  var cancelRows: [JobID: Task<Bool, Never>] = [:]
  /// Jobs that have a row in the journal.
  var inserted: Set<JobID> = []
  var receipts: [JobID: [Receipt]] = [:]
  /// Committed jobs of an earlier boot whose frames may not have survived its end.
  var unproven: Set<JobID> = []
  /// How many of their frames did not survive and cannot be staged again.
  var lostFrames: [JobID: Int] = [:]
  /// How often the sources of a move could not be removed.
  var removalTries: [JobID: Int] = [:]
  /// Places of the source directories of jobs under way: they tell where a directory went.
  var sourcePlaces: [JobID: [Descriptor]] = [:]
  /// Jobs that were held for another's claims: they take theirs when they begin.
  var withoutClaims: Set<JobID> = []
  /// Whether the hot folders and destinations are there.
  let presence: Presence
  /// Where jobs of an earlier run staged: nothing of them is looked for, or put, anywhere else.
  var stagedOn: [JobID: MountIdentity] = [:]
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
  /// The rows of jobs that a person has tried again.
  var retryRows: [JobID: Task<Void, Never>] = [:]
  /// Undos under way, and the way to interrupt them until the next start.
  var undoFlags: [JobID: StopFlag] = [:]
  /// Versions are chosen one after another: each choice counts for the next.
  var versions: Task<Void, Never>?
  var endsAtRest = false
  var ruleProblems: [String] = []
  var isRegainingRoom = false
  /// What was said last of each arrival that does not go, so that it is said once.
  var told: [JobID: String] = [:]
  private var timer: (due: Duration, task: Task<Void, Never>)?
  private var failure: (any Error)?
  private var isReady = false
  private nonisolated let stopped = Atomic<Bool>(false)
  let hold: Hold?
  private var whenReady: [CheckedContinuation<Void, Never>] = []

  /// Between which steps a test may keep a job waiting; every program passes there without a stop.
  enum HoldPoint: Hashable, Sendable {
    case beforeStaging, beforeProbe
    /// Behind the last look, before the row that decides.
    case beforeCommit
  }

  typealias Hold = @Sendable (HoldPoint, JobID) async -> Void

  public init(_ configuration: Configuration, journal: Journal, log: Logger) throws(WatchError) {
    let workers = configuration.workers.map { CopyWorkers(count: $0) } ?? CopyWorkers()
    try self.init(configuration, journal: journal, log: log, transfer: Transfer(workers: workers))
  }

  init(
    _ configuration: Configuration, journal: Journal, log: Logger, transfer: Transfer,
    hold: Hold? = nil
  ) throws(WatchError) {
    self.hold = hold
    self.transfer = transfer
    self.configuration = configuration
    self.journal = journal
    self.log = log
    presence = Presence(hotFolders: configuration.hotFolders)
    inspector = Inspector(
      hotFolders: configuration.hotFolders, journal: journal, threads: threads, presence: presence)
    intake = Intake(
      hotFolders: configuration.hotFolders, rules: configuration.rules,
      settings: Intake.Settings(durability: configuration.durability, owner: journal.identity),
      limits: configuration.limits, makeID: { journal.makeID(at: $0) })
    let (inbox, board) = (inbox, board)
    watcher = try Watcher { events in
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
    for root in Set(configuration.hotFolders.flatMap(\.roots.values)) {
      try await acceptIfMounted(.destination(root), at: root)
    }
    for event in try await recover() { apply(event) }
    for (index, hotFolder) in configuration.hotFolders.enumerated() {
      if hotFolder.marker == nil {
        try await acceptIfMounted(.hotFolder(index), at: hotFolder.path)
      }
      if let why = presence.absence(of: .hotFolder(index)) {
        // One that is gone, and by nothing known to be a volume, is a mistake of whoever starts.
        let mayBeAway = hotFolder.marker != nil || presence.isAwaited(.hotFolder(index))
        if mayBeAway {
          apply(.away(index, why))
          continue
        }
      }
      try await putBack(index)
      try presence.accept(.hotFolder(index))
      try await watcher.watch(
        root: index, at: hotFolder.path, expecting: presence.expected(.hotFolder(index)))
    }
  }

  /// Puts other rules in force: what has no job yet, and what is held, is asked again.
  public func use(_ rules: RuleSet) { inbox.post(.rulesChanged(rules)) }

  /// Mistakes in rule files, for `health`; files that have some count as they were before.
  public func setRuleProblems(_ problems: [String]) { ruleProblems = problems }

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
    for id in intake.jobs.keys { board.raise(id) }
    for flag in undoFlags.values { flag.raise() }
    for link in Array(chains.values) { await link.task.value }
    await syncs?.value
    await watcher.stop()
    for waiter in whenReady { waiter.resume() }
    whenReady = []
  }

  func apply(_ event: Event) {
    let effects = intake.handle(event, at: now())
    for effect in effects { carryOut(effect) }
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
  func chain(_ id: JobID, _ work: @escaping @Sendable () async throws -> Void) {
    let previous = chains[id]?.task
    links += 1
    let number = links
    let task = Task {
      await previous?.value
      do { try await work() } catch { fail(error) }
      if chains[id]?.number == number {
        chains[id] = nil
        // `run` looks whether all is at rest after each event only.
        if endsAtRest { inbox.post(.tick) }
      }
    }
    chains[id] = Link(number: number, task: task)
  }
}

/// Bytes and frames done of the jobs under way, written by the threads that copy.
final class ProgressBoard: Sendable {
  struct Progress: Sendable {
    var bytes = 0
    var frames = 0
  }
  private let state = Mutex<[JobID: Progress]>([:])

  func set(_ id: JobID, bytes: Int, frames: Int) {
    state.withLock { $0[id] = Progress(bytes: bytes, frames: frames) }
  }
  func clear(_ id: JobID) { state.withLock { $0[id] = nil } }
  subscript(_ id: JobID) -> Progress? { state.withLock { $0[id] } }
}
