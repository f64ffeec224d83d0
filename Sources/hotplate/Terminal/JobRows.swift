import Paths
import ReadModel

/// Draws rows of the live table.
struct JobRows {
  let board: JobBoard
  let brush: Brush

  func lines(_ rows: [SectionRows.Row]) -> [String] {
    let wide = brush.width >= 110
    // One table, so that columns stand below each other in all sections.
    var table = TextTable(rightAligned: [2])
    var below: [Int: String] = [:]
    for row in rows {
      switch row {
      case .job(let job):
        table.rows.append(cells(job, withRule: wide))
        below[table.rows.count - 1] = secondLine(of: job)
      case .more: break
      }
    }
    let drawn = table.lines(color: brush.color, width: brush.width)
    var lines: [String] = []
    var index = 0
    for row in rows {
      switch row {
      case .job:
        lines.append(drawn[index])
        if let second = below[index] { lines.append(second) }
        index += 1
      case .more(let count, let section):
        lines.append(brush.line([("  … \(count) more \(section.name)", .faint)]))
      }
    }
    return lines
  }

  private func cells(_ job: JobView, withRule: Bool) -> [TextTable.Cell] {
    let section = JobBoard.Section.of(job.state)
    let since =
      switch section {
      case .running: job.started ?? job.created
      case .waiting, .held: job.created
      case .failed, .ended: job.ended ?? job.created
      }
    var cells: [TextTable.Cell] = [
      .init(shortID(job.id)), .init(stateText(job), style(of: job.state)),
      .init(ageText(from: since, to: board.now), .faint),
    ]
    if withRule { cells.append(.init(job.rule.map(shownText) ?? "-", .faint)) }
    cells.append(.init(nameText(job)))
    return cells
  }

  /// The name first: in a narrow window it is what tells jobs apart. `sh010_v1.@.exr 1-100  /drop/sh010 → /shows/abc`
  private func nameText(_ job: JobView) -> String {
    let source = job.source
    let parts = source.directory.bytes.split(separator: UInt8(ascii: "/"))
    var text =
      source.pattern.map { shown($0.bytes) } ?? (parts.last.map { shown(Array($0)) } ?? "")
      + "/"
    if let frames = source.frames { text += " " + shortened(shownText(frames), to: 24) }
    guard JobBoard.Section.of(job.state) != .waiting else {
      return text + (job.reason.map { "  " + shownSentence($0.message) } ?? "")
    }
    text += "  " + shown(source.directory.bytes)
    if let destination = job.destination { text += " → " + shown(destination.directory.bytes) }
    return text
  }

  private func secondLine(of job: JobView) -> String? {
    switch JobBoard.Section.of(job.state) {
    case .running: brush.line([(progressText(job), .busy)])
    case .held, .failed:
      job.reason.map {
        brush.line([("  " + reasonText($0), job.state == .held ? .warning : .bad)])
      }
    case .waiting, .ended: nil
    }
  }

  /// `  [#########-----]  48%  192/400 frames  2.30 GB of 4.80 GB  410 MB/s  6 s left`, as much of it as finds room.
  private func progressText(_ job: JobView) -> String {
    let (done, expected) = (job.bytes.done, job.bytes.expected)
    let part = expected > 0 ? min(1, max(0, Double(done) / Double(expected))) : 0
    let rate = board.rates[job.id]
    var pieces: [(text: String, rank: Int)] = []
    switch job.state {
    case .staging:
      pieces = [
        ("\(Int(part * 100))%", 0),
        ("\(max(job.frames.staged, job.frames.published))/\(job.frames.expected) frames", 3),
        (bytesText(job.bytes), 4),
      ]
      if let rate {
        pieces.append(("\(byteCount(Int64(rate)))/s", 2))
        if rate >= 1, done < expected {
          pieces.append((durationText(Double(expected - done) / rate) + " left", 1))
        }
      }
    case .cancelling: pieces = [(job.reason.map { shownSentence($0.message) } ?? "", 0)]
    default:
      pieces = [
        ("\(job.frames.published)/\(job.frames.expected) frames published", 0),
        (byteCount(expected), 1),
      ]
      // It says why it does not go on.
      if let reason = job.reason { pieces = [(reasonText(reason), 0)] }
    }
    guard job.state == .staging else {
      return "  " + pieces.map(\.text).joined(separator: "  ")
    }
    func width() -> Int { pieces.reduce(0) { $0 + $1.text.count + 2 } }
    while brush.width - width() - 4 < 8, let worst = pieces.map(\.rank).max(), worst > 0 {
      pieces.removeAll { $0.rank == worst }
    }
    let room = brush.width - width() - 4
    let bar = room < 4 ? "" : "[\(filled(part, of: min(30, room)))]  "
    return "  " + bar + pieces.map(\.text).joined(separator: "  ")
  }

  private func filled(_ part: Double, of width: Int) -> String {
    let full = Int(part * Double(width))
    return String(repeating: "#", count: full) + String(repeating: "-", count: width - full)
  }
}

/// The beginning of a text, and that there is more.
private func shortened(_ text: String, to count: Int) -> String {
  text.count <= count ? text : text.prefix(count - 1) + "…"
}

/// How long ago something was, in one figure: `12 s`, `3 min`, `5 h`, `2 d`.
func ageText(from then: Timestamp, to now: Timestamp) -> String {
  let seconds = max(0, now.milliseconds - then.milliseconds) / 1000
  return switch seconds {
  case ..<60: "\(seconds) s"
  case ..<3600: "\(seconds / 60) min"
  case ..<86_400: "\(seconds / 3600) h"
  default: "\(seconds / 86_400) d"
  }
}

/// How long something will take: `6 s`, `2 min 05 s`, `1 h 12 min`.
func durationText(_ seconds: Double) -> String {
  func two(_ value: Int) -> String { (value < 10 ? "0" : "") + "\(value)" }
  // A rate near nothing would promise the end for after the sun's.
  guard seconds < 360_000 else { return "> 99 h" }
  let seconds = Int(seconds.rounded(.up))
  if seconds < 60 { return "\(seconds) s" }
  if seconds < 3600 { return "\(seconds / 60) min \(two(seconds % 60)) s" }
  return "\(seconds / 3600) h \(two(seconds % 3600 / 60)) min"
}
