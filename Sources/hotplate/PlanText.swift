import Paths
import Sequences

// What `plan` shows to people.

extension Plan {
  func lines(_ ink: Ink) -> [String] {
    var lines: [String] = []
    let first = Dictionary(
      deliveries.map { ($0.members[0], $0) }, uniquingKeysWith: { one, _ in one })
    let delivered = Set(deliveries.flatMap(\.members))
    for (index, sequence) in sequences.enumerated() {
      if let delivery = first[index] {
        lines += self.lines(delivery, ink)
      } else if !delivered.contains(index) {
        lines += sequence.lines(ink)
      }
    }
    for (path, why) in skipped {
      lines.append(ink.faint("\(shown(path.bytes))  skipped: \(why)"))
    }
    return lines + [summary]
  }

  private func lines(_ delivery: PlannedDelivery, _ ink: Ink) -> [String] {
    let count = counted(delivery.members.count, "sequence or file").replacing(
      "sequence or files", with: "sequences and files")
    let verdict =
      switch delivery.would {
      case .go: ink.good("goes as one job")
      case .wait: ink.warning("waits as a whole")
      case .hold: ink.bad("would be held as a whole")
      case .stay: ink.faint("nothing of it is wanted")
      }
    var lines = [
      ink.strong("delivery \(shown(delivery.directory.bytes))/") + ink.faint("  \(count)  ")
        + verdict
    ]
    for reason in delivery.reasons { lines.append(ink.field("because", ink.warning(reason))) }
    for index in delivery.members { lines += sequences[index].lines(ink).map { "  " + $0 } }
    return lines
  }

  /// `2 of 4 would go on their way, 1 would wait, 1 would be held; 1 left where it is; 3 skipped`
  private var summary: String {
    func count(_ would: PlannedSequence.Would) -> Int { sequences.count { $0.would == would } }
    var parts = ["\(count(.go)) of \(sequences.count) would go on their way"]
    if count(.wait) > 0 { parts.append("\(count(.wait)) would wait") }
    if count(.hold) > 0 { parts.append("\(count(.hold)) would be held") }
    if count(.stay) > 0 { parts.append("\(count(.stay)) would stay") }
    let conflicts = sequences.count { !$0.conflicts.isEmpty }
    if conflicts > 0 { parts.append("\(conflicts) with conflicts") }
    return parts.joined(separator: ", ")
      + (skipped.isEmpty ? "" : "; \(skipped.count) skipped")
  }
}

extension PlannedSequence {
  func lines(_ ink: Ink) -> [String] {
    var title = ink.strong(source.shownPlace)
    if let bytes = source.bytes { title += ink.faint("  \(byteCount(Int64(bytes)))") }
    if let rule { title += ink.faint("  [\(shownText(rule))]") }
    var lines = [title]
    if let destination { lines.append(ink.field("→", ink.good(named(destination)))) }
    if let missing = source.missing, !missing.isEmpty,
      !waitsFor.contains(where: { $0.code == "gaps" })
    {
      lines.append(ink.field("missing", ink.warning(missing.description)))
    }
    for condition in waitsFor {
      let label = condition.holds ? "held" : "waits"
      lines.append(ink.field(label, ink.warning(condition.lack ?? condition.wants)))
    }
    lines += reasonLines(ink)
    for conflict in conflicts.prefix(Self.mostConflicts) {
      lines.append(ink.field("conflict", ink.bad(conflict.message)))
    }
    if conflicts.count > Self.mostConflicts {
      lines.append(ink.field("", ink.bad("and \(conflicts.count - Self.mostConflicts) more")))
    }
    if let resolution {
      lines.append(ink.field("so", would == .hold ? ink.bad(resolution) : ink.warning(resolution)))
    }
    return lines
  }

  private static let mostConflicts = 3
  private static let mostReasons = 4

  private func reasonLines(_ ink: Ink) -> [String] {
    guard let reason else { return [] }
    var lines = reason.parts.prefix(Self.mostReasons).map { part in
      for label in ["held", "left", "on hold"] where part.hasPrefix(label + ": ") {
        return ink.field(label, ink.warning(String(part.dropFirst(label.count + 2))))
      }
      return "  " + ink.warning(part)
    }
    if reason.parts.count > Self.mostReasons {
      let more = counted(reason.parts.count - Self.mostReasons, "more rule")
      lines.append("  " + ink.faint("and \(more): 'hotplate explain' tells each"))
    }
    return lines
  }

  private func named(_ destination: Place) -> String {
    let prefix = destination.root + ":"
    let isNamed =
      destination.root == "default" || destination.directory.bytes.starts(with: prefix.utf8)
    return (isNamed ? "" : shownText(prefix) + " ") + destination.shownPlace
  }
}
