/// What becomes of a job of three frames, by what is done to it and when: the same table stands in the README.
///
/// It holds for copy, move, hardlink, reflink and replace alike. `cancelled: CODE` is the state and the reason's code;
/// `no job` that nothing was ever taken; `–` that there is nothing to do it to.
let cancelTable = """
  | do this | before it is seen | while it waits | queued, copied, checked | while it is published | when it is done | while Hotplate is stopped |
  | --- | --- | --- | --- | --- | --- | --- |
  | `touch DIR/.cancel` | no job | cancelled: sentinel | cancelled: sentinel | done | done | cancelled: sentinel |
  | `touch .cancel`, further up | no job | cancelled: sentinel | cancelled: sentinel | done | done | cancelled: sentinel |
  | `touch DIR/STEM.cancel` | no job | cancelled: sentinel | cancelled: sentinel | done | done | cancelled: sentinel |
  | remove the directory | no job | no job | cancelled: source-removed | done | done | cancelled: source-removed |
  | rename the directory | done | cancelled: source-moved | cancelled: source-moved | done | done | cancelled: source-removed |
  | move the directory away | no job | cancelled: source-moved | cancelled: source-moved | done | done | cancelled: source-removed |
  | remove a frame | done | done | cancelled: frame-removed | done | done | cancelled: frame-removed |
  | `hotplate cancel JOB` | – | cancelled: user | cancelled: user | done | done | – |
  | `hotplate cancel --path DIR` | done | cancelled: user | cancelled: user | done | done | – |
  | stop Hotplate (SIGTERM) | done | done | done | done | done | done |
  """

/// The rows of the table.
enum Trigger: String, CaseIterable, Sendable {
  case sentinel = "`touch DIR/.cancel`"
  case sentinelAbove = "`touch .cancel`, further up"
  case stemSentinel = "`touch DIR/STEM.cancel`"
  case removed = "remove the directory"
  case renamed = "rename the directory"
  case movedOut = "move the directory away"
  case frameRemoved = "remove a frame"
  case cancelJob = "`hotplate cancel JOB`"
  case cancelPath = "`hotplate cancel --path DIR`"
  case terminated = "stop Hotplate (SIGTERM)"

  /// Frames that are taken again as a new job once the first is cancelled: what is left, or all at the new place.
  var framesTakenAnew: Int? {
    switch self {
    case .renamed: 3
    case .frameRemoved: 2
    default: nil
    }
  }

  /// Frames that lie where they lay afterwards.
  var framesKept: Int {
    switch self {
    case .removed, .renamed, .movedOut: 0
    case .frameRemoved: 2
    default: 3
    }
  }

  var isSentinel: Bool {
    switch self {
    case .sentinel, .sentinelAbove, .stemSentinel: true
    default: false
    }
  }
}

/// When it happens. A column of the table stands for one of these or for several.
enum Moment: String, CaseIterable, Sendable {
  case unseen, waiting, queued, firstByte, betweenFrames, lastByte, hashed, staged, atCommit
  case publishing, removingSources, done, stopped

  var column: String {
    switch self {
    case .unseen: "before it is seen"
    case .waiting: "while it waits"
    case .queued, .firstByte, .betweenFrames, .lastByte, .hashed, .staged, .atCommit:
      "queued, copied, checked"
    case .publishing, .removingSources: "while it is published"
    case .done: "when it is done"
    case .stopped: "while Hotplate is stopped"
    }
  }
}

/// The ways to bring frames to their place.
enum Way: String, CaseIterable, Sendable {
  case copy, move, hardlink, reflink, replace

  var isLink: Bool { self == .move || self == .hardlink }
}

/// A cell of the table.
enum Expected: Hashable, Sendable {
  case noJob, done
  case cancelled(code: String)
  case impossible

  init?(_ text: String) {
    switch text {
    case "no job": self = .noJob
    case "done": self = .done
    case "–": self = .impossible
    default:
      guard text.hasPrefix("cancelled: ") else { return nil }
      self = .cancelled(code: String(text.dropFirst(11)))
    }
  }

  init(_ trigger: Trigger, _ moment: Moment) {
    let rows = cancelTable.split(separator: "\n").map { line in
      line.split(separator: "|").map { String($0.trimmingPrefix(while: \.isWhitespace)) }
        .map { $0.last == " " ? String($0.dropLast()) : $0 }
    }
    guard let column = rows[0].firstIndex(of: moment.column),
      let row = rows.first(where: { $0[0] == trigger.rawValue }), let cell = Expected(row[column])
    else { preconditionFailure("the table has no cell for \(trigger), \(moment)") }
    self = cell
  }
}
