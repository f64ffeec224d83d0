import Foundation
import Ingest
import Paths
import ReadModel
import Testing
import Transfer

@testable import Watching

private let rules = """
  hotplate: 1
  rules:
    - rule: renders
      match: '{shot}_{layer}.{frame}.exr'
      ready: { quiet: 2s }
      to: '{shot}/{layer}/{shot}_{layer}.{frame:04d}.exr'
    - rule: whole
      match: '{shot}-{layer}.{frame}.dpx'
      ready: { quiet: 2s, frames: 1-3 }
      to: '{shot}/{layer}/{name}'
  """

@Suite struct `From arrival to publication` {
  @Test func `a sequence becomes one job after its quiet time, and not before`() {
    var story = Story(rules: rules)
    story.drop("in/sh010_beauty.", 1...3, ".exr")
    story.wait(.milliseconds(1900))
    #expect(story.jobs.isEmpty)
    story.wait(.milliseconds(100))
    #expect(story.all.count == 1)
    #expect(
      story.states[story.all[0]]
        == [.waiting, .queued, .staging, .staged, .committing, .done].suffix(
          story.states[story.all[0]]!.count))
    #expect(story.last(story.all[0]) == .done)
  }

  @Test func `a frame that comes while others are quiet starts the quiet time again`() {
    var story = Story(rules: rules)
    story.drop("sh010_beauty.1.exr")
    story.wait(.milliseconds(1500))
    story.drop("sh010_beauty.2.exr")
    story.wait(.milliseconds(1500))
    #expect(story.all.isEmpty)
    story.wait(.milliseconds(500))
    #expect(story.all.count == 1)
  }

  @Test func `a file that a process still has open for writing is not taken`() {
    var story = Story(rules: rules)
    story.writers = ["sh010_beauty.2.exr"]
    story.drop("sh010_beauty.", 1...2, ".exr")
    story.wait(.seconds(10))
    #expect(story.all.isEmpty)
    story.writers = []
    story.wait(.seconds(2))
    story.wait(.seconds(2))
    #expect(story.all.count == 1)
  }

  @Test func `a rule's frames are waited for, and the gap is named`() throws {
    var story = Story(rules: rules)
    story.drop("sh010-bg.1.dpx", "sh010-bg.3.dpx")
    story.wait(.seconds(2))
    #expect(story.all.isEmpty)
    let arrival = try #require(story.intake.arrivals.values.first)
    guard case .blocked(let reason) = arrival.phase else {
      Issue.record("not blocked")
      return
    }
    #expect(reason.code == .gaps && reason.message.contains("2"))
    story.drop("sh010-bg.2.dpx")
    story.wait(.seconds(2))
    #expect(story.last(story.all[0]) == .done)
  }

  @Test func `what was published before is not taken again`() {
    var story = Story(rules: rules)
    story.known = ["sh010_beauty.1.exr": .published("earlier")]
    story.drop("sh010_beauty.1.exr")
    story.wait(.seconds(2))
    #expect(story.all.isEmpty && story.intake.arrivals.isEmpty)
  }

  @Test func `copies under way count once they are renamed`() {
    var story = Story(
      rules: """
        hotplate: 1
        rules:
          - { rule: any, match: '*.{frame}.exr*', to: 'all/{name}' }
        """)
    story.drop(".sh010.1.exr.Xy12ab", "sh010.1.exr.part")
    story.wait(.seconds(10))
    #expect(story.all.isEmpty)
    story.tell(.watch(.fileMoved(from: place("sh010.1.exr.part"), to: place("sh010.1.exr"))))
    story.tell(.watch(.file(place("sh010.1.exr"), .arrived)))
    story.wait(.seconds(2))
    #expect(story.last(story.all[0]) == .done)
  }

  @Test func `no job starts before the first look at its hot folder is done`() {
    var story = Story(rules: rules, walked: false)
    story.drop("sh010_beauty.1.exr")
    story.wait(.seconds(2))
    #expect(story.all.isEmpty)
    story.tell(.watch(.walked(Place(root: 0, path: .root))))
    #expect(story.all.map { story.last($0) } == [.done])

    story.heldBack = [.stage]
    story.drop("sh020_beauty.1.exr")
    story.wait(.seconds(2))
    var next = Story(rules: rules, walked: false)
    for job in story.jobs { next.tell(.recovered(job)) }
    #expect(next.jobs.map(\.state) == [.queued])
    next.tell(.watch(.walked(Place(root: 0, path: .root))))
    #expect(next.all.map { next.last($0) } == [.done])
  }

  @Test func `a full queue keeps arrivals waiting and forgets none`() {
    var limits = Intake.Limits()
    limits.queued = 2
    limits.running = 1
    var story = Story(rules: rules, limits: limits)
    story.heldBack = [.stage]
    for shot in 1...9 { story.drop("sh\(shot)_beauty.1.exr") }
    story.wait(.seconds(2))
    #expect(story.jobs.count { $0.state == .queued } <= 3)
    story.heldBack = []
    for _ in 1...9 { story.go(.stage) }
    #expect(story.all.count == 9)
    #expect(story.all.allSatisfy { story.last($0) == .done })
  }

  @Test func `a conflict holds the job and its files are not taken by another`() {
    var story = Story(rules: rules)
    story.conflict = "taken"
    story.drop("sh010_beauty.1.exr")
    story.wait(.seconds(2))
    #expect(story.last(story.all[0]) == .held)
    story.tell(.watch(.file(place("sh010_beauty.1.exr"), .found)))
    story.wait(.seconds(10))
    #expect(story.all.count == 1)
    #expect(story.intake.isAtRest)
  }

  @Test func `lost events list every hot folder again`() {
    var story = Story(rules: rules)
    story.tell(.eventsLost)
    #expect(story.rescans == [Place(root: 0, path: .root)])
  }

  @Test func `a source written after the plan is seen at the commit and settles anew`() {
    var story = Story(rules: rules)
    story.heldBack = [.stage]
    story.drop("sh010_beauty.1.exr")
    story.wait(.seconds(2))
    story.drop("sh010_beauty.1.exr")
    story.heldBack = []
    story.go(.stage)
    #expect(story.last(story.all[0]) == .cancelled)
    #expect(story.reasons[story.all[0]]?.code == .sourceChanged)
    story.wait(.seconds(2))
    #expect(story.all.count == 2 && story.last(story.all[1]) == .done)
  }

  @Test func `a frame that cannot be read keeps its whole sequence waiting, and is named`() throws {
    var story = Story(rules: rules)
    story.unreadable = ["sh010_beauty.2.exr"]
    story.drop("sh010_beauty.", 1...3, ".exr")
    story.wait(.seconds(2))
    #expect(story.all.isEmpty)
    let arrival = try #require(story.intake.arrivals.values.first)
    guard case .blocked(let reason) = arrival.phase else {
      Issue.record("not blocked")
      return
    }
    #expect(reason.code == .io && reason.message.contains("sh010_beauty.2.exr"))
    story.unreadable = []
    story.wait(.seconds(10))
    #expect(story.last(story.all[0]) == .done)
    #expect(story.all.count == 1)
  }

  @Test func `what stays behind when the rest of its names becomes a job has an id of its own`() {
    var story = Story(rules: rules)
    // Two paddings are two sequences; only one has all its frames.
    story.drop("sh010-bg.1.dpx", "sh010-bg.2.dpx", "sh010-bg.3.dpx", "sh010-bg.0001.dpx")
    story.wait(.seconds(2))
    #expect(story.all.count == 1)
    let left = story.intake.arrivals.values.map(\.job)
    #expect(left.count == 1 && left[0] != story.all[0])
  }

  @Test func `a rewritten source frees a held job, and is a new arrival`() {
    var story = Story(rules: rules)
    story.conflict = "taken"
    story.drop("sh010_beauty.1.exr")
    story.wait(.seconds(2))
    story.conflict = nil
    story.drop("sh010_beauty.1.exr")
    story.wait(.seconds(2))
    #expect(story.all.map { story.last($0) } == [.cancelled, .done])
    #expect(story.reasons[story.all[0]]?.code == .sourceChanged)
  }

  @Test func `a full destination and an absent mount pause a job, which goes on by itself`() {
    for (end, over) in [
      (StagingEnd.destinationFull("full"), JobOverlay.full), (.offline("gone"), .offline),
    ] {
      var story = Story(rules: rules)
      story.stagingEnd = end
      story.drop("sh010_beauty.1.exr")
      story.wait(.seconds(2))
      #expect(story.jobs.map(\.over) == [over])
      #expect(story.jobs.map(\.state) == [.queued])
      story.wait(.seconds(5))
      #expect(story.last(story.all[0]) == .done)
    }
  }

  @Test func `a publication that has to wait keeps nobody else from staging`() {
    var limits = Intake.Limits()
    limits.running = 1
    var story = Story(rules: rules, limits: limits)
    story.heldBack = [.publish]
    story.drop("sh010_beauty.1.exr")
    story.wait(.seconds(2))
    #expect(story.jobs.map(\.state) == [.committing])
    story.drop("sh020_beauty.1.exr")
    story.wait(.seconds(2))
    #expect(story.jobs.map(\.state) == [.committing, .committing])
  }

  @Test func `what a rescan does not tell again is gone: a frame, and a sentinel`() {
    var story = Story(rules: rules)
    let root = Place(root: 0, path: .root)
    story.heldBack = [.stage]
    story.drop("sh010_beauty.1.exr", "sh010_beauty.2.exr")
    story.wait(.seconds(2))
    story.drop("in/.cancel", "in/sh020_beauty.1.exr")
    story.tell(.watch(.rescanning(root, because: .overflow)))
    story.tell(.watch(.file(place("sh010_beauty.1.exr"), .found)))
    story.tell(.watch(.file(place("in/sh020_beauty.1.exr"), .found)))
    story.heldBack = []
    story.tell(.watch(.walked(root)))
    #expect(story.reasons[story.all[0]]?.code == .frameRemoved)
    story.go(.stage)
    story.wait(.seconds(2))
    #expect(story.intake.holds.isEmpty)
    #expect(story.all.dropFirst().map { story.last($0) } == [.done, .done])
  }

  @Test func `a hot folder that cannot be watched whole is listed again and again`() {
    var story = Story(rules: rules)
    let root = Place(root: 0, path: .root)
    let limit = KernelLimit(name: "fs.inotify.max_user_watches", value: 3, used: 3)
    story.tell(.watch(.rescanning(root, because: .watchLimit(limit))))
    story.tell(.watch(.walked(root)))
    #expect(story.rescans.isEmpty)
    story.wait(.seconds(30))
    #expect(story.rescans == [root])
    #expect(story.intake.limited[0] != nil)
  }
}
