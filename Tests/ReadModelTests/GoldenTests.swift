import FoundationEssentials
import Testing

@testable import ReadModel

/// Each view against the JSON that other programs are written against (`Golden/*.json`), both ways.
@Suite struct GoldenTests {
  private let morning = Timestamp(milliseconds: 1_935_652_500_000)

  @Test func `a running job has every promised key`() throws {
    let source = SequenceView(
      directory: "/drop/sh010", pattern: "sh010_beauty.#.exr", frames: "1001-1100")
    let destination = SequenceView(
      directory: "/shows/abc/sh010/v003/beauty", pattern: "sh010_beauty_v003.#.exr",
      frames: "1001-1100")
    let frames = FramesView(expected: 100, staged: 40)
    let job = JobView(
      id: "01990000-0000-7000-8000-0000deadbeef", state: .staging, over: .full,
      rule: "lighting-renders", hotFolder: "renders", source: source, destination: destination,
      frames: frames, bytes: BytesView(expected: 1_200_000_000, done: 480_000_000),
      reason: ReasonView(
        code: .destinationFull, message: "720 MB more are needed at /shows", path: "/shows",
        at: morning + 2500),
      created: morning + 7, started: morning + 1000,
      members: [
        MemberView(source: source, destination: destination, frames: frames, state: .staging)
      ])
    try expectGolden(job, "job")
  }

  @Test func `what is not known is null, and a name that is not UTF-8 keeps its bytes`() throws {
    let source = SequenceView(
      directory: ExactText(Array("/drop/".utf8) + [0xFF] + Array("x".utf8)), pattern: nil,
      frames: nil)
    let frames = FramesView(expected: 1)
    let job = JobView(
      id: "a", state: .waiting, rule: nil, hotFolder: nil, source: source, destination: nil,
      frames: frames, bytes: BytesView(expected: 5), created: Timestamp(milliseconds: 0),
      members: [MemberView(source: source, destination: nil, frames: frames, state: .waiting)])
    try expectGolden(job, "bare-job")
  }

  @Test func `a job in detail is its own keys, the map and the history`() throws {
    let epoch = Timestamp(milliseconds: 0)
    let job = JobView(
      id: "a", state: .waiting, rule: nil, hotFolder: nil,
      source: SequenceView(directory: "/drop", pattern: "a", frames: nil), destination: nil,
      frames: FramesView(expected: 1), bytes: BytesView(expected: 5), created: epoch, members: [])
    let detail = JobDetailView(
      job: job,
      map: [
        PlannedPair(source: "/drop/a", destination: ExactText(Array("/shows/".utf8) + [0xFF])),
        PlannedPair(source: "/drop/b", destination: "/shows/b"),
      ], methods: ["clone", nil],
      history: [
        HistoryView(at: epoch, state: .waiting, message: "first frame seen"),
        HistoryView(at: epoch + 1, state: nil, message: "a frame was written again"),
      ])
    try expectGolden(detail, "detail")
  }

  @Test func `the receipt of a cancel has every promised key`() throws {
    let cancel = CancelView(
      removed: CancelView.Removed(files: 12, bytes: 144_000_000),
      sources: CancelView.Sources(kept: 98, missing: 2),
      seconds: CancelView.Seconds(stopped: 0.0015, recorded: 0.25, removed: nil, ended: 0.5),
      resumed: false)
    try expectGolden(cancel, "cancel")
    let bare = CancelView(
      removed: CancelView.Removed(files: 0, bytes: 0), sources: nil,
      seconds: CancelView.Seconds(stopped: nil, recorded: nil, removed: nil, ended: 0),
      resumed: true)
    try expectGolden(bare, "bare-cancel")
  }

  @Test func `a picture has every promised key, known or not`() throws {
    let pictures = PicturesView(pictures: [
      PictureView(
        which: .first, frame: "1001", path: "/shows/a.1001.exr",
        url: "/api/v1/jobs/a/pictures/first", state: .ready,
        facts: PictureFacts(
          format: "OpenEXR", width: 4096, height: 2160, channels: ["R", "G", "B"],
          compression: "zip", frameRate: 23.976, timeCode: "01:00:00:00")),
      PictureView(
        which: .last, frame: nil, path: ExactText(Array("/shows/".utf8) + [0xFF]),
        url: "/api/v1/jobs/a/pictures/last", state: .notMade, facts: PictureFacts(format: "DPX")),
      PictureView(
        which: .middle, frame: nil, path: "/shows/b.dpx", url: "/api/v1/jobs/a/pictures/middle",
        state: .unavailable, why: "it is not there any more"),
    ])
    try expectGolden(pictures, "pictures")
  }

  @Test func `an arrival tells each rule that refused it`() throws {
    let arrival = ArrivalView(
      hotFolder: "renders",
      source: SequenceView(directory: "/drop", pattern: "a.@.exr", frames: "1-3"), files: 3,
      bytes: 12,
      reason: ReasonView(
        code: .unmatched, message: "no rule takes it",
        path: ExactText(Array("/drop/".utf8) + [0xFE] + Array(".cancel".utf8)), by: "marta",
        at: morning + 2500),
      refused: [RefusalView(rule: "plates", why: "'sh10' is not a shot")])
    try expectGolden(arrival, "arrival")
  }

  @Test func `health names the hot folders and what is wrong`() throws {
    let health = HealthView(
      ok: false, version: "0.1.0", pid: 7, started: morning,
      hotFolders: [
        HotFolderView(
          name: "renders", path: "/drop", state: .watching, rate: 410_000_000,
          destinations: ["default": "/shows"])
      ],
      jobs: ["done": 4], problems: ["the watch limit of 8192 is reached"],
      watches: WatchesView(used: 12, limit: 65536))
    try expectGolden(health, "health")
  }

  private func expectGolden<Value: Codable & Equatable>(_ value: Value, _ name: String) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Golden/\(name).json")
    let golden = try Data(contentsOf: file)
    let written = try JSON.encode(value, pretty: true)
    #expect(
      String(decoding: written, as: UTF8.self) + "\n" == String(decoding: golden, as: UTF8.self))
    #expect(try JSON.decode(Value.self, from: Array(golden)) == value)
  }
}

extension Timestamp {
  fileprivate static func + (time: Timestamp, milliseconds: Int64) -> Timestamp {
    Timestamp(milliseconds: time.milliseconds + milliseconds)
  }
}
