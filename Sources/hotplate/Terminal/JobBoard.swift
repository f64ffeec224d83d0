import Paths
import ReadModel

/// What the live table shows: a value, drawn by `lines` for a window of any size.
struct JobBoard: Sendable {
  var health: HealthView?
  var jobs: [JobView] = []
  /// Sections of which `jobs` holds the first only; `health` says how many there are.
  var cut: Set<Section> = []
  /// Jobs of these states only; empty for all.
  var states: Set<JobState> = []
  /// Bytes a second of running jobs.
  var rates: [String: Double] = [:]
  /// What a person has to know before all else: that no daemon answers, that it is still looking around.
  var notice: String?
  var now = Timestamp(milliseconds: 0)

  /// In the order in which they are shown.
  enum Section: CaseIterable {
    case running, waiting, held, failed, ended

    /// The section of a state.
    static func of(_ state: JobState) -> Section {
      switch state {
      case .staging, .staged, .committing, .cancelling: .running
      case .waiting, .queued: .waiting
      case .held: .held
      case .failed: .failed
      case .done, .cancelled: .ended
      }
    }

    var states: Set<JobState> { Set(JobState.allCases.filter { Section.of($0) == self }) }

    var name: String {
      switch self {
      case .running: "running"
      case .waiting: "waiting"
      case .held: "held"
      case .failed: "failed"
      case .ended: "ended"
      }
    }
  }

  private static let day: Int64 = 86_400_000

  /// A failure of yesterday is one of the jobs that have ended; it must not stand above today's for ever.
  private func section(of job: JobView) -> Section {
    let section = Section.of(job.state)
    guard section == .failed, let ended = job.ended else { return section }
    return now.milliseconds - ended.milliseconds > Self.day ? .ended : .failed
  }

  var hasRunning: Bool { jobs.contains { Section.of($0.state) == .running } }

  /// - Returns: at most `height` lines, none wider than `width` columns.
  func lines(width: Int, height: Int, color: Bool) -> [String] {
    let brush = Brush(color: color, width: width)
    var lines = Array(header(brush).prefix(max(1, height - 2)))
    let sections = Section.allCases.map { section in
      let members = jobs.filter { self.section(of: $0) == section }
      return SectionRows(section, members, all: count(section, of: members))
    }
    let rows = SectionRows.chosen(from: sections, room: height - lines.count - 1)
    if rows.isEmpty {
      if lines.count < height { lines.append("") }
      if lines.count < height, notice == nil { lines.append(brush.line([("no jobs", .faint)])) }
      return lines
    }
    lines.append("")
    return lines + JobRows(board: self, brush: brush).lines(rows)
  }

  /// The states of a section that are asked for.
  func wanted(_ section: Section) -> Set<JobState> {
    states.isEmpty ? section.states : section.states.intersection(states)
  }

  /// How many jobs stand in a section. The two answers are of two moments: what can be counted here is.
  private func count(_ section: Section, of members: [JobView]) -> Int {
    guard cut.contains(section) else { return members.count }
    let told = wanted(section).reduce(0) { $0 + (health?.jobs[$1.rawValue] ?? 0) }
    return max(members.count, told)
  }

  private func header(_ brush: Brush) -> [String] {
    var lines: [String] = []
    if let health { lines.append(brush.line(folders(health))) }
    var summary: [(String, TextTable.Style?)] = []
    for section in Section.allCases.dropLast() {
      let number = count(section, of: jobs.filter { self.section(of: $0) == section })
      guard number > 0 else { continue }
      let style: TextTable.Style? =
        section == .running ? .busy : section == .held ? .warning : section == .failed ? .bad : nil
      if !summary.isEmpty { summary.append((", ", nil)) }
      summary.append(("\(number) \(section.name)", style))
    }
    let rate = rates.values.reduce(0, +)
    if rate >= 1 { summary.append(("  \(byteCount(Int64(rate)))/s", .busy)) }
    if !summary.isEmpty { lines.append(brush.line(summary)) }
    if let notice { lines.append(brush.line([(notice, .warning)])) }
    let problems = health?.problems ?? []
    for problem in problems.prefix(3) { lines.append(brush.line([(shownSentence(problem), .bad)])) }
    if problems.count > 3 {
      lines.append(brush.line([("and \(problems.count - 3) more problems", .bad)]))
    }
    return lines
  }

  /// `renders /mnt/drop watching, vendor /mnt/vendor offline`; of many only those that are not watched, by name.
  private func folders(_ health: HealthView) -> [(String, TextTable.Style?)] {
    let few = health.hotFolders.count <= 2
    let watched = health.hotFolders.filter { $0.state == .watching }
    var parts: [[(String, TextTable.Style?)]] = []
    if !few, !watched.isEmpty { parts.append([("\(watched.count) hot folders watched", .good)]) }
    for folder in health.hotFolders where few || folder.state != .watching {
      let style: TextTable.Style =
        switch folder.state {
        case .watching: .good
        case .polling: .warning
        case .offline: .bad
        }
      let name = shownText(folder.name)
      let place = few ? " " + shown(folder.path.bytes) : ""
      parts.append([(name + place + " ", nil), (folder.state.rawValue, style)])
    }
    return Array(parts.joined(separator: [(", ", nil)]))
  }
}

/// Draws lines of limited width.
struct Brush {
  let color: Bool
  let width: Int

  func line(_ pieces: [(String, TextTable.Style?)]) -> String {
    var pen = Pen(color: color, width: width)
    for (text, style) in pieces { pen.write(text, style) }
    return pen.line
  }
}
