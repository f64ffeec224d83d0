import Files
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
      ready: { quiet: 2s, gaps: hold }
      to: '{shot}/{layer}/{shot}_{layer}.{frame:04d}.exr'
  """

@Suite struct `A job that is tried again` {
  /// A job that is set aside as held or failed.
  private func story(_ state: JobState) -> Story {
    var story = Story(rules: rules)
    story.stagingEnd = state == .held ? .conflict("taken") : .failed(.io, "disk")
    story.drop("in/sh010_beauty.", 1...3, ".exr")
    story.wait(.seconds(2))
    return story
  }

  @Test(arguments: [JobState.held, .failed])
  func `goes on with its plan, under its own id, if its sources are what they were`(
    _ state: JobState
  ) {
    var story = story(state)
    let id = story.all[0]
    #expect(story.last(id) == state)
    story.tell(.retry(id, changed: nil))
    #expect(story.requeued == [id])
    #expect(story.all == [id])
    #expect(story.committed == [id])
    #expect(story.intake.jobs.isEmpty, "it is done")
  }

  @Test(arguments: [JobState.held, .failed])
  func `comes anew if a source is not what it was`(_ state: JobState) {
    var story = story(state)
    let id = story.all[0]
    story.tell(.retry(id, changed: RelativePath("in/sh010_beauty.2.exr")!))
    #expect(story.requeued.isEmpty)
    #expect(story.last(id) == (state == .held ? .cancelled : .failed))
    #expect(story.reasons[id]?.code == .sourceChanged)
    #expect(story.reasons[id]?.path?.text == "/drop/in/sh010_beauty.2.exr")
    story.wait(.seconds(2))
    #expect(story.all.count == 2 && story.last(story.all[1]) == .done)
    #expect(story.sizes[story.all.last!] == 3)
  }

  @Test(arguments: [JobState.held, .failed])
  func `is kept until its row says that it is set aside, whatever is written meanwhile`(
    _ state: JobState
  ) {
    var story = Story(rules: rules)
    story.heldBack = [.finish]
    story.stagingEnd = state == .held ? .conflict("taken") : .failed(.io, "disk")
    story.drop("in/sh010_beauty.", 1...3, ".exr")
    story.wait(.seconds(2))
    let id = story.all[0]
    story.rewritten = ["sh010_beauty.2.exr"]
    story.drop("in/sh010_beauty.2.exr")
    #expect(story.jobs.map(\.id) == [id], "its row would stay what it was, and its claims with it")
    story.heldBack = []
    story.go(.finish)
    #expect(story.last(id) == (state == .held ? .cancelled : .failed))
    story.wait(.seconds(2))
    #expect(story.all.count == 2 && story.last(story.all[1]) == .done)
  }

  @Test func `that lost frames for good behind its commit has failed, and may be tried again`() {
    var story = Story(rules: rules)
    story.publishFailure = .lost("1 frame is lost")
    story.drop("in/sh010_beauty.", 1...3, ".exr")
    story.wait(.seconds(2))
    let id = story.all[0]
    #expect(story.last(id) == .failed)
    #expect(story.reasons[id]?.message == "1 frame is lost")
  }

  @Test func `is held again by what still stands in its way`() {
    var story = story(.held)
    story.conflict = "still taken"
    story.tell(.retry(story.all[0], changed: nil))
    #expect(story.jobs.map(\.state) == [.held])
    #expect(story.jobs[0].reason?.message.contains("hotplate retry") == true)
  }

  @Test func `waits for its row if it is just being set aside`() {
    var story = Story(rules: rules)
    story.heldBack = [.finish]
    story.stagingEnd = .conflict("taken")
    story.drop("in/sh010_beauty.1.exr")
    story.wait(.seconds(2))
    story.tell(.retry(story.all[0], changed: nil))
    #expect(story.requeued.isEmpty)
    story.go(.finish)
    #expect(story.jobs.map(\.state) == [.held])
  }

  @Test func `is judged anew while it has no plan`() {
    var story = Story(rules: rules)
    story.drop("in/sh010_beauty.1.exr", "in/sh010_beauty.3.exr")
    story.wait(.seconds(2))
    let id = story.arrival!.job
    #expect(story.held?.code == .gaps)
    #expect(story.told.count == 1)
    story.tell(.retry(id, changed: nil))
    #expect(story.held == nil)
    story.wait(.seconds(2))
    #expect(story.held?.code == .gaps)
    #expect(story.told.count == 2)
    story.tell(.retry(id, changed: nil))
    story.drop("in/sh010_beauty.2.exr")
    story.wait(.seconds(2))
    #expect(story.last(id) == .done)
  }

  @Test func `is a new job of the same files if a person had cancelled it`() {
    var story = Story(rules: rules)
    story.heldBack = [.stage]
    story.drop("in/sh010_beauty.", 1...3, ".exr")
    story.wait(.seconds(2))
    let id = story.all[0]
    story.cancel(id)
    story.heldBack = []
    story.wait(.seconds(60))
    #expect(story.all == [id])
    story.tell(.revived(id))
    story.wait(.seconds(2))
    #expect(story.last(id) == .cancelled, "it has ended")
    #expect(story.all.count == 2 && story.last(story.all[1]) == .done)
    #expect(story.sizes[story.all.last!] == 3)
  }

  @Test func `stays on hold below a sentinel that stands`() {
    var story = Story(rules: rules)
    story.heldBack = [.stage]
    story.drop("in/sh010_beauty.1.exr")
    story.wait(.seconds(2))
    story.cancel(story.all[0])
    story.heldBack = []
    story.drop("in/.cancel")
    story.tell(.revived(story.all[0]))
    story.wait(.seconds(60))
    #expect(story.all.count == 1)
    story.remove("in/.cancel")
    story.wait(.seconds(2))
    #expect(story.all.count == 2)
  }

  @Test func `is left alone while it is under way, and when it is done`() {
    var story = Story(rules: rules)
    story.heldBack = [.commit]
    story.drop("in/sh010_beauty.1.exr")
    story.wait(.seconds(2))
    let id = story.all[0]
    story.tell(.retry(id, changed: nil))
    #expect(story.requeued.isEmpty && story.jobs.map(\.state) == [.staged])
    story.heldBack = []
    story.go(.commit)
    story.tell(.retry(id, changed: nil))
    story.wait(.seconds(60))
    #expect(story.requeued.isEmpty && story.all == [id])
  }
}

@Suite struct `A job that is undone` {
  /// Done, with the job as the journal would give it back.
  private func story(move: Bool = false) -> (Story, Job) {
    var story = Story(
      rules: move
        ? rules.replacing("gaps: hold }", with: "gaps: hold }\n    transfer: move") : rules)
    story.heldBack = [.finish]
    story.drop("in/sh010_beauty.", 1...3, ".exr")
    story.wait(.seconds(2))
    var job = story.jobs[0]
    story.heldBack = []
    story.go(.finish)
    if move { for frame in 1...3 { story.remove("in/sh010_beauty.\(frame).exr") } }
    #expect(story.last(job.id) == .done)
    job = Job(
      id: job.id, hotFolder: 0, rules: job.rules, members: job.members, plan: job.plan,
      created: job.created, state: .done)
    return (story, job)
  }

  /// What the journal says of the sources of an undone job.
  private func entomb(_ story: inout Story, _ job: Job) {
    for file in job.plan.files { story.known[file.source.name!] = .cancelled(job.id) }
  }

  @Test(arguments: [false, true])
  func `does not come again by itself, until a person or a change brings it`(move: Bool) {
    for byHand in [true, false] {
      var (story, job) = story(move: move)
      story.heldBack = [.undo]
      story.tell(.undo(job))
      #expect(!story.intake.isAtRest)
      if move { story.drop("in/sh010_beauty.", 1...3, ".exr") }
      story.wait(.seconds(60))
      #expect(story.intake.arrivals.isEmpty, "what comes back meanwhile is no arrival")
      entomb(&story, job)
      story.heldBack = []
      story.go(.undo)
      story.wait(.seconds(60))
      #expect(story.all == [job.id])
      #expect(story.intake.isAtRest)
      story.known = [:]
      if byHand {
        story.tell(.revived(job.id))
      } else {
        story.drop("in/sh010_beauty.2.exr")
      }
      story.wait(.seconds(2))
      #expect(story.all.count == 2 && story.last(story.all[1]) == .done)
      #expect(story.sizes[story.all.last!] == 3, "all of it")
    }
  }

  @Test func `is over before what was written meanwhile arrives`() {
    var (story, job) = story()
    story.heldBack = [.undo]
    story.tell(.undo(job))
    story.drop("in/sh010_beauty.2.exr")
    story.wait(.seconds(60))
    #expect(story.all == [job.id])
    story.back = []
    story.heldBack = []
    story.known[FileName("sh010_beauty.1.exr")] = .published(job.id)
    story.known[FileName("sh010_beauty.3.exr")] = .published(job.id)
    story.go(.undo)
    story.wait(.seconds(2))
    #expect(story.all.count == 2)
    #expect(story.sizes[story.all.last!] == 1, "the others are published still")
  }

  @Test func `cannot be cancelled, and a removed source is looked for when it is over`() {
    var (story, job) = story()
    story.heldBack = [.undo]
    story.tell(.undo(job))
    story.cancel(job.id)
    story.drop("in/.cancel")
    story.remove("in/.cancel")
    story.remove("in/sh010_beauty.2.exr")
    #expect(story.jobs.map(\.state) == [.done])
    story.missing = [FileName("sh010_beauty.2.exr")]
    entomb(&story, job)
    story.heldBack = []
    story.go(.undo)
    story.wait(.seconds(60))
    #expect(story.all == [job.id])
    #expect(story.intake.isAtRest && story.intake.jobs.isEmpty)
  }

  @Test func `goes on where it could not a moment ago, once`() {
    var (story, job) = story()
    story.heldBack = [.undo]
    story.tell(.undo(job))
    #expect(story.pending.count == 1)
    story.tell(.undo(job))
    #expect(story.pending.count == 2 && story.jobs.count == 1)
    story.heldBack = []
    story.go(.undo)
    #expect(story.intake.jobs.isEmpty)
  }

  @Test func `goes on after a restart before anything of it is taken`() {
    let (_, job) = story(move: true)
    var story = Story(rules: rules, walked: false)
    story.heldBack = [.undo]
    story.tell(.undo(job))
    story.drop("in/sh010_beauty.1.exr")
    story.tell(.watch(.walked(Place(root: 0, path: .root))))
    story.wait(.seconds(60))
    #expect(story.intake.arrivals.isEmpty)
    entomb(&story, job)
    story.missing = [FileName("sh010_beauty.2.exr"), FileName("sh010_beauty.3.exr")]
    story.heldBack = []
    story.go(.undo)
    story.wait(.seconds(60))
    #expect(story.committed.isEmpty && story.intake.isAtRest)
  }
}
