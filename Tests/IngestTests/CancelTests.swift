import Foundation
import Ingest
import Paths
import ReadModel
import Testing
import Transfer
import Watching

private let rules = """
  hotplate: 1
  rules:
    - rule: renders
      match: '{shot}_{layer}.{frame}.exr'
      ready: { quiet: 2s }
      to: '{shot}/{layer}/{shot}_{layer}.{frame:04d}.exr'
  """

/// The moments of a job's life at which a cancel may come.
enum When: CaseIterable { case waiting, queued, staging, staged }

@Suite struct `A cancel is a cancel` {
  /// A job stopped at the given moment.
  private func story(at moment: When) -> Story {
    var story = Story(rules: rules)
    story.heldBack =
      switch moment {
      case .waiting: [.inspect]
      case .queued: [.enqueue]
      case .staging: [.stage]
      case .staged: [.commit]
      }
    story.drop("in/sh010_beauty.", 1...3, ".exr")
    story.wait(.seconds(2))
    return story
  }

  @Test(arguments: When.allCases)
  func `a sentinel cancels, names itself as the reason, and holds what it covers`(_ moment: When) {
    var story = story(at: moment)
    story.tell(.watch(.file(place("in/.cancel"), .created)))
    story.heldBack = []
    for step in [Story.Step.inspect, .enqueue, .stage, .commit] { story.go(step) }
    #expect(story.all.count == 1)
    #expect(story.last(story.all[0]) == .cancelled)
    #expect(story.reasons[story.all[0]]?.code == .sentinel)
    #expect(story.reasons[story.all[0]]?.path?.text == "/drop/in/.cancel")
    story.wait(.seconds(60))
    #expect(story.all.count == 1, "on hold while the sentinel stands")
    story.remove("in/.cancel")
    story.wait(.seconds(2))
    #expect(story.all.count == 2 && story.last(story.all[1]) == .done)
  }

  @Test(arguments: When.allCases)
  func `a removed directory cancels as source-removed, though its frames go first`(_ moment: When) {
    var story = story(at: moment)
    for frame in 1...3 { story.remove("in/sh010_beauty.\(frame).exr") }
    story.removeDirectory("in")
    story.heldBack = []
    for step in [Story.Step.inspect, .enqueue, .stage, .commit] { story.go(step) }
    if moment == .waiting {
      #expect(story.all.isEmpty && story.intake.arrivals.isEmpty)
    } else {
      #expect(story.last(story.all[0]) == .cancelled)
      #expect(story.reasons[story.all[0]]?.code == .sourceRemoved)
    }
    story.wait(.seconds(60))
    #expect(story.all.count <= 1)
  }

  @Test(arguments: When.allCases)
  func `a moved directory cancels as source-moved, naming where to`(_ moment: When) {
    var story = story(at: moment)
    story.move("in", to: "out")
    story.heldBack = []
    for step in [Story.Step.inspect, .enqueue, .stage, .commit] { story.go(step) }
    #expect(story.last(story.all[0]) == .cancelled)
    #expect(story.reasons[story.all[0]]?.code == .sourceMoved)
    #expect(story.reasons[story.all[0]]?.path?.text == "/drop/out")
    #expect(story.rescans == [place("out")])
  }

  @Test func `a directory that is looked for on its way out is cancelled as moved, not forgotten`()
    throws
  {
    var story = story(at: .waiting)
    story.tell(.watch(.leaving(place("in"))))
    story.missing = Set((1...3).map { FileName("sh010_beauty.\($0).exr") })
    story.heldBack = []
    story.go(.inspect)
    story.tell(.watch(.directoryMoved(from: place("in"), to: nil)))
    #expect(story.all.count == 1)
    #expect(story.reasons[try #require(story.all.first)]?.code == .sourceMoved)
    story.wait(.seconds(60))
    #expect(story.intake.arrivals.isEmpty)
  }

  @Test(arguments: [true, false])
  func `a job that was held for the names of another goes on once that other is cancelled`(
    _ isToldLate: Bool
  ) throws {
    var story = story(at: .staging)
    let first = try #require(story.jobs.first?.id)
    story.heldBack = [.stage, .enqueue]
    story.drop("other/sh010_beauty.", 1...3, ".exr")
    story.wait(.seconds(2))
    let second = try #require(story.jobs.last?.id)
    #expect(first != second)
    let path = RelativePath("sh010/beauty/sh010_beauty.0001.exr")!
    story.heldBack = []
    if !isToldLate { story.tell(.claimed(second, by: first, path: path)) }
    if !isToldLate { #expect(story.last(second) == .held) }
    story.tell(.watch(.file(place("in/.cancel"), .created)))
    #expect(story.last(first) == .cancelled)
    // The claim was met before the cancel was over, and is told after it.
    if isToldLate { story.tell(.claimed(second, by: first, path: path)) }
    #expect(story.last(second) == .done)
  }

  @Test func `half a rename cancels before its other half comes`() {
    var story = story(at: .staged)
    story.tell(.watch(.leaving(place("in"))))
    #expect(story.last(story.all[0]) == .cancelled)
    story.wait(.milliseconds(50))
    story.move("in", to: "out")
    #expect(story.reasons[story.all[0]]?.path?.text == "/drop/out")
    #expect(story.all.count == 1, "what is leaving does not arrive again on its way")
  }

  @Test func `a frame removed while it waits only starts the quiet time again`() {
    var story = Story(rules: rules)
    story.drop("sh010_beauty.", 1...3, ".exr")
    story.wait(.seconds(1))
    story.remove("sh010_beauty.3.exr")
    story.wait(.milliseconds(1500))
    #expect(story.all.isEmpty)
    story.wait(.milliseconds(500))
    #expect(story.all.count == 1)
  }

  @Test func `a frame removed while it is staged cancels, and what is left is a new arrival`() {
    var story = story(at: .staging)
    story.remove("in/sh010_beauty.2.exr")
    #expect(story.reasons[story.all[0]]?.code == .frameRemoved)
    story.heldBack = []
    story.wait(.seconds(2))
    #expect(story.all.count == 2 && story.last(story.all[1]) == .done)
  }

  @Test func `a cancel and a commit that meet: exactly one wins`() {
    for cancelFirst in [true, false] {
      var story = story(at: .staged)
      story.heldBack.insert(.abort)
      story.tell(.watch(.file(place("in/.cancel"), .created)))
      story.heldBack = []
      for step in cancelFirst ? [Story.Step.abort, .commit] : [.commit, .abort] { story.go(step) }
      #expect(story.last(story.all[0]) == (cancelFirst ? .cancelled : .done))
      #expect(story.committed.isDisjoint(with: story.cancelled))
    }
  }

  @Test func `after done a sentinel changes nothing`() {
    var story = Story(rules: rules)
    story.drop("sh010_beauty.1.exr")
    story.wait(.seconds(2))
    story.drop(".cancel")
    #expect(story.last(story.all[0]) == .done)
  }

  @Test func `a sentinel that lies there first lets no job begin`() {
    var story = Story(rules: rules, walked: false)
    story.drop("in/.cancel")
    story.drop("in/sh010_beauty.1.exr", "in/deep/sh020_beauty.1.exr", "other/sh030_beauty.1.exr")
    story.tell(.watch(.walked(Place(root: 0, path: .root))))
    story.wait(.seconds(2))
    #expect(story.all.count == 1)
  }

  @Test func `a job left by an earlier run is cancelled by a sentinel that came meanwhile`() {
    var before = story(at: .staging)
    let job = before.jobs[0]
    var story = Story(rules: rules, walked: false)
    story.tell(.recovered(job))
    story.drop("in/.cancel", "in/sh010_beauty.1.exr")
    story.tell(.watch(.walked(Place(root: 0, path: .root))))
    #expect(story.last(job.id) == .cancelled)
    #expect(story.reasons[job.id]?.code == .sentinel)
    before.go(.stage)
  }

  @Test(arguments: ["in/sh010_beauty.cancel", "in/sh010_beauty..cancel", "in/sh010_beauty.CANCEL"])
  func `a stem's sentinel cancels its sequence and no other`(_ sentinel: String) {
    var story = Story(rules: rules)
    story.heldBack = [.stage]
    story.drop("in/sh010_beauty.1.exr", "in/sh010_depth.1.exr")
    story.wait(.seconds(2))
    story.drop(sentinel)
    story.heldBack = []
    story.go(.stage)
    story.go(.stage)
    let states = story.all.map { story.last($0) }
    #expect(states.sorted { "\($0!)" < "\($1!)" } == [.cancelled, .done])
  }

  @Test func `a sentinel that comes while its job is published is told in the job's history`() {
    var story = Story(rules: rules)
    story.heldBack = [.publish]
    story.drop("in/sh010_beauty.", 1...3, ".exr")
    story.wait(.seconds(2))
    story.tell(.watch(.file(place("in/.cancel"), .created)))
    #expect(story.notes[story.all[0]] == ["in/.cancel came too late: already being published"])
    story.heldBack = []
    story.go(.publish)
    #expect(story.last(story.all[0]) == .done)
  }

  @Test func `a cancel by hand stands until the content changes`() {
    var story = story(at: .staging)
    story.cancel(story.all[0])
    story.heldBack = []
    story.wait(.seconds(60))
    #expect(story.all.count == 1 && story.last(story.all[0]) == .cancelled)
    story.drop("in/sh010_beauty.1.exr")
    story.wait(.seconds(2))
    #expect(story.all.count == 2)
    #expect(story.sizes[story.all[1]] == 3, "the whole of it, not the changed frame alone")
  }

  @Test func `a job that is still being cancelled gets the better reason when it comes`() {
    var story = story(at: .staging)
    story.heldBack.insert(.abort)
    story.remove("in/sh010_beauty.1.exr")
    #expect(story.reasons.isEmpty)
    story.removeDirectory("in")
    #expect(story.reasons[story.all[0]]?.code == .sourceRemoved)
    story.go(.abort)
    #expect(story.reasons[story.all[0]]?.code == .sourceRemoved)
  }

  @Test func `our own removal of moved sources is no cancel`() {
    var story = story(at: .staged)
    story.heldBack = [.finish]
    story.go(.commit)
    story.remove("in/sh010_beauty.1.exr")
    story.heldBack = []
    story.go(.finish)
    #expect(story.last(story.all[0]) == .done)
  }
}
