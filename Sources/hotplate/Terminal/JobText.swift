import Paths
import ReadModel

// How the commands say things about jobs, in one place.

/// The end of an id: ids of jobs made close together begin alike.
func shortID(_ id: String) -> String { shownText(String(id.suffix(8))) }

/// A text that somebody else wrote, as a terminal may show it.
func shownText(_ text: String) -> String { shown(Array(text.utf8)) }

/// A sentence, in which names were escaped already: backslashes stay as they are, all else is escaped.
func shownSentence(_ text: String) -> String {
  text.split(separator: "\\", omittingEmptySubsequences: false)
    .map { shown(Array($0.utf8)) }.joined(separator: "\\")
}

/// `/drop/sh010/sh010.#.exr 1001-1100`
func placeText(_ place: SequenceView, frames: Bool) -> String {
  var text = shown(place.directory.bytes)
  // A delivery of several is all that lies below its directory.
  text += (text.hasSuffix("/") ? "" : "/") + (place.pattern.map { shown($0.bytes) } ?? "")
  if frames, let frames = place.frames { text += " " + shownText(frames) }
  return text
}

func stateText(_ job: JobView) -> String {
  job.state.rawValue + (job.over.map { " (\($0.rawValue))" } ?? "")
    + (undoText(job) ?? (job.state == .done && !job.durable ? " (not yet durable)" : ""))
}

/// What became of what a done job had published.
private func undoText(_ job: JobView) -> String? {
  guard job.state == .done else { return nil }
  switch job.reason?.code {
  case .undoing?: return " (being undone)"
  case .undone?: return " (undone)"
  case .undoneInPart?: return " (undone in part)"
  default: return nil
  }
}

func style(of state: JobState) -> TextTable.Style? {
  switch state {
  case .done: .good
  case .failed: .bad
  case .held: .warning
  case .cancelled, .cancelling: .faint
  case .waiting, .queued: nil
  case .staging, .staged, .committing: .busy
  }
}

func reasonText(_ reason: ReasonView) -> String {
  var text = "\(shownText(reason.code.rawValue)): \(shownSentence(reason.message))"
  // A sentence that names the place, from the hot folder on, need not be told where that is.
  if let path = reason.path, let name = path.bytes.split(separator: UInt8(ascii: "/")).last,
    !text.contains(shown(Array(name)))
  {
    text += ": " + shown(path.bytes)
  }
  if let by = reason.by { text += " (by \(shownText(by)))" }
  return text
}

/// `480 MB of 1.2 GB`, or one number when all is done.
func bytesText(_ bytes: BytesView) -> String {
  bytes.done >= bytes.expected
    ? byteCount(bytes.expected) : "\(byteCount(bytes.done)) of \(byteCount(bytes.expected))"
}

/// Decimal units, three figures: `999 B`, `48.0 MB`, `1.20 GB`.
func byteCount(_ bytes: Int64) -> String {
  guard bytes >= 1000 else { return "\(bytes) B" }
  var units = ["kB", "MB", "GB", "TB", "PB", "EB"][...]
  var value = Double(bytes) / 1000
  // By what is shown: 999,500 bytes are 1.00 MB, not 1000 kB.
  while value >= 999.5, units.count > 1 {
    value /= 1000
    units.removeFirst()
  }
  let decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
  let step = [1, 10, 100][decimals]
  let figures = Int((value * Double(step)).rounded())
  let fraction = String(figures % step + step).dropFirst()
  return "\(figures / step)" + (fraction.isEmpty ? "" : ".") + fraction + " "
    + units[units.startIndex]
}

/// The table of `jobs`; what is wrong with a job stands below it, where no width cuts it from its words.
func jobTable(_ jobs: [JobView]) -> TextTable {
  var table = TextTable(
    header: ["JOB", "STATE", "RULE", "FRAMES", "BYTES", "SOURCE → DESTINATION"],
    rightAligned: [3, 4])
  for job in jobs {
    let done = job.state == .done ? job.frames.published : job.frames.staged
    let destination = job.destination.map { placeText($0, frames: false) } ?? "?"
    table.rows.append([
      .init(shortID(job.id)), .init(stateText(job), style(of: job.state)),
      .init(job.rule.map(shownText) ?? "-"), .init("\(done)/\(job.frames.expected)"),
      .init(bytesText(job.bytes)),
      .init(placeText(job.source, frames: true) + " → " + destination),
    ])
    if let reason = job.reason {
      table.notes[table.rows.count - 1] = reasonText(reason)
    }
  }
  return table
}
