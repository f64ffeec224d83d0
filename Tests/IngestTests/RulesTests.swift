import Ingest
import Paths
import ReadModel
import Testing

private func rule(
  _ to: String, name: String = "renders", match: String = "{shot}_v{version}.{frame}.exr",
  more: String = ""
) -> String {
  """
    - rule: \(name)
      match: '\(match)'
      to: '\(to)'
      \(more)
  """
}

private func file(_ rules: String...) -> String {
  "hotplate: 1\nrules:\n" + rules.joined(separator: "\n")
}

@Suite("rules that change while sequences come")
struct ChangingRulesTests {
  @Test("what no rule took is taken by the new ones")
  func unmatched() {
    var story = Story(rules: file(rule("x/{name}", match: "other.{frame}.exr")))
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(5))
    #expect(story.blocked?.code == .unmatched)
    story.use(rules: file(rule("x/{name}")))
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [3])
    #expect(story.intake.arrivals.isEmpty)
  }

  @Test("what waits goes by the new rules, with the age it has")
  func waiting() throws {
    var story = Story(rules: file(rule("old/{name}", more: "ready: { quiet: 10s }")))
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(8))
    story.use(rules: file(rule("new/{name}", more: "ready: { quiet: 9s }")))
    story.heldBack = [.stage]
    story.wait(.seconds(1))
    let job = try #require(story.jobs.first)
    #expect(job.plan.files.allSatisfy { $0.destination.description.hasPrefix("new/") })
  }

  @Test("a look that was under way when the rules changed decides nothing")
  func lookUnderWay() {
    var story = Story(rules: file(rule("old/{name}")))
    story.drop("a_v1.", 1...3, ".exr")
    story.heldBack = [.inspect]
    story.wait(.seconds(2))
    story.use(rules: file(rule("new/{name}", more: "ready: { quiet: 20s }")))
    story.heldBack = [.stage]
    story.go(.inspect)
    #expect(story.jobs.isEmpty)
    story.wait(.seconds(20))
    #expect(story.jobs.map(\.plan.files.count) == [3])
  }

  @Test("queued and running jobs keep the rule they began with")
  func running() {
    var limits = Intake.Limits()
    limits.running = 1
    var story = Story(rules: file(rule("old/{name}")), limits: limits)
    story.drop("a_v1.", 1...3, ".exr")
    story.drop("b_v1.", 1...3, ".exr")
    story.heldBack = [.stage]
    story.wait(.seconds(2))
    #expect(story.jobs.map(\.state) == [.staging, .queued])
    story.use(rules: file(rule("new/{name}")))
    for job in story.jobs {
      #expect(job.rules.map(\.text).joined().contains("old/"))
      #expect(job.plan.files.allSatisfy { $0.destination.description.hasPrefix("old/") })
    }
    story.heldBack = []
    story.go(.stage)
    #expect(story.all.map { story.last($0) } == [.done, .done])
  }

  @Test("a held job under the same rule is tried again, under another it arrives anew")
  func held() {
    var story = Story(rules: file(rule("old/{name}")))
    story.conflict = "something is there"
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    let job = story.all[0]
    #expect(story.last(job) == .held)
    story.use(
      rules: file(rule("old/{name}"), rule("x/{name}", name: "more", match: "x.{frame}.exr")))
    #expect(story.last(job) == .held)
    #expect(story.stagings[job] == 2)
    story.conflict = nil
    story.use(rules: file(rule("new/{name}")))
    #expect(story.last(job) == .cancelled)
    #expect(story.reasons[job]?.code == "rules-changed")
    story.wait(.seconds(2))
    #expect(story.all.count == 2)
    #expect(story.last(story.all[1]) == .done)
  }

  @Test("a held job goes anew when only tokens or defaults of its rule have changed")
  func heldByDefaults() {
    let text = """
      hotplate: 1
      defaults: { conflict: hold }
      rules:
        - rule: renders
          match: '{shot}_v{version}.{frame}.exr'
          to: '{name}'
      """
    var story = Story(rules: text)
    story.conflict = "something is there"
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    #expect(story.last(story.all[0]) == .held)
    story.conflict = nil
    story.heldBack = [.stage]
    story.use(rules: text.replacingOccurrences(of: "hold", with: "replace"))
    story.wait(.seconds(2))
    #expect(story.last(story.all[0]) == .cancelled)
    #expect(story.jobs.map(\.plan.conflict) == [.replace])
  }

  @Test("a held job is not taken for rewritten because a listing finds its files")
  func heldAndFound() {
    var story = Story(rules: file(rule("x/{name}")))
    story.conflict = "something is there"
    story.heldBack = [.stage]
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    let job = story.all[0]
    story.tell(.watch(.file(place("a_v1.2.exr"), .found)))
    story.heldBack = []
    story.go(.stage)
    #expect(story.last(job) == .held)
    #expect(story.rechecks == [job])
  }

  @Test("a held job whose file a listing found changed arrives anew")
  func heldAndRewritten() {
    var story = Story(rules: file(rule("x/{name}")))
    story.conflict = "something is there"
    story.heldBack = [.stage]
    story.rewritten = ["a_v1.2.exr"]
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    story.tell(.watch(.file(place("a_v1.2.exr"), .found)))
    story.heldBack = []
    story.go(.stage)
    #expect(story.last(story.all[0]) == .cancelled)
  }

  @Test("completeness that a rule did not ask for is looked at when the new rule does")
  func wholeLater() {
    let careless = "ready: { marker: go.done, whole: no }"
    var story = Story(rules: file(rule("x/{name}", more: careless)))
    story.cut = ["a_v1.2.exr"]
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(3))
    #expect(story.blocked?.code == "marker")
    story.use(rules: file(rule("x/{name}", more: "ready: { marker: go.done }")))
    story.drop("go.done")
    story.wait(.seconds(3))
    #expect(story.blocked?.code == .incomplete)
    #expect(story.jobs.isEmpty)
  }

  private let versions = rule(
    "{shot}/v{version:03d}/{name}", name: "versions", more: "conflict: version-up")

  /// A published set of three, one of whose frames has changed, up to the choice of its number.
  private func changedSet(_ rules: String) -> Story {
    var story = Story(rules: rules)
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    for frame in ["a_v1.1.exr", "a_v1.3.exr"] { story.known[FileName(frame)] = .published("x") }
    story.changed = true
    story.heldBack = [.version]
    story.drop("a_v1.2.exr")
    story.wait(.seconds(2))
    return story
  }

  @Test("rules that change while a version is chosen leave no key of the old ones behind")
  func rulesWhileChoosing() {
    let other = rule("y/{name}", name: "other", match: "other.{frame}.exr")
    var story = changedSet(file(other, versions))
    #expect(story.isPending(.version))
    story.use(rules: file(rule("z/{name}", name: "last", match: "*.{frame}.exr")))
    story.go(.version)
    story.heldBack = [.stage]
    story.wait(.seconds(5))
    #expect(story.jobs.last?.rule == "last")
    #expect(story.jobs.last?.plan.files.count == 1)
  }

  @Test(
    "a sentinel that comes while a changed set's version is chosen holds it, and its removal frees it"
  )
  func sentinelWhileChoosing() {
    var story = changedSet(file(versions))
    story.drop("a_v1.cancel")
    story.heldBack = []
    story.go(.version)
    story.wait(.seconds(5))
    #expect(story.intake.arrivals.isEmpty)
    #expect(story.jobs.isEmpty)
    story.remove("a_v1.cancel")
    story.wait(.seconds(5))
    #expect(story.last(story.all.last!) == .done)
  }

  @Test(
    "a version that cannot be chosen now keeps its files waiting, with the reason, until it can")
  func versionUnknown() {
    var story = Story(rules: file(versions))
    story.unknown = "readdir: Input/output error"
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    #expect(story.blocked?.code == .io)
    #expect(story.blocked?.message.contains("Input/output error") == true)
    #expect(story.jobs.isEmpty)
    story.unknown = nil
    story.wait(.seconds(10))
    #expect(story.sizes.values.sorted() == [3])
  }

  @Test("a hot folder out of reach at the commit pauses the job and cancels nothing")
  func offlineAtCommit() {
    var story = Story(rules: file(rule("x/{name}")))
    story.isOffline = true
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    let job = story.all[0]
    #expect(story.jobs.map(\.over) == [.offline])
    story.isOffline = false
    story.wait(.seconds(5))
    #expect(story.last(job) == .done)
    #expect(story.all == [job])
  }

  @Test("why an arrival does not go is said, and again when patience ends")
  func told() {
    var story = Story(rules: file(rule("x/{name}", more: "ready: { frames: 1-4, patience: 10m }")))
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(3))
    story.wait(.seconds(600))
    #expect(story.told.count == 2)
    #expect(story.told.first?.contains("waits: waiting: frames 4") == true)
    #expect(story.told.last?.contains("held: ") == true)
  }

  @Test("an unreadable frame is looked at again, though patience ended meanwhile")
  func unreadableAndPatience() {
    var story = Story(rules: file(rule("x/{name}", more: "ready: { frames: 1-4, patience: 5s }")))
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    story.unreadable = ["a_v1.4.exr"]
    story.drop("a_v1.4.exr")
    story.wait(.seconds(2))
    #expect(story.blocked?.code == .io)
    story.wait(.seconds(3))
    story.unreadable = []
    story.wait(.seconds(20))
    #expect(story.sizes.values.sorted() == [4])
  }

  @Test("what a rule left is asked again")
  func left() {
    let leaving = """
      hotplate: 1
      rules:
        - rule: known
          match: '*.{frame}.exr'
          leave: not ours
      """
    var story = Story(rules: leaving)
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(5))
    #expect(story.intake.arrivals.isEmpty)
    #expect(story.all.isEmpty)
    story.use(rules: file(rule("x/{name}")))
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [3])
  }

  @Test(
    "a file that is not whole keeps its sequence waiting until it is rewritten, unless its rule does not mind"
  )
  func whole() {
    var story = Story(rules: file(rule("x/{name}")))
    story.cut = ["a_v1.2.exr"]
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(5))
    #expect(story.blocked?.code == .incomplete)
    #expect(story.blocked?.message.contains("a_v1.2.exr") == true)
    #expect(story.blocked?.message.contains("it ends early") == true)
    story.cut = []
    story.drop("a_v1.2.exr")
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [3])

    var careless = Story(rules: file(rule("x/{name}", more: "ready: { whole: no }")))
    careless.cut = ["a_v1.2.exr"]
    careless.drop("a_v1.", 1...3, ".exr")
    careless.wait(.seconds(5))
    #expect(careless.sizes.values.sorted() == [3])
  }

  @Test("gaps: hold holds a sequence with a hole until the frame comes")
  func gapsHold() {
    var story = Story(rules: file(rule("x/{name}", more: "ready: { gaps: hold }")))
    story.drop("a_v1.1.exr", "a_v1.3.exr")
    story.wait(.seconds(3))
    #expect(story.held?.code == .gaps)
    #expect(story.held?.message.contains("2") == true)
    story.drop("a_v1.2.exr")
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [3])
  }

  @Test(
    "frames are waited for as long as patience says, then the sequence is held; a late frame still frees it"
  )
  func patience() {
    var story = Story(rules: file(rule("x/{name}", more: "ready: { frames: 1-4, patience: 10m }")))
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(3))
    #expect(story.blocked?.code == .gaps)
    story.wait(.seconds(600))
    #expect(story.held?.code == .gaps)
    story.drop("a_v1.4.exr")
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [4])
  }

  @Test("a sequence waits for its marker and goes when it comes")
  func marker() {
    var story = Story(rules: file(rule("x/{name}", more: "ready: { marker: '{stem}.done' }")))
    story.drop("sub/a_v1.", 1...3, ".exr")
    story.wait(.seconds(3))
    #expect(story.blocked?.code == "marker")
    story.drop("sub/a_v1.done")
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [3])
    #expect(story.intake.arrivals.isEmpty)

    let impatient = file(rule("x/{name}", more: "ready: { marker: '{stem}.done', patience: 10m }"))
    var late = Story(rules: impatient)
    late.drop("sub/a_v1.", 1...3, ".exr")
    late.wait(.seconds(3))
    late.wait(.seconds(600))
    #expect(late.held?.code == "marker")
    late.drop("sub/a_v1.done")
    late.wait(.seconds(2))
    #expect(late.sizes.values.sorted() == [3])
  }

  @Test("at_most bounds the jobs of a rule, priority says which comes first")
  func order() {
    let rules = file(
      rule("x/{name}", more: "at_most: 1"),
      rule("y/{name}", name: "urgent", match: "urgent.{frame}.exr", more: "priority: 5"))
    var limits = Intake.Limits()
    limits.running = 2
    var story = Story(rules: rules, limits: limits)
    story.heldBack = [.stage]
    story.drop("a_v1.", 1...2, ".exr")
    story.drop("b_v1.", 1...2, ".exr")
    story.wait(.seconds(2))
    #expect(story.jobs.map(\.state).filter { $0 == .staging }.count == 1)
    #expect(story.jobs.map(\.state).filter { $0 == .queued }.count == 1)
    story.drop("urgent.", 1...2, ".exr")
    story.wait(.seconds(2))
    #expect(story.jobs.first { $0.rule == "urgent" }?.state == .staging)
    story.heldBack = []
    story.go(.stage)
    story.go(.stage)
    #expect(story.sizes.count == 3)
    #expect(story.all.allSatisfy { story.last($0) == .done })

    limits.running = 1
    var narrow = Story(rules: rules, limits: limits)
    narrow.heldBack = [.stage]
    for head in ["a_v1.", "b_v1.", "urgent."] {
      narrow.drop(head, 1...2, ".exr")
      narrow.wait(.seconds(2))
    }
    narrow.go(.stage)
    #expect(narrow.jobs.first { $0.rule == "urgent" }?.state == .staging)
    #expect(narrow.jobs.first { $0.rule == "renders" }?.state == .queued)
  }

  @Test("version-up takes the number that was chosen, for all files of the job")
  func versionUp() throws {
    var story = Story(
      rules: file(rule("{shot}/v{version:03d}/{name}", more: "conflict: version-up")))
    story.chosen = 7
    story.heldBack = [.stage]
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    let job = try #require(story.jobs.first)
    #expect(job.plan.files.allSatisfy { $0.destination.description.hasPrefix("a/v007/") })
    #expect(story.asked.map(\.source) == [1])
    #expect(story.asked.first?.slots.map(\.parent.description) == ["a"])
  }

  @Test(
    "frames that changed after version-up published them take the whole set along under the next number"
  )
  func versionUpAgain() throws {
    var story = Story(
      rules: file(rule("{shot}/v{version:03d}/{name}", more: "conflict: version-up")))
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    #expect(story.last(story.all[0]) == .done)
    for frame in ["a_v1.1.exr", "a_v1.3.exr"] { story.known[FileName(frame)] = .published("x") }
    story.changed = true
    story.chosen = 2
    story.heldBack = [.finish]
    story.drop("a_v1.2.exr")
    story.wait(.seconds(2))
    story.wait(.seconds(2))
    #expect(story.asked.map(\.isNext) == [false, false, true])
    let job = try #require(story.jobs.last)
    #expect(job.plan.files.count == 3)
    #expect(job.plan.files.allSatisfy { $0.destination.description.hasPrefix("a/v002/") })
  }

  @Test("a cancel while the version is chosen is not lost")
  func cancelWhileChoosing() {
    var story = Story(
      rules: file(rule("{shot}/v{version:03d}/{name}", more: "conflict: version-up")))
    story.heldBack = [.version]
    story.drop("a_v1.", 1...3, ".exr")
    story.wait(.seconds(2))
    story.drop(".cancel")
    story.heldBack = []
    story.go(.version)
    #expect(story.all.map { story.last($0) } == [.cancelled])
  }
}
