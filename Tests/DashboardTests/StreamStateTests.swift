import Foundation
import NIOCore
import ReadModel
import Testing

@testable import Dashboard

/// What the stream's clients are told, without any of them.
@Suite struct StreamStateTests {
  private func health(_ done: Int) -> HealthView {
    HealthView(
      ok: true, version: "0", pid: 1, started: Timestamp(milliseconds: 0), hotFolders: [],
      jobs: ["done": done], problems: [])
  }

  private func begun() throws -> StreamState {
    var state = StreamState()
    try state.begin(SnapshotView(rules: RulesView(directory: "rules"), health: health(0)))
    return state
  }

  @Test func `only what differs is told`() throws {
    var state = try begun()
    var changes = ChangesView()
    changes.jobs = [FakeEngine.running]
    changes.health = health(0)
    changes.arrivals = []
    #expect(try state.apply(changes).map(\.kind) == [.job])
    #expect(try state.apply(changes).map(\.kind) == [])
    changes.health = health(1)
    #expect(try state.apply(changes).map(\.kind) == [.health])
  }

  @Test func `one job is told five times a second at most: a look has one message of each`() throws
  {
    var state = try begun()
    var changes = ChangesView()
    changes.progress = [progress("a", 1), progress("b", 1)]
    #expect(try state.apply(changes).isEmpty, "what does not copy has no progress")
    changes.jobs = ["a", "b"].map { FakeEngine.job($0, .staging) }
    let messages = try state.apply(changes)
    #expect(messages.map(\.kind) == [.job, .job, .progress, .progress])
    #expect((0..<1000).allSatisfy { StreamHub.pace(clients: $0) >= .milliseconds(200) })
  }

  @Test func `old jobs that have ended are not kept for ever, others are`() throws {
    var state = try begun()
    for number in 0..<1000 {
      var changes = ChangesView()
      changes.jobs = [FakeEngine.job(String(format: "%04d", number), number < 3 ? .held : .done)]
      _ = try state.apply(changes)
    }
    let jobs = try snapshot(&state).jobs.map(\.id)
    #expect(Set(["0000", "0001", "0002"]).isSubset(of: jobs))
    #expect(jobs.count <= 2 * StreamState.ended + 3 && jobs.first == "0999")
  }

  /// What a client knows that began with a snapshot and took every message since.
  struct Known: Equatable {
    var jobs: [String: Any?] = [:]
    var arrivals: [String: Any?] = [:]
    var progress: [String: Any?] = [:]
    var rest: [String: Any?] = [:]

    static func == (a: Known, b: Known) -> Bool {
      [
        (a.jobs, b.jobs), (a.arrivals, b.arrivals), (a.progress, b.progress), (a.rest, b.rest),
      ].allSatisfy {
        NSDictionary(dictionary: $0 as [String: Any])
          == NSDictionary(dictionary: $1 as [String: Any])
      }
    }
  }

  @Test(arguments: 0..<10)
  func `a snapshot and the messages behind it say the same as a later snapshot`(seed: UInt64) throws
  {
    var random = Seeded(seed: seed)
    var state = try begun()
    var known = try Known(state.snapshot())
    var last = state.seq
    for _ in 0..<60 {
      var changes = ChangesView()
      let ids = (0..<6).map { "job\($0)" }
      for id in ids where Bool.random(using: &random) {
        if Int.random(in: 0..<5, using: &random) == 0 {
          changes.gone.append(id)
          continue
        }
        changes.jobs.append(FakeEngine.job(id, JobState.allCases.randomElement(using: &random)!))
        if Bool.random(using: &random) { changes.progress.append(progress(id, 5)) }
      }
      if Bool.random(using: &random) {
        changes.arrivals = ids.filter { _ in Bool.random(using: &random) }.map(arrival)
      }
      if Bool.random(using: &random) { changes.health = health(.random(in: 0..<3, using: &random)) }
      for message in try state.apply(changes) {
        #expect(message.seq == last + 1)
        last = message.seq
        try known.take(message)
      }
      try #require(try known == Known(state.snapshot()), "seed \(seed)")
    }
  }

  private func progress(_ job: String, _ done: Int64) -> ProgressView {
    ProgressView(
      job: job, frames: FramesView(expected: 9), bytes: BytesView(expected: 9, done: done),
      rate: nil, strips: nil)
  }

  private func arrival(_ name: String) -> ArrivalView {
    ArrivalView(
      hotFolder: nil, source: SequenceView(directory: "/d", pattern: ExactText(name), frames: nil),
      files: 1, bytes: 1,
      reason: ReasonView(code: .unmatched, message: "no", at: Timestamp(milliseconds: 0)))
  }

  private func snapshot(_ state: inout StreamState) throws -> SnapshotView {
    try JSON.decode(SnapshotView.self, from: Array(state.snapshot().json.readableBytesView))
  }
}

extension StreamStateTests.Known {
  fileprivate init(_ message: StreamMessage) throws {
    let object = try message.object()
    func keyed(_ list: String, by key: String) -> [String: Any?] {
      let items = object[list] as? [[String: Any]] ?? []
      return Dictionary(uniqueKeysWithValues: items.map { ($0[key] as! String, $0) })
    }
    jobs = keyed("jobs", by: "id")
    arrivals = keyed("arrivals", by: "id")
    progress = keyed("progress", by: "job")
    rest = ["rules": object["rules"], "health": object["health"]]
  }

  fileprivate mutating func take(_ message: StreamMessage) throws {
    let object = try message.object()
    switch message.kind {
    case .snapshot: self = try Self(message)
    case .job:
      if let gone = object["gone"] as? String {
        jobs[gone] = nil
        progress[gone] = nil
      } else if let job = object["job"] as? [String: Any], let id = job["id"] as? String {
        jobs[id] = job
        // As the page does: nothing copies outside of staging.
        if job["state"] as? String != "staging" { progress[id] = nil }
      }
    case .arrival:
      if let gone = object["gone"] as? String { arrivals[gone] = nil }
      if let view = object["arrival"] as? [String: Any] { arrivals[view["id"] as! String] = view }
    case .progress:
      let view = object["progress"] as! [String: Any]
      progress[view["job"] as! String] = view
    case .rules, .health: rest[message.kind.rawValue] = object[message.kind.rawValue]
    }
  }
}

extension StreamMessage {
  func object() throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(json.readableBytesView)) as! [String: Any]
  }
}

/// SplitMix64: the same days for the same seed.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
