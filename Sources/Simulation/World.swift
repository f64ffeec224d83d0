import Files
import Foundation
import Glibc
import Ingest
import Journal
import Paths
import ReadModel
import Rules
import Synchronization
import Transfer
import Watching

/// A promise that did not hold.
struct Violation: Error {
  let text: String
}

/// Everything around the daemon: its file systems, its journal, its clock, and the people and programs who use the same
/// folders. One seed decides all that happens.
final class World {
  var random: Numbers
  let kernel: ModelKernel
  /// Holds the hot folder, the default root and what lies outside both.
  let volume: Volume
  /// Another file system, with a root of its own.
  let vault: Volume
  let base: Volume
  let watcher: ModelWatcher
  let journal: ModelJournal
  var daemon: ModelDaemon?
  let habits: Habits
  /// Those in force.
  var rules: RuleSet

  /// What the owners have made whole and not removed.
  var owed: [[UInt8]: String] = [:]
  /// All that was ever whole, with the name that it was made under.
  var complete: [[UInt8]: FileName] = [:]
  /// What others put at the destination, by node.
  var foreign: [ObjectIdentifier: Foreign] = [:]
  var writers: [Writer] = []
  var generation = 0
  var violations: [String] = []
  /// What a person has cancelled, by job: not to be taken again as it is.
  var barred: [JobID: [RelativePath: Snapshot]] = [:]
  /// What each job has committed to, by index into its files.
  var committed: [JobID: [Int: [UInt8]]] = [:]
  /// The job in whose staging a node was made.
  var madeBy: [ObjectIdentifier: JobID] = [:]
  /// So that no other node gets the identifier of one that is gone.
  var keepAlive: [Node] = []
  /// Directories of ours that have been visible with all their frames.
  var wholeOnce: Set<ObjectIdentifier> = []

  /// Told of since the commit of the current job began.
  var sentinelsAtCommit: [Node] = []
  /// Calls until the process is killed.
  var killIn: Int?
  var isDead = false
  /// From the time that all faults end.
  var isCalm = false
  var isPowerCut = false
  /// Somebody moved a directory of the hot folder, with whatever lay in it.
  var hasMovedDirectories = false
  /// At rest for the second time, behind another start.
  var isRestarted = false
  private(set) var calls = 0
  private(set) var kills = 0
  private(set) var powerCuts = 0
  private var birth: Int64 = 0
  private let ids = IDs()

  let isTelling: Bool
  private(set) var story: [String] = []

  struct Foreign {
    let node: Node
    let volume: Volume
    let path: RelativePath
    /// Jobs that were past their look at the destination when it came: they may not replace it.
    var lateFor: Set<JobID>
  }

  /// Rising numbers, over all lives of the daemon.
  final class IDs: Sendable {
    private let last = Atomic<Int>(10_000)
    func next() -> JobID { "job-\(last.wrappingAdd(1, ordering: .relaxed).newValue)" }
  }

  /// A program that writes a frame bit by bit.
  struct Writer {
    let node: Node
    let content: [UInt8]
  }

  static let hotFolders = [
    HotFolder(
      name: "drop", path: "/volume/drop", roots: ["default": "/volume/shows", "vault": "/vault"])
  ]
  static let hot = RelativePath("drop")!
  static let shows = RelativePath("shows")!

  init(seed: UInt64, isTelling: Bool) {
    self.isTelling = isTelling
    random = Numbers(seed: seed)
    habits = Habits(&random)
    rules = habits.ruleSets[0]
    journal = ModelJournal(hotFolders: Self.hotFolders)
    base = Volume("base", device: 1)
    volume = Volume("volume", device: 2, habits.traits(&random))
    vault = Volume("vault", device: 3, habits.traits(&random))
    kernel = ModelKernel(base: base)
    kernel.chunk = habits.chunk
    watcher = ModelWatcher(volume, at: Self.hot)
    for name: FileName in ["volume", "vault"] {
      _ = try? base.make(.directory, name, in: base.root, kernel.clock)
    }
    for name: FileName in ["drop", "shows", "outside"] {
      _ = try? volume.make(.directory, name, in: volume.root, kernel.clock)
    }
    for volume in [base, volume, vault] { volume.syncAll() }
    kernel.mount(volume, at: "/volume")
    kernel.mount(vault, at: "/vault")
    vault.onChange = { [unowned self] in note($0, on: vault) }
    volume.onChange = { [unowned self] change in
      note(change, on: volume)
      watcher.tell(change, splits: random.once(in: 4))
    }
    kernel.before = { [unowned self] (call) throws(Errno) in try before(call) }
    kernel.after = { [unowned self] in after($0) }
    journal.before = { [unowned self] (what) throws(JournalError) in try beforeRow(what) }
    journal.after = { [unowned self] (id, old, new) throws(JournalError) in
      try afterRow(id, old, new)
    }
  }

  func say(_ text: @autoclosure () -> String) { if isTelling { story.append(text()) } }

  func broken(_ text: String) {
    say("BROKEN: \(text)")
    violations.append(text)
  }

  var moment: Moment {
    Moment(
      uptime: .nanoseconds(kernel.now - birth),
      wall: Date(timeIntervalSince1970: Double(kernel.clock / 1_000_000) / 1000))
  }

  // MARK: The daemon's life

  func start() async {
    birth = kernel.now - 1_000_000_000
    isDead = false
    say("the daemon starts")
    let daemon = ModelDaemon(
      hotFolders: Self.hotFolders, rules: rules, durability: habits.durability, journal: journal,
      makeID: { [ids] _ in ids.next() },
      ModelDaemon.Surroundings(
        now: { [unowned self] in moment }, say: { [unowned self] in say($0()) },
        isTelling: isTelling,
        rescan: { [unowned self] in watcher.rescan($0, first: random.once(in: 2)) },
        barrier: { [unowned self] in deliver(watcher.events.count) },
        watch: { [unowned self] in $0 ? watcher.start() : watcher.stop() },
        pass: { [unowned self] in pass($0, $1) }))
    self.daemon = daemon
    if !isCalm, habits.kills, random.once(in: 4) { killIn = Int.random(in: 0...80, using: &random) }
    do {
      try await daemon.start()
    } catch {
      say("it cannot start: \(error)")
      stop()
    }
    if isDead { bury() }
  }

  /// The process is gone; its descriptors are closed and nobody listens to events.
  func bury() {
    kills += 1
    say("kill -9 at \(calls) calls")
    stop()
    if !isCalm, random.once(in: 3) { cutPower() }
  }

  func stop() {
    daemon = nil
    watcher.stop()
    kernel.closeAll()
    isDead = false
    killIn = nil
  }

  func cutPower() {
    powerCuts += 1
    say("the power is cut")
    stop()
    isPowerCut = true
    for volume in [base, volume, vault] {
      if random.once(in: 2) { volume.writeBack(&random) }
      volume.cutPower(&random)
    }
    for writer in writers { giveUp(writer.node) }
    writers = []
    kernel.boot += 1
    foreign = foreign.filter { !$0.value.node.places.isEmpty }
  }

  // MARK: Between the daemon's calls

  private func before(_ call: ModelKernel.Call) throws(Errno) {
    if isDead { throw Errno(rawValue: ECANCELED) }
    calls += 1
    if let left = killIn {
      killIn = left - 1
      if left <= 0 {
        isDead = true
        throw Errno(rawValue: ECANCELED)
      }
    }
    if !isCalm {
      let isAmbush = daemon?.current != nil && call.name == habits.ambush
      if random.once(in: isAmbush ? 4 : habits.interference) {
        say("    meanwhile, before \(call.name) \(call.text()):")
        interfere()
      }
      if random.once(in: habits.deafness) { deliver(Int.random(in: 1...3, using: &random)) }
      if random.once(in: 6) { daemon?.handleNext() }
      if habits.errors > 0, random.once(in: habits.errors), let error = error(of: call) {
        say("    \(call.name) \(call.text()) fails: \(error.message)")
        throw error
      }
    }
    if isTelling, call.name.changes || call.name == .fsync {
      say("    \(call.name) \(call.text())")
    }
  }

  /// One that this call may have.
  private func error(of call: ModelKernel.Call) -> Errno? {
    let possible: [Errno] =
      switch call.name {
      case .pwrite, .fallocate: [.noSpace, .overQuota, .inputOutput]
      case .mkdirat, .linkat, .renameat2, .symlinkat: [.noSpace, .inputOutput, .noPermission]
      case .openat2, .open: [.inputOutput, Errno(rawValue: EMFILE), .stale]
      case .pread, .fsync, .statx, .getdents, .unlinkat, .rmdir: [.inputOutput]
      default: []
      }
    return possible.randomElement(using: &random)
  }

  private func beforeRow(_ what: () -> String) throws(JournalError) {
    if isDead { throw ModelJournal.broken }
    calls += 1
    if !isCalm {
      if random.once(in: habits.deafness) { deliver(Int.random(in: 1...3, using: &random)) }
      if random.once(in: 4) { daemon?.handleNext() }
      if random.once(in: habits.interference) { interfere() }
      if random.once(in: 200) {
        say("    the journal's disk is full at: \(what())")
        throw ModelJournal.broken
      }
      if random.once(in: 60) {
        isDead = true
        throw ModelJournal.broken
      }
    }
    say("    journal: \(what())")
  }

  private func afterRow(_ id: JobID, _ old: JobState?, _ new: JobState) throws(JournalError) {
    check(row: id, old, new)
    if !isCalm, random.once(in: 60) {
      isDead = true
      throw ModelJournal.broken
    }
  }

  /// The moments at which a look has just been taken, or is about to be, for the last time.
  private func pass(_ point: HoldPoint, _ job: Job) {
    if !isCalm, random.once(in: 5) { interfere() }
    if point == .beforeProbe { sentinelsAtCommit = sentinels(over: job) }
  }

  func deliver(_ count: Int) {
    let events = watcher.take(count)
    guard !events.isEmpty else { return }
    for event in events { say("    told: \(event)") }
    daemon?.deliver(events)
  }

  private func after(_ call: ModelKernel.Call) {
    if call.name == .renameat2 { checkWhole(call) }
    if call.name == .unlinkat { checkOwed("after an unlink") }
  }
}
