import Ingest
import Paths
import ReadModel
import Testing

@testable import Watching

private let rules = """
  hotplate: 1
  rules:
    - rule: renders
      match: '{shot}_v{version}.{frame}.exr'
      when: { count: 2+ }
      ready: { quiet: 2s }
      to: '{shot}/{name}'
  """

private let root = Place(root: 0, path: .root)
private let gone = Event.watch(.unmounted(root))

extension Story {
  /// The hot folder is there again, and these files with it.
  fileprivate mutating func comeBack(with files: [String]) {
    tell(.back(0))
    for file in files { tell(.watch(.file(place(file), .found))) }
    tell(.watch(.walked(root)))
  }

  fileprivate var journalled: [JobOverlay?] { all.flatMap { overlays[$0] ?? [] } }
}

private let frames = ["s_v1.1.exr", "s_v1.2.exr"]

@Suite("a hot folder that is away for a while")
struct OfflineTests {
  @Test("what waits is kept, becomes no job while it is away, and goes on when it is back")
  func waiting() {
    var story = Story(rules: rules)
    story.drop("s_v1.", 1...2, ".exr")
    let id = story.arrival?.job
    story.tell(gone)
    story.wait(.seconds(60))
    #expect(story.all == [])
    #expect(story.arrival?.files.count == 2)
    story.comeBack(with: frames)
    story.wait(.seconds(2))
    #expect(story.all == [id])
    #expect(story.all.map { story.last($0) } == [.done])
  }

  @Test("a look that was under way when it went says nothing of its files")
  func lateLook() {
    var story = Story(rules: rules)
    story.heldBack = [.inspect]
    story.drop("s_v1.", 1...2, ".exr")
    story.wait(.seconds(2))
    story.tell(gone)
    // The inspector finds nothing in a folder that is not there, and answers nothing.
    guard case .inspect(let key, let change, _)? = story.pending.first?.effect else {
      Issue.record("nothing was looked at")
      return
    }
    story.tell(.inspected(key, asOf: change, Inspection()))
    story.wait(.seconds(60))
    #expect(story.arrival?.files.count == 2)
    story.heldBack = []
    story.comeBack(with: frames)
    story.wait(.seconds(2))
    #expect(story.all.map { story.last($0) } == [.done])
  }

  @Test("a job that stages is stopped and paused, not cancelled, and stages on when it is back")
  func staging() {
    var story = Story(rules: rules)
    story.heldBack = [.stage]
    story.drop("s_v1.", 1...2, ".exr")
    story.wait(.seconds(2))
    let id = story.all[0]
    story.tell(gone)
    story.tell(.stagingEnded(id, .stopped))
    #expect(story.jobs.map(\.over) == [.offline])
    #expect(story.jobs.map(\.state) == [.queued])
    #expect(story.jobs[0].reason?.code == "offline")
    // Its time to try again comes and goes.
    story.wait(.seconds(60))
    #expect(story.jobs.map(\.over) == [.offline])
    #expect(story.jobs.map(\.state) == [.queued])
    // Every frame was told again: the commit looks whether it is still the one that was staged.
    story.heldBack = [.commit]
    story.comeBack(with: frames)
    #expect(story.jobs.map(\.state) == [.staged])
    #expect(story.isPending(.commit))
    story.tell(.committed(id))
    #expect(story.last(id) == .done)
    #expect(story.states[id]?.contains(.cancelling) == false)
  }

  @Test("a queued job is shown as offline, in the journal too, until it is back")
  func queued() {
    var limits = Intake.Limits()
    limits.running = 0
    var story = Story(rules: rules, limits: limits)
    story.drop("s_v1.", 1...2, ".exr")
    story.wait(.seconds(2))
    #expect(story.jobs.map(\.state) == [.queued])
    story.tell(gone)
    #expect(story.jobs.map(\.over) == [.offline])
    #expect(story.journalled == [.offline])
    story.comeBack(with: frames)
    #expect(story.jobs.map(\.over) == [nil])
    #expect(story.journalled == [.offline, nil])
  }

  @Test("nothing that is told of it while it is away cancels anything")
  func staleEvents() {
    var story = Story(rules: rules)
    story.heldBack = [.stage]
    story.drop("s_v1.", 1...2, ".exr")
    story.drop("t_v1.", 1...2, ".exr")
    story.wait(.seconds(2))
    story.tell(gone)
    story.remove("s_v1.1.exr")
    story.tell(.watch(.directoryRemoved(root)))
    story.tell(.watch(.walked(root)))
    #expect(story.jobs.count == 2)
    #expect(story.jobs.allSatisfy { $0.state != .cancelling })
    #expect(story.cancelled == [])
  }

  @Test("what was removed while it was away is gone once all of it has been told again")
  func removedMeanwhile() {
    var limits = Intake.Limits()
    limits.running = 0
    var story = Story(rules: rules, limits: limits)
    story.drop("s_v1.", 1...2, ".exr")
    story.wait(.seconds(2))
    story.tell(gone)
    story.comeBack(with: ["s_v1.1.exr"])
    #expect(story.all.map { story.last($0) } == [.cancelled])
    #expect(story.reasons[story.all[0]]?.code == .frameRemoved)
  }

  @Test("one that goes again before all of it was told takes nothing with it")
  func goneAgain() {
    var limits = Intake.Limits()
    limits.running = 0
    var story = Story(rules: rules, limits: limits)
    story.drop("s_v1.", 1...2, ".exr")
    story.wait(.seconds(2))
    story.tell(gone)
    story.tell(.back(0))
    story.tell(gone)
    story.tell(.watch(.walked(root)))
    #expect(story.jobs.map(\.over) == [.offline])
    story.comeBack(with: frames)
    #expect(story.jobs.map(\.state) == [.queued])
  }

  @Test("the hot folder is looked for at every change of a mount, and from time to time")
  func soughtFor() {
    var story = Story(rules: rules)
    story.wait(.seconds(60))
    #expect(story.seeks == 0)
    #expect(story.intake.nextDeadline == nil)
    story.tell(gone)
    story.wait(.seconds(2))
    story.wait(.seconds(2))
    #expect(story.seeks == 2)
    story.tell(.watch(.mountsChanged))
    #expect(story.seeks == 3)
    story.comeBack(with: [])
    story.wait(.seconds(60))
    #expect(story.seeks == 3)
    #expect(story.intake.nextDeadline == nil)
  }

  @Test("a job whose destination was away tries again at the next change of a mount")
  func destinationIsBack() {
    var story = Story(rules: rules)
    story.stagingEnd = .offline("/projects is not there")
    story.drop("s_v1.", 1...2, ".exr")
    story.wait(.seconds(2))
    #expect(story.jobs.map(\.over) == [.offline])
    story.tell(.watch(.mountsChanged))
    #expect(story.all.map { story.last($0) } == [.done])
  }

  @Test("a publication that finds its destination away shows it, and goes on when it is back")
  func publishing() {
    var story = Story(rules: rules)
    story.heldBack = [.publish]
    story.drop("s_v1.", 1...2, ".exr")
    story.wait(.seconds(2))
    let id = story.all[0]
    story.tell(.publishingFailed(id, .offline("/projects is not there")))
    #expect(story.jobs.map(\.state) == [.committing])
    #expect(story.jobs.map(\.over) == [.offline])
    story.go(.publish)
    #expect(story.last(id) == .done)
    #expect(story.journalled == [.offline, nil])
  }

  @Test("the marker of a volume is no frame; without it the hot folder is away, with it back")
  func marker() {
    var story = Story(rules: rules, marker: "/drop/volume_v1.1.exr")
    story.drop("volume_v1.1.exr")
    story.drop("s_v1.", 1...2, ".exr")
    #expect(story.intake.arrivals.values.map(\.files.count) == [2])
    story.remove("volume_v1.1.exr")
    story.wait(.seconds(60))
    #expect(story.all == [])
    story.comeBack(with: frames + ["volume_v1.1.exr"])
    story.wait(.seconds(2))
    #expect(story.all.map { story.last($0) } == [.done])
  }

  @Test("a hot folder that was really removed cancels, and is taken up again when it is made anew")
  func removed() {
    var limits = Intake.Limits()
    limits.running = 0
    var story = Story(rules: rules, limits: limits)
    story.drop("s_v1.", 1...2, ".exr")
    story.wait(.seconds(2))
    story.tell(.watch(.directoryRemoved(root)))
    #expect(story.all.map { story.last($0) } == [.cancelled])
    #expect(story.reasons[story.all[0]]?.code == .sourceRemoved)
    #expect(story.intake.offline[0] != nil)
    story.comeBack(with: ["t_v1.1.exr", "t_v1.2.exr"])
    story.wait(.seconds(2))
    #expect(story.jobs.map(\.state) == [.queued])
  }

  @Test("a run that ends by itself does not wait for a hot folder that is away")
  func atRest() {
    var story = Story(rules: rules, walked: false)
    #expect(!story.intake.isAtRest)
    story.tell(.away(0, "is not there"))
    #expect(story.intake.isAtRest)
  }
}
