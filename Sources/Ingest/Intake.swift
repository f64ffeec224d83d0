import Foundation
import HeapModule
import Paths
import ReadModel
import Rules
import Sequences
import Transfer
import Watching

/// One watched root and where its sequences go.
public struct HotFolder: Sendable {
  public let name: String
  /// From the file system's root.
  public let path: String
  /// The destination roots by the names that rules give them; `default` is always there.
  public let roots: [String: String]
  /// The absolute path of a file that lies there while its volume is mounted; without one the volume is known by what its
  /// directory is. It is never taken itself.
  public let marker: String?

  public init(name: String, path: String, roots: [String: String], marker: String? = nil) {
    precondition(roots["default"] != nil, "no default root")
    self.name = name
    self.path = path
    self.roots = roots
    self.marker = marker
  }

  public init(name: String, path: String, destination: String) {
    self.init(name: name, path: path, roots: ["default": destination])
  }

  /// Where rules without a `root` send what they take.
  public var destination: String { roots["default"]! }
}

extension [HotFolder] {
  /// Where in a hot folder an absolute path lies.
  func place(of path: ExactText) -> Place? {
    for (index, hotFolder) in enumerated() {
      let root = [UInt8](hotFolder.path.utf8)
      if path.bytes == root { return Place(root: index, path: .root) }
      guard path.bytes.starts(with: root + [UInt8(ascii: "/")]) else { continue }
      return RelativePath(path.bytes.dropFirst(root.count + 1)).map { Place(root: index, path: $0) }
    }
    return nil
  }
}

/// What a known name in a hot folder is there for: every one has an answer.
public enum Answer: Sendable {
  case waiting(Arrival.Key)
  case job(JobID)
  /// Published before, by this job.
  case done(JobID)
  /// A person cancelled it; it stays so until its content changes.
  case cancelled(JobID)
  /// Below a sentinel that stands.
  case onHold(sentinel: Place)
  /// Named as a copy in flight is named.
  case inFlight
  /// A symlink, FIFO, socket or device: never taken.
  case special(String)
  /// Known and not wanted, in the rule's words.
  case left(rule: String, text: String)
  /// A marker or manifest that rules wait for; it is not taken itself.
  case companion
}

/// The engine's decisions: events in, effects out, nothing else touched.
///
/// It reads no file, no clock and no random source, so that a day of arrivals, cancels and crashes can be replayed.
/// Its files: `+Files` (names come and go), `+Sentinels`, `+Readiness` (an arrival becomes jobs), `+Jobs` (a job's
/// way), `+Cancel`, `+Retry`, `+Undo`.
public struct Intake: Sendable {
  public struct Limits: Sendable {
    /// Jobs that copy at the same time.
    public var running = 2
    /// Jobs that may wait for their turn; more arrivals stay waiting.
    public var queued = 256
    /// How often a full destination is asked for its room while a job waits for it.
    public var fullRetry = Duration.seconds(2)
    /// How often the journal's full disk is asked for its room.
    public var journalRetry = Duration.seconds(2)
    /// How long a job that waits for room lets later ones pass it, before it begins to stand in their way.
    public var passing = Duration.seconds(300)
    /// Until a job that met a full or forbidden destination in spite of its measured room tries again by itself; doubled
    /// each time, up to `longestRetry`.
    public var firstRetry = Duration.seconds(5)
    public var longestRetry = Duration.seconds(300)
    /// How often hot folders that are not there are looked for, besides every change of a mount.
    public var seek = Duration.seconds(2)
    /// How often a hot folder is listed that cannot be watched whole.
    public var poll = Duration.seconds(30)
    /// Until an arrival with an unreadable file, or an unreadable directory, is looked at again.
    public var unreadableRetry = Duration.seconds(10)
    /// How long nothing may change, where the rule does not say.
    public var quiet = Duration.seconds(2)
    /// The same in a hot folder that is listed from time to time.
    public var quietWherePolled = Duration.seconds(30)
    public init() {}
  }

  struct Directory {
    var files: [FileName: Answer] = [:]
    var subdirectories: Set<FileName> = []
  }

  public let hotFolders: [HotFolder]
  public internal(set) var rules: RuleSet
  /// How often the rules have changed.
  var generation = 0
  let settings: Settings
  let limits: Limits
  let makeID: @Sendable (Date) -> JobID

  /// What every job's plan takes over.
  public struct Settings: Sendable {
    public var durability: TransferPlan.Durability
    /// The state directory's identity, written into staging.
    public var owner: String
    public init(durability: TransferPlan.Durability, owner: String) {
      self.durability = durability
      self.owner = owner
    }
  }

  var directories: [Place: Directory] = [:]
  public internal(set) var arrivals: [Arrival.Key: Arrival] = [:]
  /// Numbers every change of any arrival: no answer is taken for that to another question.
  private var changes = 0
  /// Jobs that have not ended, held and failed ones whose sources still lie there, and done ones that are being undone.
  public internal(set) var jobs: [JobID: Job] = [:]
  var queue: [JobID] = []
  var running: Set<JobID> = []
  /// Jobs that have not begun: what the queue's bound counts.
  var unstarted: Set<JobID> = []
  /// Ready arrivals that found the queue full, the oldest first.
  var parked: [Arrival.Key] = []
  /// Those of them that are looked at again, for a place that is free.
  var unparked: Set<Arrival.Key> = []
  /// Jobs that wait for room, and when to ask each destination's file system for it.
  var short: Set<JobID> = []
  var roomAt: [UInt64: Duration] = [:]
  /// While the journal's disk is full: when to ask it again. Nothing new begins meanwhile.
  public internal(set) var journalAt: Duration?
  /// Held jobs whose destination refused to be written, and when to look at it again.
  var unwritableAt: [JobID: Duration] = [:]
  /// Jobs that met an obstacle that may pass, and when they may try again.
  var paused: [JobID: Duration] = [:]
  /// Jobs that lost single frames moments ago: the removal of their directory, if it follows, is the true reason.
  var lostFrames: [(id: JobID, directories: Set<Place>, at: Duration)] = []
  /// Jobs that are held because another goes to the same names, and that other.
  var heldBehind: [JobID: JobID] = [:]
  /// The newest of the jobs that were cancelled.
  var lastCancelled: [JobID] = []
  /// Sentinels that stand.
  public internal(set) var holds: [Place: Sentinel] = [:]
  /// Names that left by a rename whose other half has not come: what lies below them is nowhere for the moment.
  var leaving: Set<Place> = []
  /// What a person cancelled and nobody has changed since.
  var cancelledKeys: Set<Arrival.Key> = []
  /// During a rescan: known names that were not told again yet, by scope.
  var untold: [Place: Set<Place>] = [:]
  /// Roots of which the kernel's limit keeps parts unwatched, in its words, and when to list them again.
  public internal(set) var limited: [Int: String] = [:]
  var pollAt: [Int: Duration] = [:]
  /// Directories that may not be read are tried again.
  var rereadAt: [Place: Duration] = [:]
  /// Arrivals with a file that cannot be read, and when to look again: a change of permissions tells nobody.
  var retryAt: [Arrival.Key: Duration] = [:]
  /// Arrivals that wait longer than their rules' patience are held then.
  var patienceEnds: [Arrival.Key: Duration] = [:]
  /// Where deliveries lie of which something is known.
  var deliveries: Set<Place> = []
  /// Arrivals that wait for a marker or manifest, by the directory it may come to.
  var awaited: [Place: Set<Arrival.Key>] = [:]
  /// What is to be said of a job once its row stands.
  var pendingNotes: [JobID: String] = [:]
  /// Jobs whose destination's version is being chosen.
  var drafts: [JobID: Draft] = [:]
  /// During a rescan: sentinels that were not told again yet.
  var unconfirmedHolds: [Place: Set<Place>] = [:]
  /// Directories that nobody can tell anything about, and why.
  public internal(set) var troubles: [Place: String] = [:]
  /// Hot folders that are not there for the moment, and why.
  public internal(set) var offline: [Int: String] = [:]
  /// When to look for them.
  var seekAt: Duration?
  /// Roots whose first look is done; before it a sentinel might still be unseen and no job starts.
  var lookedAt: Set<Int> = []
  var deadlines = Heap<Deadline>()

  struct Deadline: Comparable {
    let at: Duration
    let key: Arrival.Key
    static func < (a: Deadline, b: Deadline) -> Bool { a.at < b.at }
    static func == (a: Deadline, b: Deadline) -> Bool { a.at == b.at }
  }

  public init(
    hotFolders: [HotFolder], rules: RuleSet, settings: Settings, limits: Limits = Limits(),
    makeID: @escaping @Sendable (Date) -> JobID
  ) {
    self.hotFolders = hotFolders
    self.rules = rules
    self.settings = settings
    self.limits = limits
    self.makeID = makeID
  }

  /// Uptime at which `tick` is due; nil when nothing waits for time.
  public var nextDeadline: Duration? {
    let pause =
      (Array(paused.values) + pollAt.values + retryAt.values + patienceEnds.values + roomAt.values
      + unwritableAt.values + rereadAt.values + [journalAt, seekAt].compactMap(\.self)).min()
    guard let look = deadlines.min?.at else { return pause }
    return pause.map { min($0, look) } ?? look
  }

  /// Whether nothing is under way or will be without a new event: what `ingest` waits for.
  public var isAtRest: Bool {
    !hotFolders.indices.contains { isBeingListed($0) && offline[$0] == nil } && deadlines.isEmpty
      && queue.isEmpty
      && running.isEmpty
      && parked.isEmpty
      && !arrivals.values.contains {
        switch $0.phase {
        case .inspecting, .proving: true
        default: false
        }
      }
      && jobs.values.allSatisfy {
        ($0.state == .held || $0.state == .failed) && !$0.isBeingSetAside
      }
  }

  /// Whether a file of the hot folder has an answer.
  package func knows(_ path: RelativePath, root: Int = 0) -> Bool {
    guard let name = path.name else { return false }
    return directories[Place(root: root, path: path.parent)]?.files[name] != nil
  }

  /// The job that is known to have published what lies there.
  package func publisher(of path: RelativePath, root: Int = 0) -> JobID? {
    guard let name = path.name,
      case .done(let id)? = directories[Place(root: root, path: path.parent)]?.files[name]
    else { return nil }
    return id
  }

  public mutating func handle(_ event: Event, at now: Moment) -> [Effect] {
    var effects: [Effect] = []
    switch event {
    case .watch(let event): watched(event, now, &effects)
    case .eventsLost:
      for root in hotFolders.indices { effects.append(.rescan(Place(root: root, path: .root))) }
    case .tick: break
    case .inspected(let key, let change, let inspection):
      inspected(key, asOf: change, inspection, now, &effects)
    case .proven(let key, let change, let proof): proven(key, asOf: change, proof, now, &effects)
    case .rechecked(let id, let changed): rechecked(id, changed, now, &effects)
    case .versionChosen(let id, let choice): versionChosen(id, choice, now, &effects)
    case .journalRoom(let hasRoom): journalAt = hasRoom ? nil : now.uptime + limits.journalRetry
    case .rulesChanged(let rules): rulesChanged(rules, now, &effects)
    case .recovered(let job): recovered(job, &effects)
    case .away(let root, let why): away(root, why, now, &effects)
    case .back(let root): back(root, now, &effects)
    case .cancel(let id, let reason): cancel(id, reason, &effects)
    case .cancelBelow(let place, let reason): cancelBelow(place, reason, now, &effects)
    case .retry(let id, let changed): retry(id, changed: changed, now, &effects)
    case .revived(let id): revived(id, now, &effects)
    case .undo(let job): undo(job, &effects)
    case .undone(let id, let back): undone(id, back: back, now, &effects)
    default: jobEvent(event, now, &effects)
    }
    passDeadlines(now, &effects)
    startJobs(now, &effects)
    return effects
  }

  private mutating func passDeadlines(_ now: Moment, _ effects: inout [Effect]) {
    while let deadline = deadlines.min, deadline.at <= now.uptime {
      deadlines.removeMin()
      guard var arrival = arrivals[deadline.key] else { continue }
      arrival.isInDeadlines = false
      arrivals[deadline.key] = arrival
      if case .proving(let change) = arrival.phase, change != arrival.change {
        // Nobody waits for the digests of what has changed since.
        effects.append(.stopProof(deadline.key))
      }
      guard case .settling = arrival.phase else { continue }
      if arrival.due > now.uptime {
        schedule(deadline.key)
      } else if !isBeingListed(deadline.key.directory.root) {
        inspect(deadline.key, &effects)
      }
    }
    for (id, at) in paused where at <= now.uptime {
      paused[id] = nil
      queue.append(id)
      // One whose hot folder is away waits in the queue until that is back.
      if let job = jobs[id], offline[job.hotFolder] == nil { jobs[id]?.over = nil }
    }
    askForRoom(now, &effects)
    for (key, at) in retryAt where at <= now.uptime {
      retryAt[key] = nil
      switch arrivals[key]?.phase {
      case .blocked, .held: inspect(key, &effects)
      default: break
      }
    }
    for (key, at) in patienceEnds where at <= now.uptime {
      patienceEnds[key] = nil
      guard case .blocked(let reason)? = arrivals[key]?.phase else { continue }
      block(key, .held(reason), now, &effects)
    }
    seekIfDue(now, &effects)
    for (place, at) in rereadAt where at <= now.uptime {
      rereadAt[place] = nil
      if troubles[place] != nil { effects.append(.rescan(place)) }
    }
    for (root, at) in pollAt where at <= now.uptime {
      pollAt[root] = now.uptime + limits.poll
      effects.append(.rescan(Place(root: root, path: .root)))
    }
  }

  /// Whether a listing of all of a hot folder is under way: it may bring more of what waits. Its end looks again.
  func isBeingListed(_ root: Int) -> Bool {
    !lookedAt.contains(root) || untold[Place(root: root, path: .root)] != nil
  }

  /// One entry an arrival: a change only moves its due time, and the entry is put back when it comes up early.
  mutating func schedule(_ key: Arrival.Key) {
    guard var arrival = arrivals[key], !arrival.isInDeadlines else { return }
    arrival.isInDeadlines = true
    arrivals[key] = arrival
    deadlines.insert(Deadline(at: arrival.due, key: key))
  }

  mutating func inspect(_ key: Arrival.Key, _ effects: inout [Effect]) {
    guard let arrival = arrivals[key] else { return }
    arrivals[key]?.phase = .inspecting(asOf: arrival.change)
    stopAwaiting(key)
    let wanted = arrival.files.map { path, file in
      WantedLook(
        path: path, checksWhole: checksWhole(arrival.path(path), of: key),
        knownWhole: file.isWhole ? file.snapshot : nil)
    }
    effects.append(.inspect(key, asOf: arrival.change, wanted))
  }

  /// The number of a change that happens now.
  mutating func nextChange() -> Int {
    changes += 1
    return changes
  }

  /// How long nothing may change in a hot folder where a rule does not say.
  func defaultQuiet(_ root: Int) -> Duration {
    limited[root] == nil ? limits.quiet : limits.quietWherePolled
  }

  /// A path as the user knows it, from the file system's root.
  func absolute(_ place: Place) -> [UInt8] {
    below(hotFolders[place.root].path, place.path)
  }
}

func below(_ root: String, _ path: RelativePath) -> [UInt8] {
  path.isRoot ? Array(root.utf8) : Array(root.utf8) + [UInt8(ascii: "/")] + path.bytes
}
