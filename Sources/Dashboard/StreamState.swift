import NIOCore
import ReadModel

/// One message of the live stream, encoded once for all clients.
struct StreamMessage: Sendable {
  enum Kind: String, Sendable {
    case snapshot, job, progress, arrival, rules, health
  }
  let kind: Kind
  let seq: UInt64
  /// A JSON object.
  let json: ByteBuffer
}

/// What the stream's clients see, kept in pieces of JSON: each change is encoded once, and a snapshot is all pieces together.
///
/// A snapshot and the messages behind it say the same as a later snapshot: who falls behind misses nothing.
struct StreamState: Sendable {
  private struct Job {
    let json: [UInt8]
    /// Nothing will happen to it unless somebody asks.
    let hasEnded: Bool
    let copies: Bool

    init(_ view: JobView) throws {
      copies = view.state == .staging
      json = try JSON.encode(view)
      hasEnded = view.state == .done || view.state == .cancelled
    }
  }

  /// How many done and cancelled jobs a snapshot shows, the newest.
  static let ended = 100

  private(set) var seq: UInt64 = 0
  private var jobs: [String: Job] = [:]
  private var progress: [String: [UInt8]] = [:]
  private var arrivals: [String: [UInt8]] = [:]
  private var rules: [UInt8] = []
  private var health: [UInt8] = []
  private var known: StreamMessage?

  /// Begins anew; `seq` rises on.
  mutating func begin(_ snapshot: SnapshotView) throws {
    seq += 1
    known = nil
    (jobs, progress) = ([:], [:])
    for job in snapshot.jobs { jobs[job.id] = try Job(job) }
    for view in snapshot.progress where jobs[view.job]?.copies == true {
      progress[view.job] = try JSON.encode(view)
    }
    arrivals = try snapshot.arrivals.reduce(into: [:]) { $0[$1.id] = try JSON.encode($1) }
    rules = try JSON.encode(snapshot.rules)
    health = try JSON.encode(snapshot.health)
  }

  /// Gives back the room of what nobody looks at any more; `seq` stays.
  mutating func forget() {
    let seq = seq
    self = StreamState()
    self.seq = seq
  }

  /// - Returns: a message for each thing that differs from what was told before.
  mutating func apply(_ changes: ChangesView) throws -> [StreamMessage] {
    var messages: [StreamMessage] = []
    if let view = changes.rules, let json = try changed(view, from: &rules) {
      messages.append(message(.rules, "rules", json))
    }
    for view in changes.jobs.sorted(by: { $0.id < $1.id }) {
      let job = try Job(view)
      if jobs[view.id]?.json == job.json { continue }
      jobs[view.id] = job
      if view.state != .staging { progress[view.id] = nil }
      messages.append(message(.job, "job", job.json))
    }
    for id in changes.gone where jobs.removeValue(forKey: id) != nil {
      progress[id] = nil
      messages.append(message(.job, "gone", try JSON.encode(id)))
    }
    for view in changes.progress where jobs[view.job]?.copies == true {
      let json = try JSON.encode(view)
      if progress.updateValue(json, forKey: view.job) == json { continue }
      messages.append(message(.progress, "progress", json))
    }
    if let views = changes.arrivals { try apply(views, &messages) }
    if let view = changes.health, let json = try changed(view, from: &health) {
      messages.append(message(.health, "health", json))
    }
    forgetOldEnded()
    return messages
  }

  private mutating func apply(_ views: [ArrivalView], _ messages: inout [StreamMessage]) throws {
    let left = Set(arrivals.keys).subtracting(views.map(\.id))
    for id in left.sorted() {
      arrivals[id] = nil
      messages.append(message(.arrival, "gone", try JSON.encode(id)))
    }
    for view in views {
      let json = try JSON.encode(view)
      if arrivals.updateValue(json, forKey: view.id) == json { continue }
      messages.append(message(.arrival, "arrival", json))
    }
  }

  /// Everything as it is now; the same for all who ask before the next change.
  mutating func snapshot() -> StreamMessage {
    if let known { return known }
    var buffer = ByteBuffer()
    buffer.writeString(#"{"arrivals":["#)
    buffer.write(arrivals.sorted { $0.key < $1.key }.map(\.value))
    buffer.writeString(#"],"health":"#)
    buffer.writeBytes(health)
    buffer.writeString(#","jobs":["#)
    buffer.write(jobs.sorted { $0.key > $1.key }.map(\.value.json))
    buffer.writeString(#"],"progress":["#)
    buffer.write(progress.sorted { $0.key < $1.key }.map(\.value))
    buffer.writeString(#"],"rules":"#)
    buffer.writeBytes(rules)
    buffer.writeString(#","seq":\#(seq),"type":"snapshot"}"#)
    let message = StreamMessage(kind: .snapshot, seq: seq, json: buffer)
    known = message
    return message
  }

  private mutating func message(
    _ kind: StreamMessage.Kind, _ key: String, _ json: [UInt8]
  ) -> StreamMessage {
    seq += 1
    known = nil
    var buffer = ByteBuffer()
    buffer.writeString("{\"\(key)\":")
    buffer.writeBytes(json)
    buffer.writeString(#","seq":\#(seq),"type":"\#(kind.rawValue)"}"#)
    return StreamMessage(kind: kind, seq: seq, json: buffer)
  }

  private func changed(_ view: some Encodable, from old: inout [UInt8]) throws -> [UInt8]? {
    let json = try JSON.encode(view)
    if json == old { return nil }
    old = json
    return json
  }

  /// Ids rise with time: the smallest are the oldest.
  private mutating func forgetOldEnded() {
    let ended = jobs.filter(\.value.hasEnded).keys
    // Not at each one that ends: sorting costs more than a few too many.
    if ended.count <= Self.ended * 2 { return }
    for id in ended.sorted().dropLast(Self.ended) {
      jobs[id] = nil
      progress[id] = nil
    }
  }
}

extension ByteBuffer {
  /// The elements of a JSON array.
  fileprivate mutating func write(_ pieces: [[UInt8]]) {
    for (index, piece) in pieces.enumerated() {
      if index > 0 { writeString(",") }
      writeBytes(piece)
    }
  }
}
