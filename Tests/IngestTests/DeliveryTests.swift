import Files
import Ingest
import Paths
import ReadModel
import Testing

private func together(_ keys: String = "", ready: String = "{ quiet: 2s }") -> String {
  """
  hotplate: 1
  defaults: { together: '/{vendor}/{package}/', ready: \(ready)\(keys) }
  rules:
    - rule: frames
      match: '{shot}_{layer}_v{version}.{frame}.exr'
      when: { count: 2+ }
      to: '{shot}/{vendor}/v{version:03d}/{layer}/{name}'
    - rule: paper
      match: '*.pdf'
      to: 'paper/{vendor}/{package}/{below}'
    - rule: marker
      match: '*.done'
      leave: the vendor's marker
  """
}

@Suite("a delivery goes as one")
struct DeliveryTests {
  @Test("all sequences and files below one directory are one job with a member each")
  func oneJob() throws {
    var story = Story(rules: together())
    story.drop("acme/p1/a_rgba_v1.", 1...3, ".exr")
    story.drop("acme/p1/deep/a_z_v1.", 1...3, ".exr")
    story.drop("acme/p1/list.pdf")
    story.drop("acme/p2/b_rgba_v1.", 1...2, ".exr")
    story.heldBack = [.finish]
    story.wait(.seconds(2))
    #expect(story.jobs.map(\.members.count).sorted() == [1, 3])
    #expect(story.jobs.map(\.plan.files.count).sorted() == [2, 7])
    let large = try #require(story.jobs.first { $0.members.count == 3 })
    #expect(large.members.map(\.rule).sorted() == ["frames", "frames", "paper"])
    #expect(large.rule == "frames, paper" || large.rule == "paper, frames")
  }

  @Test("a change anywhere below its directory, even of what nobody takes, keeps the whole waiting")
  func quietTree() {
    var story = Story(rules: together())
    story.drop("acme/p1/a_rgba_v1.", 1...3, ".exr")
    story.wait(.seconds(1))
    story.drop("acme/p1/deep/notes.txt")
    story.wait(.seconds(1))
    #expect(story.all.isEmpty)
    story.wait(.seconds(1))
    #expect(story.all.map { story.last($0) } == [.done])
  }

  @Test(
    "a copy under way below the directory holds the delivery up, the system's hidden files do not")
  func inFlight() {
    var story = Story(rules: together())
    story.drop("acme/p1/.DS_Store")
    story.drop("acme/p1/a_rgba_v1.", 1...3, ".exr")
    story.drop("acme/p1/a_rgba_v1.4.exr.part")
    story.wait(.seconds(3))
    #expect(story.jobs.isEmpty)
    #expect(story.blocked?.message.contains("a_rgba_v1.4.exr.part") == true)
    story.tell(
      .watch(
        .fileMoved(
          from: place("acme/p1/a_rgba_v1.4.exr.part"), to: place("acme/p1/a_rgba_v1.4.exr"))))
    story.drop("acme/p1/a_rgba_v1.4.exr")
    story.wait(.seconds(2))
    #expect(story.last(story.all[0]) == .done)
    #expect(story.sizes.values.sorted() == [4])
  }

  @Test("a member that a sentinel keeps out holds the delivery, and is named; without it all go")
  func cancelledMember() {
    var story = Story(rules: together())
    story.drop("acme/p1/a_rgba_v1.", 1...3, ".exr")
    story.drop("acme/p1/a_z_v1.", 1...3, ".exr")
    story.wait(.seconds(1))
    story.drop("acme/p1/a_z_v1.cancel")
    story.wait(.seconds(3))
    #expect(story.jobs.isEmpty)
    #expect(story.held?.code == .sentinel)
    #expect(story.held?.message.contains("a_z_v1.cancel") == true)
    story.remove("acme/p1/a_z_v1.cancel")
    story.wait(.seconds(3))
    #expect(story.sizes.values.sorted() == [6])
  }

  @Test("a sentinel over one member cancels the running job whole, and what is left is held")
  func cancelledWhileRunning() {
    var story = Story(rules: together())
    story.drop("acme/p1/a_rgba_v1.", 1...3, ".exr")
    story.drop("acme/p1/deep/a_z_v1.", 1...3, ".exr")
    story.heldBack = [.stage]
    story.wait(.seconds(2))
    let job = story.jobs[0].id
    story.drop("acme/p1/deep/.cancel")
    #expect(story.last(job) == .cancelled)
    story.heldBack = []
    story.wait(.seconds(5))
    #expect(story.held?.code == .sentinel)
    #expect(!story.all.contains { story.last($0) == .done })
  }

  @Test("the sentinel of its directory cancels a waiting delivery, and nothing of it goes")
  func cancelledWaiting() {
    var story = Story(rules: together())
    story.drop("acme/p1/a_rgba_v1.", 1...3, ".exr")
    story.drop("acme/p1/deep/a_z_v1.", 1...3, ".exr")
    story.wait(.seconds(1))
    story.drop("acme/p1/.cancel")
    story.wait(.seconds(5))
    #expect(story.intake.arrivals.isEmpty)
    #expect(story.all.map { story.last($0) } == [.cancelled])
  }

  @Test("a member that its rule refuses holds the delivery and is named")
  func refusedMember() {
    var story = Story(rules: together())
    story.drop("acme/p1/a_rgba_v1.", 1...3, ".exr")
    story.drop("acme/p1/a_z_v1.1.exr")
    story.wait(.seconds(3))
    #expect(story.jobs.isEmpty)
    #expect(story.blocked?.message.contains("a_z_v1") == true)
    story.drop("acme/p1/a_z_v1.2.exr")
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [5])
  }

  @Test("frames that come after a delivery are a delivery of their own")
  func amendment() {
    var story = Story(rules: together())
    story.drop("acme/p1/a_rgba_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    story.drop("acme/p1/a_rgba_v1.", 4...5, ".exr")
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [2, 3])
  }

  @Test("a delivery waits for its marker, at most as long as its patience, and then it is held")
  func marker() {
    let rules = together(ready: "{ quiet: 2s, marker: '{package}.done', patience: 1h }")
    var story = Story(rules: rules)
    story.drop("acme/p1/a_rgba_v1.", 1...3, ".exr")
    story.wait(.seconds(3))
    #expect(story.blocked?.message.contains("acme/p1/p1.done") == true)
    story.wait(.seconds(3600))
    #expect(story.held?.message.contains("p1.done") == true)
    story.drop("acme/p1/p1.done")
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [3])
  }

  @Test(
    "a manifest is held against the files, and what is wrong keeps the delivery waiting until it is mended"
  )
  func manifest() {
    var story = Story(rules: together(ready: "{ quiet: 2s, manifest: '*.md5' }"))
    story.drop("acme/p1/a_rgba_v1.", 1...3, ".exr")
    story.wait(.seconds(3))
    #expect(story.blocked?.code == "manifest")
    #expect(story.proved == [])
    story.proof = .wrong("a_rgba_v1.4.exr is missing")
    story.drop("acme/p1/all.md5")
    story.wait(.seconds(2))
    #expect(story.proved == ["acme/p1/all.md5"])
    #expect(story.blocked?.message == "a_rgba_v1.4.exr is missing")
    story.proof = .right
    story.drop("acme/p1/a_rgba_v1.4.exr")
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [4])
  }

  @Test("what no rule takes below a delivery stays, and its history names it")
  func leftBehind() {
    var story = Story(rules: together())
    story.drop("acme/p1/a_rgba_v1.", 1...3, ".exr")
    story.drop("acme/p1/mystery.foo")
    story.wait(.seconds(3))
    #expect(story.sizes.values.sorted() == [3])
    #expect(story.notes[story.all[0]]?.first?.contains("acme/p1/mystery.foo") == true)
  }

  @Test("rules of one delivery that differ in what they do hold it, and say in what")
  func disagreement() {
    let rules = together().replacingOccurrences(
      of: "match: '*.pdf'", with: "match: '*.pdf'\n    transfer: move")
    var story = Story(rules: rules)
    story.drop("acme/p1/a_rgba_v1.", 1...3, ".exr")
    story.drop("acme/p1/list.pdf")
    story.wait(.seconds(3))
    #expect(story.jobs.isEmpty)
    #expect(story.held?.message.contains("'transfer'") == true)
  }

  @Test("removing its directory while it waits cancels the delivery")
  func removed() {
    var story = Story(rules: together())
    story.drop("acme/p1/a_rgba_v1.", 1...3, ".exr")
    story.drop("acme/p1/deep/a_z_v1.", 1...3, ".exr")
    story.removeDirectory("acme/p1/deep")
    #expect(story.all.isEmpty)
    story.removeDirectory("acme/p1")
    #expect(story.intake.arrivals.isEmpty)
    #expect(story.all.map { story.last($0) } == [.cancelled])
  }
}
