import ReadModel
import Testing

@testable import Pictures

/// Which frames are shown.
@Suite struct FrameTests {
  private func picks(_ job: JobDetailView) -> [String] {
    PictureFrame.of(job).map { frame in
      "\(frame.which.rawValue) \(frame.number ?? "–") \(frame.pair.destination.text)"
    }
  }

  private func sequence(_ frames: ClosedRange<Int>) -> JobDetailView {
    doneJob(frames.map { Array("/shows/a.\($0).exr".utf8) }, pattern: "a.#.exr")
  }

  @Test func `first, middle and last of a sequence, fewer of a short one`() {
    #expect(picks(sequence(1001...1001)) == ["first 1001 /shows/a.1001.exr"])
    #expect(
      picks(sequence(1001...1002)) == [
        "first 1001 /shows/a.1001.exr", "last 1002 /shows/a.1002.exr",
      ])
    #expect(
      picks(sequence(1001...1003)) == [
        "first 1001 /shows/a.1001.exr", "middle 1002 /shows/a.1002.exr",
        "last 1003 /shows/a.1003.exr",
      ])
    #expect(picks(sequence(1001...1100))[1] == "middle 1050 /shows/a.1050.exr")
  }

  @Test func `a job that is not done, or holds no pictures, has none`() {
    let path = Array("/shows/a.1.exr".utf8)
    #expect(picks(doneJob([path], state: .staging)) == [])
    #expect(picks(doneJob([Array("/shows/a.txt".utf8), Array("/shows/exr".utf8)])) == [])
    #expect(picks(doneJob([Array("/shows/A.EXR".utf8)])) == ["first – /shows/A.EXR"])
  }

  @Test func `of a delivery the first member with pictures is shown`() {
    var job = doneJob(
      ["readme.txt", "b.1.dpx", "b.2.dpx", "c.1.exr", "c.2.exr"].map { Array("/shows/\($0)".utf8) })
    func member(_ pattern: ExactText, _ count: Int) -> MemberView {
      let view = SequenceView(
        directory: "/shows", pattern: pattern, frames: count > 1 ? "1-2" : nil)
      return MemberView(
        source: view, destination: view, frames: FramesView(expected: count), state: .done)
    }
    job.job.members = [member("readme.txt", 1), member("b.@.dpx", 2), member("c.@.exr", 2)]
    #expect(picks(job) == ["first 1 /shows/b.1.dpx", "last 2 /shows/b.2.dpx"])
    // What the view says and what the map holds may differ: nothing is taken that is not there.
    job.job.members = [member("readme.txt", 7), member("b.@.dpx", 2)]
    #expect(
      picks(job) == ["first – /shows/b.1.dpx", "middle – /shows/b.2.dpx", "last – /shows/c.2.exr"])
  }

  @Test(
    arguments: [
      ("a#b.#.exr", "a#b.1001.exr", "1001"), ("a.@@@.exr", "a.010.exr", "010"),
      ("a.#.@x.exr", "a.#.7x.exr", "7"), ("a.@.exr", "a.-5.exr", "-5"),
      ("a.#.#.exr", "a.1001.#.exr", "1001"), ("a.@@.exr", "a.12.5.exr", "12.5"),
      ("b.#.exr", "a.1.exr", nil),
    ] as [(String, String, String?)])
  func `the number of a frame is what its name has in the pattern's place`(
    pattern: String, name: String, number: String?
  ) {
    let job = doneJob([Array("/shows/#/\(name)".utf8)], pattern: ExactText(pattern))
    #expect(PictureFrame.of(job).map(\.number) == [number])
  }
}
