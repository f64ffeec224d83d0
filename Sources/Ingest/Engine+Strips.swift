import Journal
import Paths
import ReadModel
import Sequences
import Transfer
import Watching

extension Engine {
  public func strip(of id: String) async throws -> StripView? {
    if let arrival = intake.arrivals.values.first(where: { $0.job == id && $0.key.isTaken }) {
      return StripView(id: id, members: strips(of: arrival))
    }
    if let job = intake.jobs[id], let progress = runner.progress[id] {
      return StripView(id: id, members: strips(of: job, progress))
    }
    if let job = intake.jobs[id], intake.drafts[id] != nil {
      return StripView(id: id, members: strips(of: job) { _ in .arrived })
    }
    return try await JournalReader(journal).strip(of: id)
  }

  func strips(of job: Job, _ progress: ProgressBoard.Progress) -> [MemberStripView] {
    let whole: FrameState = job.plan.verify == .readback ? .verified : .staged
    let staged = progress.staged
    return strips(of: job) { $0 < staged.count && staged[$0] ? whole : .arrived }
  }

  private func strips(of job: Job, _ state: (Int) -> FrameState) -> [MemberStripView] {
    job.members.map { MemberStripView($0.source, files: $0.files, state) }
  }

  /// What lies there of an arrival: which of it belongs together is judged as it will be.
  private func strips(of arrival: Arrival) -> [MemberStripView] {
    let expected = arrival.key.rule.flatMap { intake.rules.rules[$0].ready.frames }
    let damaged = damagedFile(of: arrival)
    let inOne = Dictionary(grouping: arrival.files.keys, by: \.parent)
    return inOne.sorted { $0.key < $1.key }.flatMap { directory, files in
      let damaged = damaged?.parent == directory ? damaged?.name : nil
      var finder = SequenceFinder()
      for file in files { if let name = file.name { finder.add(name) } }
      let found = finder.finish()
      return found.sequences.map { sequence in
        let runs = runs(
          of: sequence.frames, expected: expected,
          damaged: damaged.flatMap(sequence.pattern.frame(of:)))
        return MemberStripView(
          pattern: ExactText(sequence.pattern.pattern.bytes), first: runs.first, last: runs.last,
          runs: runs.runs)
      }
        + found.singles.map {
          MemberStripView(
            pattern: ExactText($0.bytes), first: nil, last: nil,
            runs: [FrameRun($0 == damaged ? .damaged : .arrived, 1)])
        }
    }
  }

  /// Ranges only, never single numbers: what a name claims may be eighteen digits long.
  private func runs(of frames: FrameSet, expected: FrameSet?, damaged: Int?) -> (
    first: Int?, last: Int?, runs: [FrameRun]
  ) {
    var edges: [(at: Int, change: WritableKeyPath<Cell, Bool>, value: Bool)] = []
    func mark(_ range: ClosedRange<Int>, _ change: WritableKeyPath<Cell, Bool>) {
      edges.append((range.lowerBound, change, true))
      edges.append((range.upperBound + 1, change, false))
    }
    for range in frames.ranges { mark(range, \.isThere) }
    for range in expected?.ranges ?? [] { mark(range, \.isExpected) }
    if let damaged { mark(damaged...damaged, \.isDamaged) }
    edges.sort { $0.at < $1.at }
    guard let first = edges.first?.at, let end = edges.last?.at else { return (nil, nil, []) }
    var runs: [FrameRun] = []
    var cell = Cell()
    var position = first
    for edge in edges {
      runs.append(cell.state, edge.at - position)
      position = edge.at
      cell[keyPath: edge.change] = edge.value
    }
    return (first, end - 1, runs)
  }

  private struct Cell {
    var isThere = false
    var isExpected = false
    var isDamaged = false

    var state: FrameState {
      isDamaged ? .damaged : isThere ? .arrived : isExpected ? .expected : .missing
    }
  }

  /// The file that an arrival waits for, in its hot folder, as it stands there.
  private func damagedFile(of arrival: Arrival) -> RelativePath? {
    let reason = reason(for: arrival)
    guard [.incomplete, .manifest, .io].contains(reason.code), let path = reason.path else {
      return nil
    }
    return arrival.files.keys.first {
      intake.absolute(Place(root: arrival.key.directory.root, path: arrival.path($0)))
        == path.bytes
    }
  }
}

extension JournalReader {
  /// The strip of a job by its rows; nil for an unknown one.
  public func strip(of id: String) async throws -> StripView? {
    guard let record = try await journal.job(id), let view = Self.view(record) else { return nil }
    guard let settings = try? JSON.decode(JobSettings.self, from: Array(record.settings)) else {
      // It was cancelled before it had a plan.
      return StripView(
        id: id,
        members: [
          MemberStripView(view.source, files: 0..<record.expectedFrames) { _ in .arrived }
        ])
    }
    let frames = try await journal.frames(of: id)
    let damaged = view.damagedFile
    let isPublished = view.state == .done && view.reason?.code != .undone
    let whole: FrameState = settings.verify == .readback ? .verified : .staged
    let states = frames.map { frame -> FrameState in
      if let damaged,
        damaged == below(settings.sourceRoot, frame.source)
          || damaged == below(settings.destinationRoot, frame.destination)
      {
        return .damaged
      }
      if isPublished {
        // Under `conflict: skip` something else has its name; after an undo nothing has.
        let isVisible = frame.outcome != "skipped" && frame.outcome != Journal.undone
        return isVisible ? .published : .arrived
      }
      return view.state != .cancelled && view.state != .done && frame.receipt != nil
        ? whole : .arrived
    }
    return StripView(
      id: id,
      members: settings.members.map { member in
        MemberStripView(member.source, files: member.files) {
          $0 < states.count ? states[$0] : .arrived
        }
      })
  }
}

extension JobView {
  /// The file that its reason blames.
  fileprivate var damagedFile: [UInt8]? {
    guard state == .failed || state == .held else { return nil }
    switch reason?.code {
    case .io, .incomplete, .manifest, .destination: return reason?.path?.bytes
    default: return nil
    }
  }
}

extension MemberStripView {
  /// - Parameters:
  ///   - files: of the plan, ascending by frame.
  ///   - state: of a file of the plan.
  init(_ source: SequenceView, files: Range<Int>, _ state: (Int) -> FrameState) {
    let frames = source.frames.flatMap { FrameSet($0) }
    var runs: [FrameRun] = []
    guard let frames, frames.count == files.count, let first = frames.ranges.first?.lowerBound
    else {
      for file in files { runs.append(state(file), 1) }
      self.init(pattern: source.pattern, first: nil, last: nil, runs: runs)
      return
    }
    var file = files.lowerBound
    var next = first
    for range in frames.ranges {
      runs.append(.missing, range.lowerBound - next)
      for _ in range {
        runs.append(state(file), 1)
        file += 1
      }
      next = range.upperBound + 1
    }
    self.init(pattern: source.pattern, first: first, last: next - 1, runs: runs)
  }
}
