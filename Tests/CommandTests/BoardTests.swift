import ReadModel
import Testing

@testable import hotplate

/// The live table as a function of what is known and the size of the window.
@Suite struct BoardTests {
  private let now = Timestamp(milliseconds: 1_800_000_000_000)

  private func job(
    _ number: Int, _ state: JobState, name: ExactText = "sh010_v1.@.exr", frames: String? = "1-400",
    done: Int64 = 0, reason: ReasonView? = nil, ended: Int64? = nil
  ) -> JobView {
    let digits = String(number)
    let id =
      "01990000-0000-7000-8000-0000" + String(repeating: "0", count: 8 - digits.count) + digits
    let source = SequenceView(directory: "/drop/sh010", pattern: name, frames: frames)
    let destination = SequenceView(
      directory: "/shows/abc/sh010/v001", pattern: "sh010_v001.#.exr", frames: frames)
    func ago(_ milliseconds: Int64) -> Timestamp {
      Timestamp(milliseconds: now.milliseconds - milliseconds)
    }
    return JobView(
      id: id, state: state, rule: "renders", hotFolder: "drop", source: source,
      destination: destination,
      frames: FramesView(expected: 400, staged: Int(done / 12_000_000)),
      bytes: BytesView(expected: 4_800_000_000, done: done), reason: reason, durable: true,
      created: ago(65_000), started: ago(12_000), ended: ended.map { ago($0) },
      members: [])
  }

  private func health(_ jobs: [String: Int] = [:], problems: [String] = []) -> HealthView {
    HealthView(
      ok: problems.isEmpty, version: "1", pid: 1, started: now,
      hotFolders: [
        HotFolderView(name: "renders", path: "/mnt/drop", state: .watching),
        HotFolderView(name: "vendor", path: "/mnt/vendor", state: .offline),
      ], jobs: jobs, problems: problems)
  }

  private func reason(_ code: ReasonCode, _ message: String) -> ReasonView {
    ReasonView(code: code, message: message, at: now)
  }

  private var board: JobBoard {
    var board = JobBoard()
    board.now = now
    board.health = health(problems: ["/mnt/vendor is away"])
    board.jobs = [
      job(1, .staging, done: 2_304_000_000),
      job(2, .waiting, reason: reason(.settling, "waits until nothing has changed for 2 s")),
      job(3, .held, reason: reason(.conflict, "a.exr is there already")),
      job(4, .failed, reason: reason(.io, "a.exr cannot be read"), ended: 7_200_000),
      job(5, .done, ended: 180_000),
    ]
    board.rates = ["01990000-0000-7000-8000-000000000001": 410_000_000]
    return board
  }

  @Test
  func `what runs stands first with its bar, then what waits, is held, has failed, has ended`() {
    #expect(
      board.lines(width: 80, height: 24, color: false) == [
        "renders /mnt/drop watching, vendor /mnt/vendor offline",
        "1 running, 1 waiting, 1 held, 1 failed  410 MB/s",
        "/mnt/vendor is away",
        "",
        "00000001  staging   12 s  sh010_v1.@.exr 1-400  /drop/sh010 → /shows/abc/sh010/…",
        "  [#######--------]  48%  192/400 frames  2.30 GB of 4.80 GB  410 MB/s  7 s left",
        "00000002  waiting  1 min  sh010_v1.@.exr 1-400  waits until nothing has changed…",
        "00000003  held     1 min  sh010_v1.@.exr 1-400  /drop/sh010 → /shows/abc/sh010/…",
        "  conflict: a.exr is there already",
        "00000004  failed     2 h  sh010_v1.@.exr 1-400  /drop/sh010 → /shows/abc/sh010/…",
        "  io: a.exr cannot be read",
        "00000005  done     3 min  sh010_v1.@.exr 1-400  /drop/sh010 → /shows/abc/sh010/…",
      ])
  }

  @Test func `in 40 columns the bar, how much and how long are left`() {
    #expect(
      board.lines(width: 40, height: 24, color: false)[5]
        == "  [#####------]  48%  410 MB/s  7 s left")
  }

  @Test func `in 120 columns the rule has a place`() {
    #expect(
      board.lines(width: 120, height: 24, color: false)[4]
        == "00000001  staging   12 s  renders  sh010_v1.@.exr 1-400  /drop/sh010 → /shows/abc/sh010/v001"
    )
  }

  @Test(arguments: [(80, 24), (40, 10), (120, 40), (20, 3), (10, 1), (1, 1), (300, 100)])
  func `5,000 jobs of each kind fill the window and no more, and none of them is hidden by another`(
    width: Int, height: Int
  ) {
    var board = board
    board.health = health(["waiting": 5000, "staging": 3, "held": 5000])
    board.cut = [.waiting, .held]
    let states: [JobState] = [.staging, .waiting, .held, .failed, .done]
    board.jobs = states.flatMap { state in
      (0..<(state == .staging ? 3 : 200)).map {
        job($0, state, reason: reason(.conflict, "there"), ended: 1000)
      }
    }
    let lines = board.lines(width: width, height: height, color: false)
    #expect(lines.count <= height)
    for line in lines { #expect(displayWidth(line) <= width, "\(line)") }
    guard height >= 24, width >= 40 else { return }
    #expect(lines.count == height)
    for state in ["staging", "waiting", "held", "failed", "done"] {
      #expect(lines.contains { $0.dropFirst(10).hasPrefix(state) }, "\(state)")
    }
    #expect(lines[1].hasPrefix("3 running, 5000 waiting, 5000 held"))
    let shown = lines.count { $0.dropFirst(10).hasPrefix("waiting") }
    #expect(lines.contains("  … \(5000 - shown) more waiting"))
  }

  @Test func `nothing that a stranger named acts on the terminal`() {
    let evil = "a\u{1B}]0;owned\u{7}\u{202E}b\nc"
    var board = board
    board.health?.hotFolders[0].name = evil
    board.health?.problems = [evil]
    board.notice = "the daemon does not answer"
    let states: [JobState] = [.staging, .cancelling, .committing, .waiting, .held, .failed, .done]
    board.jobs = states.enumerated().map {
      var job = job(
        $0, $1, name: ExactText(Array(evil.utf8) + [0xFF]), frames: evil, reason: reason(.io, evil))
      job.rule = evil
      job.source.directory = ExactText(evil)
      return job
    }
    for width in [40, 80, 200] {
      for line in board.lines(width: width, height: 40, color: false) {
        #expect(!line.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E }, "\(line)")
        #expect(displayWidth(line) <= width)
      }
    }
  }

  @Test func `without colours no escape is written, with them each line ends without`() {
    let plain = board.lines(width: 80, height: 24, color: false)
    let colored = board.lines(width: 80, height: 24, color: true)
    #expect(colored.map { $0.replacing(/\u{1B}\[[0-9]*m/, with: "") } == plain)
    #expect(colored != plain)
    for line in colored where line.contains("\u{1B}") {
      let last = line.matches(of: /\u{1B}\[[0-9]*m/).last
      #expect(last.map { String($0.output) } == "\u{1B}[0m", "\(line)")
    }
  }

  @Test func `a failure of yesterday is one of those that have ended`() {
    var board = board
    board.jobs = [job(1, .failed, reason: reason(.io, "broken"), ended: 90_000_000)]
    let lines = board.lines(width: 80, height: 24, color: false)
    #expect(!lines.contains { $0.contains("1 failed") })
    #expect(lines.contains { $0.hasPrefix("00000001  failed  1 d") })
  }

  @Test func `without a daemon it says so above all that was known`() {
    var board = board
    board.health = nil
    board.notice = "no daemon answers in /state; waits for it to be back"
    let lines = board.lines(width: 80, height: 24, color: false)
    #expect(lines[1] == "no daemon answers in /state; waits for it to be back")
    #expect(lines.count == 11)
  }

  @Test(
    arguments: [
      (0.2, "1 s"), (59, "59 s"), (60, "1 min 00 s"), (125, "2 min 05 s"), (3600, "1 h 00 min"),
      (4320, "1 h 12 min"), (400_000, "> 99 h"), (.infinity, "> 99 h"),
    ] as [(Double, String)])
  func `time left has two figures`(seconds: Double, text: String) {
    #expect(durationText(seconds) == text)
  }
}

@Suite struct RateTests {
  private func running(_ bytes: Int64) -> JobView {
    let place = SequenceView(directory: "/d", pattern: "a", frames: nil)
    return JobView(
      id: "a", state: .staging, rule: nil, hotFolder: nil, source: place, destination: nil,
      frames: FramesView(expected: 1), bytes: BytesView(expected: 1000, done: bytes),
      created: Timestamp(milliseconds: 0), members: [])
  }

  @Test func `a rate is known from the second look on, and follows without jumping`() {
    var meter = RateMeter()
    meter.look(at: [running(0)], now: .zero)
    #expect(meter.rates.isEmpty)
    meter.look(at: [running(100)], now: .milliseconds(250))
    #expect(meter.rates == ["a": 400])
    meter.look(at: [running(100)], now: .milliseconds(500))
    let slower = meter.rates["a"] ?? 0
    #expect(slower > 300 && slower < 400)
    for step in 3...40 { meter.look(at: [running(100)], now: .milliseconds(250 * step)) }
    #expect((meter.rates["a"] ?? 1) < 4)
  }

  @Test func `two looks at once, a copy begun again and one that has ended make no nonsense`() {
    var meter = RateMeter()
    meter.look(at: [running(500)], now: .zero)
    meter.look(at: [running(600)], now: .zero)
    #expect(meter.rates.isEmpty)
    meter.look(at: [running(100)], now: .seconds(1))
    #expect(meter.rates.isEmpty)
    meter.look(at: [running(300)], now: .seconds(2))
    #expect(meter.rates == ["a": 200])
    meter.look(at: [], now: .seconds(3))
    #expect(meter.rates.isEmpty)
  }
}
