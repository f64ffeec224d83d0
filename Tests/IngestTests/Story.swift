import Files
import Foundation
import Ingest
import Journal
import Paths
import ReadModel
import Rules
import Sequences
import Transfer
import Watching

/// A hot folder's life told to the reducer, with a model of the world that answers its effects.
///
/// The world is instant unless a kind of effect is held back: then its answer waits until `go` lets it happen.
struct Story {
  enum Step: Hashable {
    case inspect, prove, version, enqueue, measure, stage, commit, publish, finish, abort, undo
  }

  var intake: Intake
  private(set) var uptime = Duration.seconds(100)
  /// Effects of these kinds are not answered until `go`.
  var heldBack: Set<Step> = []
  private(set) var pending: [(step: Step, effect: Effect)] = []
  /// Every state a job came to, in order.
  private(set) var states: [JobID: [JobState]] = [:]
  private(set) var reasons: [JobID: Reason] = [:]
  private(set) var notes: [JobID: [String]] = [:]
  private(set) var rescans: [Place] = []
  /// The journal's compare-and-set: which rows passed the commit.
  private(set) var committed: Set<JobID> = []
  private(set) var cancelled: Set<JobID> = []
  var writers: Set<FileName> = []
  /// How many files each job took.
  private(set) var sizes: [JobID: Int] = [:]
  var versions: [FileName: Int] = [:]
  var known: [FileName: Inspection.Look.Known] = [:]
  var conflict: String?
  /// How often each job came to be staged.
  private(set) var stagings: [JobID: Int] = [:]
  /// How staging ends instead of well, once.
  var publishFailure: PublishFailure?
  var stagingEnd: StagingEnd?
  var unreadable: Set<FileName> = []
  /// Names at which a look finds nothing.
  var missing: Set<FileName> = []
  /// Files that are not whole by their format.
  var cut: Set<FileName> = []
  /// Files that are others than their plans know.
  var rewritten: Set<FileName> = []
  private(set) var rechecks: [JobID] = []
  /// What the log says of arrivals that do not go.
  private(set) var told: [String] = []
  /// What manifests say, and which were asked.
  var proof = Proof.right
  private(set) var proved: [String] = []
  /// How often a proof under way was stopped.
  private(set) var stoppedProofs = 0
  /// The version that is chosen; nil for the source's own.
  var chosen: Int?
  /// Why it cannot be chosen.
  var unknown: String?
  /// Whether the hot folder cannot be looked into at a commit.
  var isOffline = false
  /// Whether the next choice finds that published frames have changed.
  var changed = false
  private(set) var asked: [VersionQuestion] = []
  /// What a job takes of its destination and what that has; without it nobody knows, and it begins.
  var measurement: @Sendable (Job, Measure) -> RoomAnswer = { _, _ in
    RoomAnswer(demand: nil, room: nil)
  }
  /// How often jobs were measured, and which gave their room back.
  private(set) var measures: [JobID: Int] = [:]
  private(set) var gaveBack: [JobID] = []
  private(set) var stopped: [JobID] = []
  private(set) var requeues: [JobID: Int] = [:]
  /// Jobs that were put back in the queue by a person.
  private(set) var requeued: [JobID] = []
  /// What an undo brings back to the hot folder, or leaves there; nil for all sources.
  var back: Set<RelativePath>?
  /// How often it was looked for hot folders that are away.
  private(set) var seeks = 0
  /// What the journal was told to lay over jobs.
  private(set) var overlays: [JobID: [JobOverlay?]] = [:]
  private let ids = JobIDs()

  init(
    rules: String, limits: Intake.Limits = Intake.Limits(), walked: Bool = true,
    marker: String? = nil
  ) {
    let loaded = RuleSet.parse(files: [("rules.yaml", rules)])
    precondition(
      loaded.problems.isEmpty, loaded.problems.map { $0.rendered(color: false) }.joined())
    let ids = ids
    intake = Intake(
      hotFolders: [
        HotFolder(name: "drop", path: "/drop", roots: ["default": "/projects"], marker: marker)
      ],
      rules: loaded.rules,
      settings: Intake.Settings(durability: .fast, owner: "state"), limits: limits,
      makeID: { ids.next(at: $0).description })
    if walked { tell(.watch(.walked(Place(root: 0, path: .root)))) }
  }

  // MARK: What happens

  mutating func drop(_ paths: String...) {
    for path in paths { tell(.watch(.file(place(path), .closed))) }
  }
  mutating func drop(_ head: String, _ frames: ClosedRange<Int>, _ tail: String) {
    for frame in frames { drop("\(head)\(frame)\(tail)") }
  }
  mutating func remove(_ path: String) { tell(.watch(.fileRemoved(place(path)))) }
  mutating func removeDirectory(_ path: String) { tell(.watch(.directoryRemoved(place(path)))) }
  mutating func move(_ from: String, to: String?) {
    tell(.watch(.directoryMoved(from: place(from), to: to.map { place($0) })))
  }
  mutating func cancel(_ id: JobID) {
    tell(.cancel(id, Reason(code: .user, message: "by hand", at: Timestamp(milliseconds: 0))))
  }
  mutating func use(rules: String) {
    let loaded = RuleSet.parse(files: [("rules.yaml", rules)])
    precondition(
      loaded.problems.isEmpty, loaded.problems.map { $0.rendered(color: false) }.joined())
    tell(.rulesChanged(loaded.rules))
  }
  mutating func wait(_ time: Duration) {
    uptime += time
    tell(.tick)
  }

  mutating func tell(_ event: Event) {
    let effects = intake.handle(
      event, at: Moment(uptime: uptime, wall: Date(timeIntervalSince1970: 0)))
    for effect in effects { perform(effect) }
    for job in intake.jobs.values { enter(job.id, job.state) }
  }

  /// Lets the oldest effect of a kind that was held back happen.
  mutating func go(_ step: Step) {
    guard let index = pending.firstIndex(where: { $0.step == step }) else { return }
    let effect = pending.remove(at: index).effect
    answer(effect)
  }

  // MARK: What there is to see

  /// The one arrival that waits, is blocked or held.
  var arrival: Arrival? { intake.arrivals.values.first }
  var blocked: Reason? {
    for arrival in intake.arrivals.values {
      if case .blocked(let reason) = arrival.phase { return reason }
    }
    return nil
  }
  var held: Reason? {
    for arrival in intake.arrivals.values {
      if case .held(let reason) = arrival.phase { return reason }
    }
    return nil
  }

  var jobs: [Job] { intake.jobs.values.sorted { $0.id < $1.id } }
  /// All jobs that ever were, oldest first.
  var all: [JobID] { states.keys.sorted() }
  func last(_ id: JobID) -> JobState? { states[id]?.last }
  func isPending(_ step: Step) -> Bool { pending.contains { $0.step == step } }

  // MARK: The world

  private mutating func perform(_ effect: Effect) {
    switch effect {
    case .stop(let id): stopped.append(id)
    case .leave: break
    case .seek: seeks += 1
    case .requeue(let id, _, let reason):
      requeues[id, default: 0] += 1
      reasons[id] = reason
    case .overlay(let id, let over, let reason):
      reasons[id] = reason
      overlays[id, default: []].append(over)
    case .stopProof(let key):
      if pending.contains(where: {
        if case .prove(key, _, _, _) = $0.effect { true } else { false }
      }) {
        stoppedProofs += 1
      }
    case .tell(let waiting, let reason, let isHeld):
      told.append(
        "\(waiting.source.pattern?.text ?? "") \(isHeld ? "held" : "waits"): \(reason.message)")
    case .recheck(let id, let paths):
      rechecks.append(id)
      tell(.rechecked(id, paths.first { rewritten.contains($0.name!) }))
    case .note(let id, let text): notes[id, default: []].append(text)
    case .amend(let id, let reason): reasons[id] = reason
    case .rescan(let place): rescans.append(place)
    case .retry(let id): requeued.append(id)
    case .recordCancelled(let waiting, let reason):
      enter(waiting.id, .cancelled)
      reasons[waiting.id] = reason
    default:
      let step = effect.step
      if heldBack.contains(step) { pending.append((step, effect)) } else { answer(effect) }
    }
  }

  private mutating func answer(_ effect: Effect) {
    switch effect {
    case .inspect(let key, let change, let wanted):
      var inspection = Inspection()
      for file in wanted {
        let name = file.path.name!
        if missing.contains(name) {
          inspection.gone.insert(file.path)
          continue
        }
        if unreadable.contains(name) {
          inspection.failures[file.path] = "Permission denied"
          continue
        }
        let look = Inspection.Look(
          kind: .file, snapshot: snapshot(name), writer: writers.contains(name) ? .present : .none,
          known: known[name] ?? .new,
          lack: file.checksWhole && file.knownWhole != snapshot(name) && cut.contains(name)
            ? "it ends early" : nil, isChecked: file.checksWhole)
        inspection.looks[file.path] = look
      }
      tell(.inspected(key, asOf: change, inspection))
    case .prove(let key, let change, let manifests, _):
      proved += manifests.map(\.description)
      tell(.proven(key, asOf: change, proof))
    case .chooseVersion(let job, let question):
      asked.append(question)
      if let unknown { return tell(.versionChosen(job.id, .unknown(unknown))) }
      if changed {
        changed = false
        return tell(.versionChosen(job.id, .nextOfAll))
      }
      tell(.versionChosen(job.id, .number(chosen ?? question.source)))
    case .enqueue(let job):
      sizes[job.id] = job.plan.files.count
      tell(.enqueued(job.id))
    case .measure(let id, let measure):
      guard let job = intake.jobs[id] else { return }
      measures[id, default: 0] += 1
      tell(.measured(id, measurement(job, measure)))
    case .giveBack(let id):
      gaveBack.append(id)
      tell(.gaveBack(id))
    case .stage(let id) where stagingEnd != nil:
      let end = stagingEnd!
      stagingEnd = nil
      tell(.stagingEnded(id, end))
    case .stage(let id):
      stagings[id, default: 0] += 1
      tell(conflict.map { .stagingEnded(id, .conflict($0)) } ?? .staged(id))
    case .commit(let id, let recheck):
      if cancelled.contains(id) { return tell(.commitRefused(id, .cancelled)) }
      if isOffline { return tell(.commitRefused(id, .offline("stale"))) }
      if let touched = recheck.first { return tell(.commitRefused(id, .sourceChanged(touched))) }
      committed.insert(id)
      tell(.committed(id))
    case .undo(let id):
      tell(.undone(id, back: back ?? Set(intake.jobs[id]!.plan.files.map(\.source))))
    case .publish(let id):
      tell(publishFailure.map { .publishingFailed(id, $0) } ?? .published(id))
    case .finish(let id):
      enter(id, .done)
      tell(.finished(id, kept: []))
    case .abort(let id, let reason, _):
      if committed.contains(id) { return tell(.tooLate(id)) }
      cancelled.insert(id)
      reasons[id] = intake.jobs[id]?.reason ?? reason
      enter(id, .cancelled)
      tell(.aborted(id))
    case .setAside(let id, let state, let reason):
      enter(id, state)
      reasons[id] = reason
      tell(.setAside(id))
    default: break
    }
  }

  private mutating func enter(_ id: JobID, _ state: JobState) {
    if states[id]?.last != state, states[id]?.last?.isFinal != true {
      states[id, default: []].append(state)
    }
  }

  private func snapshot(_ name: FileName) -> Snapshot {
    Snapshot(inode: 1, birth: 1, size: 10 + (versions[name] ?? 0), modified: 1, changed: 1)
  }
}

func place(_ path: String) -> Place { Place(root: 0, path: RelativePath(path)!) }

extension Effect {
  fileprivate var step: Story.Step {
    switch self {
    case .inspect: .inspect
    case .prove: .prove
    case .chooseVersion: .version
    case .enqueue: .enqueue
    case .stage: .stage
    case .measure, .giveBack: .measure
    case .commit: .commit
    case .publish: .publish
    case .abort: .abort
    case .undo: .undo
    default: .finish
    }
  }
}
