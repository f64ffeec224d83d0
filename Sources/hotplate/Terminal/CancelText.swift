import ReadModel

/// The receipt of a cancel: its steps in their order, and what lies where.
func cancelTable(_ cancel: CancelView) -> TextTable {
  var rows = [("0 ms", cancel.resumed ? "taken up again by the next start" : "seen")]
  let seconds = cancel.seconds
  let files = "\(cancel.removed.files) staged files (\(byteCount(cancel.removed.bytes)))"
  let steps: [(Double?, String)] = [
    (seconds.stopped, "last byte written"), (seconds.recorded, "in the journal"),
    (seconds.removed, "\(files) removed"), (seconds.ended, "cancelled"),
  ]
  let done = steps.compactMap { step in step.0.map { (at: $0, what: step.1) } }
  rows += done.sorted { $0.at < $1.at }.map { (millisecondsText($0.at), $0.what) }
  if let sources = cancel.sources {
    let parts = [
      (sources.kept, "where they were"), (sources.restored, "put back"),
      (sources.changed, "written anew by others"), (sources.missing, "taken away by others"),
    ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    rows.append(("sources", parts.joined(separator: ", ")))
  }
  return TextTable(rows: rows.map { [.init("  " + $0.0, .faint), .init($0.1)] })
}

/// Seconds as `12.3 ms`, or as `1.2 s` from a second on.
private func millisecondsText(_ seconds: Double) -> String {
  let tenths = Int((seconds * 10_000).rounded())
  return tenths < 10_000 ? "+\(tenths / 10).\(tenths % 10) ms" : "+\(tenths / 10_000) s"
}
