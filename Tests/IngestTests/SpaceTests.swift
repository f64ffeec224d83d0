import Files
import Foundation
import Paths
import ReadModel
import Synchronization
import Testing
import Transfer

@testable import Ingest

private let rules = """
  hotplate: 1
  rules:
    - rule: urgent
      match: '{volume}/{shot}_urgent.{frame}.exr'
      ready: { quiet: 2s }
      priority: 5
      to: '{volume}/{shot}/{shot}_urgent.{frame:04d}.exr'
    - rule: renders
      match: '{volume}/{shot}_{layer}.{frame}.exr'
      ready: { quiet: 2s }
      to: '{volume}/{shot}/{shot}_{layer}.{frame:04d}.exr'
  """

/// Disks of a hundred bytes, one for each first directory of a destination; a frame takes ten, one that is linked none.
private final class Disks: Sendable {
  struct Disk {
    var free = 100
    var isWritable = true
  }
  private let disks = Mutex<[String: Disk]>([:])
  private let done = Mutex<[JobID: RoomAnswer.Done]>([:])

  subscript(_ name: String) -> Disk {
    get { disks.withLock { $0[name] ?? Disk() } }
    set { disks.withLock { $0[name] = newValue } }
  }

  /// A job under way has written so much.
  func write(_ frames: Int, of id: JobID, to name: String) {
    self[name].free -= 10 * frames
    done.withLock { $0[id] = RoomAnswer.Done(bytes: 10 * frames, files: frames) }
  }

  func measure(_ job: Job, _ measure: Measure) -> RoomAnswer {
    let name = job.plan.files[0].destination.components.first!.description
    let disk = self[name]
    let isLinked = job.plan.files[0].destination.description.contains("_links")
    let staged = done.withLock { $0[job.id]?.bytes } ?? 0
    let whole = isLinked ? 0 : 10 * job.plan.files.count
    return RoomAnswer(
      demand: measure == .room
        ? nil : Demand(bytes: measure == .exactly ? whole - staged : whole, files: 0),
      isExact: measure == .exactly,
      room: Room(
        volume: UInt64(name.utf8.reduce(0) { $0 * 31 + Int($1) }), bytes: disk.free,
        totalBytes: 100, isWritable: disk.isWritable),
      done: done.withLock { $0 })
  }
}

@Suite struct `Room at the destination` {
  private let disks = Disks()

  private func story(_ limits: Intake.Limits = Intake.Limits(), holdingBack: Bool = true) -> Story {
    var story = Story(rules: rules, limits: limits)
    let disks = disks
    story.measurement = { disks.measure($0, $1) }
    if holdingBack { story.heldBack = [.stage] }
    return story
  }

  /// Drops a sequence that becomes one job.
  private func job(_ name: String, frames: Int, in story: inout Story) -> JobID {
    let before = Set(story.all)
    story.drop("\(name).", 1...frames, ".exr")
    story.wait(.seconds(2))
    return story.all.first { !before.contains($0) }!
  }

  @Test func `a job that does not fit waits as full, says what is missing, and is not begun`() {
    var story = story()
    disks["x"].free = 30
    let id = job("x/a_beauty", frames: 5, in: &story)
    #expect(story.jobs[0].state == .queued)
    #expect(story.jobs[0].over == .full)
    #expect(story.jobs[0].reason?.code == .destinationFull)
    #expect(
      story.jobs[0].reason?.message
        == "no room on /projects: it takes 50 bytes, 30 bytes are free: 20 bytes are missing")
    #expect(!story.isPending(.stage))
    #expect(story.requeues[id] == 1)
  }

  @Test func `a full destination holds up neither others nor smaller jobs of its own`() {
    var story = story()
    disks["x"].free = 30
    let large = job("x/a_beauty", frames: 5, in: &story)
    let small = job("x/b_beauty", frames: 3, in: &story)
    let other = job("y/c_beauty", frames: 5, in: &story)
    #expect(story.intake.jobs[small]?.state == .staging)
    #expect(story.intake.jobs[other]?.state == .staging)
    #expect(story.intake.jobs[large]?.over == .full)
  }

  @Test func `two jobs that would fit alone run one after the other, and never half-fill a disk`() {
    var story = story()
    let first = job("x/a_beauty", frames: 6, in: &story)
    let second = job("x/b_beauty", frames: 6, in: &story)
    #expect(story.intake.jobs[first]?.state == .staging)
    #expect(story.intake.jobs[second]?.over == .full)
    // What is written is promised no more, and what is promised is not free yet.
    disks.write(3, of: first, to: "x")
    story.wait(.seconds(2))
    #expect(story.intake.jobs[second]?.over == .full)
    disks["x"].free = 90
    story.wait(.seconds(2))
    #expect(story.intake.jobs[second]?.state == .staging)
    #expect(story.intake.jobs[second]?.over == nil)
    #expect(story.intake.jobs[second]?.reason == nil)
  }

  @Test
  func `while jobs wait their disk is asked at intervals, once for all, and not when none waits`() {
    var story = story(holdingBack: false)
    disks["x"].free = 0
    let ids = ["a", "b", "c"].map { job("x/\($0)_beauty", frames: 2, in: &story) }
    let before = ids.reduce(0) { $0 + story.measures[$1]! }
    for _ in 1...10 { story.wait(.seconds(2)) }
    #expect(ids.reduce(0) { $0 + story.measures[$1]! } == before + 10)
    #expect(story.requeues.values.allSatisfy { $0 == 1 }, "the journal is told once")
    disks["x"].free = 100
    story.wait(.seconds(2))
    #expect(ids.map { story.last($0) } == [.done, .done, .done])
    story.wait(.seconds(2))
    #expect(story.intake.nextDeadline == nil)
    #expect(story.intake.isAtRest)
  }

  @Test func `what takes no bytes needs no room, also behind one that has waited long`() {
    var story = story(holdingBack: false)
    disks["x"].free = 0
    _ = job("x/a_beauty", frames: 5, in: &story)
    for _ in 1...200 { story.wait(.seconds(2)) }
    let links = job("x/b_links", frames: 5, in: &story)
    #expect(story.last(links) == .done)
  }

  @Test func `who waits for room comes first when it is back`() {
    var limits = Intake.Limits()
    limits.running = 1
    var story = story(limits)
    disks["x"].free = 10
    let first = job("x/a_beauty", frames: 5, in: &story)
    let second = job("x/b_beauty", frames: 5, in: &story)
    let urgent = job("x/c_urgent", frames: 5, in: &story)
    disks["x"].free = 50
    story.wait(.seconds(2))
    #expect(story.intake.jobs[urgent]?.state == .staging)
    #expect(story.intake.jobs[first]?.over == .full)
    story.go(.stage)
    story.wait(.seconds(2))
    #expect(story.intake.jobs[first]?.state == .staging)
    #expect(story.intake.jobs[second]?.over == .full)
  }

  @Test
  func
    `room that is back goes to who waited for it, not to who came later and waits for a thread`()
  {
    var limits = Intake.Limits()
    limits.running = 1
    var story = story(limits)
    disks["x"].free = 10
    let first = job("x/a_beauty", frames: 5, in: &story)
    _ = job("y/b_beauty", frames: 5, in: &story)
    let later = job("x/c_beauty", frames: 5, in: &story)
    disks["x"].free = 50
    story.wait(.seconds(2))
    story.go(.stage)
    #expect(story.intake.jobs[first]?.state == .staging)
    #expect(story.intake.jobs[later]?.state == .queued)
  }

  @Test
  func
    `a large job is passed by smaller ones for a while, then they wait for it, then they may again`()
  {
    var story = story(holdingBack: false)
    disks["x"].free = 50
    let large = job("x/a_beauty", frames: 8, in: &story)
    func passes(_ name: String) -> Bool {
      let small = job("x/\(name)_beauty", frames: 2, in: &story)
      return story.last(small) == .done
    }
    #expect(passes("b"))
    story.wait(.seconds(300))
    #expect(!passes("c"))
    let kept = story.jobs.first { $0.id != large }
    #expect(kept?.reason?.message.contains("is kept for job \(large)") == true)
    story.wait(.seconds(300))
    #expect(kept.map { story.last($0.id) } == .done, "one that fits is not kept for ever")
    #expect(passes("d"))
    // The second stretch in which nobody passes is longer: the large one gets what comes back within it.
    story.wait(.seconds(300))
    #expect(!passes("e"))
    story.wait(.seconds(580))
    #expect(!passes("f"))
    disks["x"].free = 80
    story.wait(.seconds(2))
    #expect(story.last(large) == .done)
  }

  @Test func `a higher priority passes also while room is kept for another`() {
    var story = story(holdingBack: false)
    disks["x"].free = 50
    let large = job("x/a_beauty", frames: 8, in: &story)
    story.wait(.seconds(300))
    let small = job("x/b_beauty", frames: 2, in: &story)
    let urgent = job("x/c_urgent", frames: 2, in: &story)
    #expect(story.last(large) == .queued)
    #expect(story.last(small) == .queued)
    #expect(story.last(urgent) == .done)
  }

  @Test func `a job that no room of its disk would ever do for stands in nobody's way`() {
    var story = story(holdingBack: false)
    disks["x"].free = 50
    let large = job("x/a_beauty", frames: 11, in: &story)
    #expect(
      story.intake.jobs[large]?.reason?.message.hasSuffix("too small for it even when empty")
        == true)
    story.wait(.seconds(310))
    let small = job("x/b_beauty", frames: 2, in: &story)
    #expect(story.last(small) == .done)
  }

  @Test func `on a disk that fills up, the last to come gives its room back and the first goes on`()
  {
    var story = story()
    let first = job("x/a_beauty", frames: 5, in: &story)
    let second = job("x/b_beauty", frames: 5, in: &story)
    story.tell(.stagingEnded(first, .destinationFull("the destination is full")))
    #expect(story.stopped == [second])
    #expect(story.intake.jobs[first]?.over == .full)
    #expect(story.gaveBack == [])
    disks["x"].free = 50
    story.tell(.stagingEnded(second, .stopped))
    #expect(story.gaveBack == [second])
    #expect(story.intake.jobs[first]?.state == .staging)
    #expect(story.intake.jobs[second]?.over == .full)
  }

  @Test func `what waits with frames staged takes only what is left, and keeps them`() {
    var story = story()
    let first = job("x/a_beauty", frames: 5, in: &story)
    let second = job("x/b_beauty", frames: 5, in: &story)
    disks.write(3, of: first, to: "x")
    story.tell(.stagingEnded(first, .destinationFull("the destination is full")))
    disks["x"].free = 20
    story.tell(.stagingEnded(second, .stopped))
    #expect(story.intake.jobs[first]?.state == .staging)
    #expect(story.gaveBack == [second])
  }

  @Test func `of two that meet a full disk at once, one gives back and one keeps what it has`() {
    for order in [[0, 1], [1, 0]] {
      var story = story()
      let ids = ["a", "b"].map { job("x/\($0)_beauty", frames: 5, in: &story) }
      story.heldBack.insert(.measure)
      for index in order {
        story.tell(.stagingEnded(ids[index], .destinationFull("the destination is full")))
      }
      story.heldBack.remove(.measure)
      while story.isPending(.measure) { story.go(.measure) }
      #expect(story.gaveBack == [ids[1]], "in order \(order)")
    }
  }

  @Test
  func
    `one that meets a full disk although it seemed to have room tries again when it has more, or later`()
  {
    var story = story()
    let id = job("x/a_beauty", frames: 5, in: &story)
    var tries = 0
    for pause in [5, 10, 20, 40, 80, 160, 300, 300] {
      #expect(story.intake.jobs[id]?.state == .staging)
      story.tell(.stagingEnded(id, .destinationFull("Disk quota exceeded")))
      tries += 1
      #expect(story.gaveBack.count == tries)
      #expect(story.intake.jobs[id]?.reason?.message == "Disk quota exceeded")
      for _ in 1...(pause - 1) { story.wait(.seconds(1)) }
      #expect(story.intake.jobs[id]?.over == .full, "not before \(pause) s")
      story.wait(.seconds(2))
    }
    story.tell(.stagingEnded(id, .destinationFull("Disk quota exceeded")))
    disks["x"].free = 102
    story.wait(.seconds(2))
    #expect(story.intake.jobs[id]?.state == .staging)
  }

  @Test func `a job that waits for room, or is just being measured, is cancelled like any other`() {
    var story = story()
    disks["x"].free = 0
    let waiting = job("x/a_beauty", frames: 5, in: &story)
    story.cancel(waiting)
    #expect(story.last(waiting) == .cancelled)
    story.heldBack = [.measure, .abort]
    let measured = job("y/b_beauty", frames: 5, in: &story)
    story.cancel(measured)
    story.go(.measure)
    #expect(story.intake.jobs[measured]?.state == .cancelling)
    story.go(.abort)
    #expect(story.last(measured) == .cancelled)
    story.wait(.seconds(10))
    #expect(story.jobs.isEmpty)
    #expect(story.intake.running.isEmpty)
    #expect(story.intake.isAtRest)
  }

  @Test func `jobs that wait for room take no place in the queue from others`() {
    var limits = Intake.Limits()
    limits.queued = 2
    var story = story(limits, holdingBack: false)
    disks["x"].free = 0
    for name in ["a", "b", "c", "d"] { _ = job("x/\(name)_beauty", frames: 2, in: &story) }
    #expect(story.jobs.count == 4)
    let other = job("y/e_beauty", frames: 2, in: &story)
    #expect(story.last(other) == .done)
  }

  @Test func `a destination that may not be written holds the job, which goes on once it may`() {
    var story = story()
    let id = job("x/a_beauty", frames: 5, in: &story)
    disks["x"].isWritable = false
    story.tell(.stagingEnded(id, .notWritable("Read-only file system")))
    story.go(.stage)
    #expect(story.last(id) == .held)
    #expect(story.reasons[id]?.code == .destination)
    for _ in 1...100 { story.wait(.seconds(2)) }
    #expect(story.last(id) == .held)
    disks["x"].isWritable = true
    story.wait(.seconds(2))
    #expect(story.intake.jobs[id]?.state == .staging)
    #expect(story.intake.jobs[id]?.reason == nil)
  }

  @Test func `where permissions tell nothing, a held job tries again at growing intervals`() {
    var story = story()
    let id = job("x/a_beauty", frames: 5, in: &story)
    for pause in [5, 10, 20] {
      story.tell(.stagingEnded(id, .notWritable("Permission denied")))
      for _ in 1..<pause { story.wait(.seconds(1)) }
      #expect(story.last(id) == .held)
      for _ in 1...3 { story.wait(.seconds(1)) }
      #expect(story.intake.jobs[id]?.state == .staging)
    }
  }

  @Test
  func
    `behind the commit a full disk pauses the job in committing, and what is only staged makes way`()
  {
    var story = story()
    let first = job("x/a_beauty", frames: 5, in: &story)
    let second = job("x/b_beauty", frames: 5, in: &story)
    story.heldBack.insert(.publish)
    story.tell(.staged(first))
    #expect(story.intake.jobs[first]?.state == .committing)
    story.tell(.publishingFailed(first, .full("the destination is full")))
    #expect(story.intake.jobs[first]?.state == .committing)
    #expect(story.intake.jobs[first]?.over == .full)
    #expect(story.reasons[first]?.code == .destinationFull)
    #expect(story.stopped == [second])
    story.heldBack.remove(.publish)
    while story.isPending(.publish) { story.go(.publish) }
    #expect(story.last(first) == .done)
    #expect(story.reasons[first] == nil, "its row tells no reason any more")
  }
}
