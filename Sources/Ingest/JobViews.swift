import Foundation
import Journal
import Paths
import ReadModel
import Transfer

/// Jobs as people see them, from the journal's rows; also without a daemon.
public struct JournalReader: JobReader {
  let journal: Journal

  public init(_ journal: Journal) { self.journal = journal }

  public func jobs(_ query: JobQuery) async throws -> [JobView] {
    let before: Int64? =
      if let id = query.before { try await journal.job(id)?.number } else { nil }
    let states = query.states.isEmpty ? nil : Set(query.states.map(\.rawValue))
    guard let search = query.search, !search.isEmpty else {
      return try await journal.jobs(states: states, limit: query.limit, before: before).compactMap(
        Self.view)
    }
    return try await self.search(search, states, limit: query.limit, before: before)
  }

  private func search(
    _ text: String, _ states: Set<String>?, limit: Int, before: Int64?
  ) async throws -> [JobView] {
    // SQLite folds the case of ASCII only, and JSON writes quotes and control characters in other words.
    let sieve = text.utf8.allSatisfy {
      (0x20...0x7e).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
    }
    var (found, before): ([JobView], Int64?) = ([], before)
    while found.count < limit {
      let page = try await journal.jobs(
        states: states, limit: 1000, before: before, mentioning: sieve ? text : nil)
      found += page.lazy.compactMap(Self.view).filter { $0.mentions(text) }
      guard page.count == 1000, let last = page.last?.number else { break }
      before = last
    }
    return Array(found.prefix(limit))
  }

  func jobs(numbers: Set<Int64>) async throws -> [JobView] {
    try await journal.jobs(numbers: numbers).compactMap(Self.view)
  }

  func view(of id: JobID) async throws -> JobView? { try await journal.job(id).flatMap(Self.view) }

  public func job(_ id: String) async throws -> JobDetailView? {
    guard let record = try await journal.job(id), let view = Self.view(record) else { return nil }
    let settings = try? JSON.decode(JobSettings.self, from: Array(record.settings))
    let frames = try await journal.frames(of: id)
    let methods = try frames.map { frame in
      try frame.receipt.map {
        try JSON.decode(Receipt.self, from: Array($0)).method.rawValue
      }
    }
    let map = frames.map { frame in
      PlannedPair(
        source: ExactText(below(settings?.sourceRoot ?? "", frame.source)),
        destination: ExactText(below(settings?.destinationRoot ?? "", frame.destination)))
    }
    let history = try await journal.history(of: id).map {
      HistoryView(at: Timestamp($0.at), state: JobState(rawValue: $0.state), message: $0.text ?? "")
    }
    let cancel = try await journal.cancelReceipt(of: id).flatMap {
      try? JSON.decode(CancelView.self, from: Array($0))
    }
    return JobDetailView(job: view, map: map, methods: methods, history: history, cancel: cancel)
  }

  public func ids(matching part: String) async throws -> [String] {
    try await journal.jobs().map(\.id).filter { $0.hasPrefix(part) || $0.hasSuffix(part) }.prefix(2)
      .map(\.self)
  }

  /// - Returns: nil for a row of a newer version that this one cannot read.
  static func view(_ record: JobRecord) -> JobView? {
    guard let state = JobState(rawValue: record.state) else { return nil }
    let frames = FramesView(
      expected: record.expectedFrames, staged: record.stagedFrames,
      published: record.publishedFrames)
    let settings = try? JSON.decode(JobSettings.self, from: Array(record.settings))
    let waiting = try? JSON.decode(WaitingSettings.self, from: Array(record.settings)).waiting
    let unknown = SequenceView(directory: ExactText(""), pattern: nil, frames: nil)
    let members = (settings?.members ?? []).map { member in
      // What is staged is counted for the whole; each member says how many it has.
      MemberView(
        source: member.source, destination: member.destination,
        frames: settings?.members.count == 1
          ? frames : FramesView(expected: member.files.count, of: frames), state: state)
    }
    return JobView(
      id: record.id, state: state, over: record.over.flatMap { JobOverlay(rawValue: $0) },
      rule: record.rule,
      hotFolder: record.hotFolder, source: whole(members.map(\.source)) ?? waiting ?? unknown,
      destination: whole(members.compactMap(\.destination)), frames: frames,
      bytes: BytesView(expected: Int64(record.expectedBytes), done: Int64(record.doneBytes)),
      reason: record.reason.flatMap { try? JSON.decode(Reason.self, from: Array($0)) },
      durable: record.durable,
      created: Timestamp(record.created), started: record.started.map { Timestamp($0) },
      ended: record.ended.map { Timestamp($0) }, members: members)
  }
}

extension JobView {
  /// Whether people see this text in it, whatever the case of its letters.
  func mentions(_ text: String) -> Bool {
    let places = [source, destination].compactMap(\.self) + members.map(\.source)
    let shown =
      [id, rule ?? "", hotFolder ?? ""]
      + places.map { "\($0.directory.text)/\($0.pattern?.text ?? "")" }
      + members.compactMap {
        $0.destination.map { "\($0.directory.text)/\($0.pattern?.text ?? "")" }
      }
    return shown.contains { $0.range(of: text, options: .caseInsensitive) != nil }
  }
}

/// What a job is shown as: its one sequence, or for a delivery of several the directory that holds them all.
func whole(_ members: [SequenceView]) -> SequenceView? {
  guard let first = members.first, members.count > 1 else { return members.first }
  let slash = UInt8(ascii: "/")
  var common = first.directory.bytes.split(separator: slash)
  for member in members.dropFirst() {
    let other = member.directory.bytes.split(separator: slash)
    common = zip(common, other).prefix { $0 == $1 }.map(\.0)
  }
  return SequenceView(
    directory: ExactText([slash] + common.joined(separator: [slash])), pattern: nil, frames: nil)
}

extension FramesView {
  /// A member's part of what is known of the whole: none of it, or all, is all that can be said.
  fileprivate init(expected: Int, of whole: FramesView) {
    self.init(
      expected: expected, staged: whole.staged >= whole.expected ? expected : 0,
      published: whole.published >= whole.expected ? expected : 0)
  }
}
