import Ingest
import Paths
import ReadModel
import Testing

private func rules(_ more: String, match: String = "{shot}_v{version}.{frame}.exr") -> String {
  """
  hotplate: 1
  rules:
    - rule: renders
      match: '\(match)'
      to: '{shot}/v{version:03d}/{name}'
      \(more)
  """
}

private func together(ready: String) -> String {
  """
  hotplate: 1
  defaults: { together: '/{package}/', ready: \(ready) }
  rules:
    - rule: frames
      match: '{shot}_v{version}.{frame}.exr'
      to: '{package}/{below}'
  """
}

@Suite("answers that come after the question has changed")
struct LateAnswerTests {
  @Test("a look of the rules before decides nothing while that of the new ones is under way")
  func lookOfOldRules() {
    var story = Story(rules: rules("ready: { whole: no }"))
    story.cut = ["a_v1.2.exr"]
    story.drop("a_v1.", 1...3, ".exr")
    story.heldBack = [.inspect]
    story.wait(.seconds(2))
    story.use(rules: rules("ready: { whole: yes }"))
    story.heldBack = []
    story.go(.inspect)
    #expect(story.all.isEmpty)
    story.go(.inspect)
    #expect(story.all.isEmpty)
    #expect(story.blocked?.code == .incomplete)
  }

  @Test("a proof of the rules before proves nothing to the new ones")
  func proofOfOldRules() {
    var story = Story(rules: together(ready: "{ quiet: 2s, manifest: '*.md5' }"))
    story.drop("p1/all.md5")
    story.drop("p1/a_v1.", 1...3, ".exr")
    story.heldBack = [.prove]
    story.wait(.seconds(2))
    story.use(rules: together(ready: "{ quiet: 2s, manifest: 'all.*' }"))
    story.wait(.seconds(2))
    story.heldBack = []
    story.go(.prove)
    #expect(story.all.isEmpty)
    story.proof = .wrong("a frame is missing")
    story.go(.prove)
    #expect(story.all.isEmpty)
    #expect(story.blocked?.message == "a frame is missing")
  }

  @Test("a file that was gone when it was looked at, and is back since, stays in its sequence")
  func backAgain() {
    var story = Story(rules: rules("ready: { quiet: 2s }"))
    story.drop("a_v1.", 1...3, ".exr")
    story.heldBack = [.inspect]
    story.wait(.seconds(2))
    story.remove("a_v1.2.exr")
    story.drop("a_v1.2.exr")
    story.missing = ["a_v1.2.exr"]
    story.heldBack = []
    story.go(.inspect)
    story.missing = []
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [3])
  }

  @Test("a published file that is written after it was looked at is taken again")
  func writtenSince() {
    var story = Story(rules: rules("ready: { quiet: 2s }"))
    story.known["a_v1.2.exr"] = .published("before")
    story.drop("a_v1.", 1...3, ".exr")
    story.heldBack = [.inspect]
    story.wait(.seconds(2))
    story.drop("a_v1.2.exr")
    story.heldBack = []
    story.go(.inspect)
    story.known = [:]
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [3])
  }

  @Test("what stands cancelled since an earlier run comes back whole when one of it changes")
  func cancelledBefore() {
    var story = Story(rules: rules("ready: { quiet: 2s }"))
    for frame in ["a_v1.1.exr", "a_v1.2.exr", "a_v1.3.exr"] {
      story.known[FileName(frame)] = .cancelled("before")
    }
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    #expect(story.intake.arrivals.isEmpty)
    story.known = [:]
    story.drop("a_v1.2.exr")
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [3])
  }

  @Test("a delivery that was cancelled in an earlier run and changed in part since comes whole")
  func partlyCancelledBefore() {
    var story = Story(rules: together(ready: "{ quiet: 2s }"))
    for frame in ["a_v1.1.exr", "a_v1.2.exr"] {
      story.known[FileName(frame)] = .cancelled("before")
    }
    story.drop("p1/one/a_v1.", 1...2, ".exr")
    story.drop("p1/two/b_v1.", 1...2, ".exr")
    story.wait(.seconds(4))
    #expect(story.sizes.values.sorted() == [4])
  }

  @Test(
    "a delivery that was cancelled in an earlier run stays so, whatever a rule leaves beside it")
  func cancelledBesideLeft() {
    let leaving = """
        - rule: marker
          match: '*.done'
          leave: the marker
      """
    var story = Story(rules: together(ready: "{ quiet: 2s }") + "\n" + leaving)
    for frame in ["a_v1.1.exr", "a_v1.2.exr"] {
      story.known[FileName(frame)] = .cancelled("before")
    }
    story.drop("p1/a_v1.", 1...2, ".exr")
    story.drop("p1/p1.done")
    story.wait(.seconds(4))
    #expect(story.all.isEmpty)
    #expect(story.intake.arrivals.isEmpty)
  }

  @Test(
    "a sentinel that comes while the next version is looked for holds, and frees all once it goes")
  func sentinelWhileChoosing() {
    var story = Story(rules: rules("conflict: version-up"))
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    story.changed = true
    story.heldBack = [.version]
    story.drop("a_v1.2.exr")
    story.wait(.seconds(2))
    story.drop(".cancel")
    story.heldBack = []
    story.go(.version)
    story.wait(.seconds(2))
    #expect(story.all.map { story.last($0) } == [.done, .cancelled])
    story.remove(".cancel")
    story.wait(.seconds(4))
    #expect(story.intake.arrivals.isEmpty)
    #expect(story.all.last.flatMap { story.last($0) } == .done)
  }

  @Test(
    "rules that change while the next version is looked for take the frames as the new ones say")
  func rulesWhileChoosing() {
    let more = """

        - rule: last
          match: '{shot}_w{version}.{frame}.exr'
          conflict: version-up
          to: '{shot}/v{version:03d}/{name}'
      """
    var story = Story(rules: rules(more))
    story.drop("a_w1.", 1...3, ".exr")
    story.wait(.seconds(2))
    story.changed = true
    story.heldBack = [.version]
    story.drop("a_w1.2.exr")
    story.wait(.seconds(2))
    story.use(rules: rules("conflict: version-up", match: "{shot}_w{version}.{frame}.exr"))
    story.heldBack = []
    story.go(.version)
    story.wait(.seconds(4))
    #expect(story.intake.arrivals.isEmpty)
    #expect(story.all.last.flatMap { story.last($0) } == .done)
  }

  @Test("a change stops the proof under way: its digests count for nothing any more")
  func proofStopped() {
    var story = Story(rules: together(ready: "{ quiet: 2s, manifest: '*.md5' }"))
    story.drop("p1/all.md5")
    story.drop("p1/a_v1.", 1...3, ".exr")
    story.heldBack = [.prove]
    story.wait(.seconds(2))
    story.drop("p1/a_v1.4.exr")
    story.wait(.seconds(2))
    #expect(story.stoppedProofs == 1)
    story.heldBack = []
    story.go(.prove)
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [4])
  }
}
