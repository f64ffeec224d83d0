import Ingest
import Paths
import ReadModel
import Testing

@testable import Watching

private func together(ready: String = "{ quiet: 2s }") -> String {
  """
  hotplate: 1
  defaults: { together: '/{package}/', ready: \(ready) }
  rules:
    - rule: frames
      match: '{shot}_v{version}.{frame}.exr'
      to: '{package}/{below}'
  """
}

extension Story {
  fileprivate mutating func find(_ head: String, _ frames: ClosedRange<Int>, _ tail: String) {
    for frame in frames { tell(.watch(.file(place("\(head)\(frame)\(tail)"), .found))) }
  }
}

private let root = Place(root: 0, path: .root)

@Suite("deliveries while a hot folder is listed, and queues and rules move")
struct ListingTests {
  @Test("a delivery of which the first listing has seen a part waits until all is listed")
  func firstListing() {
    var story = Story(rules: together(), walked: false)
    story.find("p1/one/a_v1.", 1...3, ".exr")
    story.wait(.seconds(5))
    story.find("p1/two/a_v1.", 1...3, ".exr")
    story.tell(.watch(.walked(root)))
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [6])
  }

  @Test("after lost events a delivery waits until all is listed again")
  func overflow() {
    var story = Story(rules: together())
    story.drop("p1/one/a_v1.", 1...3, ".exr")
    story.wait(.seconds(1))
    story.tell(.watch(.rescanning(root, because: .overflow)))
    story.find("p1/one/a_v1.", 1...3, ".exr")
    story.wait(.seconds(5))
    story.find("p1/two/a_v1.", 1...3, ".exr")
    story.tell(.watch(.walked(root)))
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [6])
  }

  @Test(
    "listings from time to time that find what was there before do not start the quiet time anew",
    arguments: ["{ quiet: 45s }", "{}"])
  func polled(ready: String) {
    var story = Story(rules: together(ready: ready))
    let limit = KernelLimit(name: "fs.inotify.max_user_watches", value: 10, used: 10)
    func list(_ story: inout Story) {
      story.tell(.watch(.rescanning(root, because: .watchLimit(limit))))
      story.find("p1/a_v1.", 1...3, ".exr")
      story.tell(.watch(.walked(root)))
    }
    list(&story)
    for _ in 1...40 where story.all.isEmpty {
      let known = story.rescans.count
      // The listing is as fast as the look.
      story.heldBack = [.inspect]
      story.wait(.seconds(3))
      if story.rescans.count > known { list(&story) }
      story.heldBack = []
      while story.isPending(.inspect) { story.go(.inspect) }
    }
    #expect(story.sizes.values.sorted() == [3])
  }

  @Test("what is mended where nobody tells of it is seen by the next listing")
  func mendedUnwatched() {
    var story = Story(rules: together())
    let limit = KernelLimit(name: "fs.inotify.max_user_watches", value: 10, used: 10)
    story.tell(.watch(.rescanning(root, because: .watchLimit(limit))))
    story.cut = ["a_v1.2.exr"]
    story.find("p1/a_v1.", 1...3, ".exr")
    story.tell(.watch(.walked(root)))
    story.wait(.seconds(5))
    #expect(story.blocked?.code == .incomplete)
    story.cut = []
    story.tell(.watch(.rescanning(root, because: .asked)))
    story.find("p1/a_v1.", 1...3, ".exr")
    story.tell(.watch(.walked(root)))
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [3])
  }

  @Test("what comes to a delivery that found the queue full goes with it")
  func parked() {
    var limits = Intake.Limits()
    limits.running = 1
    limits.queued = 1
    var story = Story(rules: together(), limits: limits)
    story.heldBack = [.stage]
    for package in ["p1", "p2", "p3"] {
      story.drop("\(package)/a_v1.", 1...3, ".exr")
      story.wait(.seconds(2))
    }
    #expect(story.jobs.count == 2)
    story.drop("p3/late/a_v1.4.exr")
    story.heldBack = []
    story.go(.stage)
    story.wait(.seconds(2))
    #expect(story.sizes.values.sorted() == [3, 3, 4])
  }

  @Test("new rules leave a delivery the age it has, also with a manifest in it")
  func age() {
    var story = Story(rules: together(ready: "{ quiet: 10s, manifest: '*.md5' }"))
    story.drop("p1/a_v1.", 1...3, ".exr")
    story.drop("p1/all.md5")
    story.wait(.seconds(8))
    story.use(rules: together(ready: "{ quiet: 9s, manifest: '*.md5' }"))
    story.wait(.seconds(1))
    #expect(story.sizes.values.sorted() == [3])
  }

  @Test("a delivery within another's directory is one of its own, and both go whole")
  func nested() {
    let rules = """
      hotplate: 1
      defaults: { ready: { quiet: 2s } }
      rules:
        - rule: frames
          match: '{shot}_v{version}.{frame}.exr'
          together: '/{vendor}/{package}/'
          to: '{vendor}/{below}'
        - rule: paper
          match: '*.pdf'
          together: '/{vendor}/'
          to: 'paper/{below}'
      """
    var story = Story(rules: rules)
    story.drop("acme/p1/a_v1.", 1...3, ".exr")
    story.drop("acme/list.pdf", "acme/p1/notes.pdf")
    story.wait(.seconds(1))
    story.drop("acme/other.pdf")
    story.wait(.seconds(1))
    #expect(story.sizes.values.sorted() == [3])
    story.wait(.seconds(1))
    #expect(story.sizes.values.sorted() == [3, 3])
    story.removeDirectory("acme/p1")
    #expect(story.intake.arrivals.isEmpty)
  }

  @Test("a waiting delivery that was cancelled by hand comes back whole when one of it changes")
  func revived() throws {
    var story = Story(rules: together(ready: "{ quiet: 10s }"))
    story.drop("p1/one/a_v1.", 1...3, ".exr")
    story.drop("p1/two/b_v1.", 1...3, ".exr")
    story.wait(.seconds(1))
    story.cancel(try #require(story.arrival).job)
    story.wait(.seconds(20))
    #expect(story.all.map { story.last($0) } == [.cancelled])
    story.drop("p1/two/b_v1.2.exr")
    story.wait(.seconds(10))
    #expect(story.sizes.values.sorted() == [6])
  }

  @Test("a member that leaves and comes back, with its directory, is waited for")
  func backAgain() {
    var story = Story(rules: together())
    story.drop("p1/one/a_v1.", 1...3, ".exr")
    story.drop("p1/two/b_v1.", 1...3, ".exr")
    story.wait(.seconds(1))
    story.move("p1/two", to: nil)
    story.wait(.seconds(1))
    #expect(story.all.isEmpty)
    story.find("p1/two/b_v1.", 1...3, ".exr")
    story.wait(.seconds(1))
    #expect(story.all.isEmpty)
    story.wait(.seconds(1))
    #expect(story.sizes.values.sorted() == [6])
  }
}
