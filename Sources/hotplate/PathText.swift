import Paths
import Rules
import Sequences

// What `explain` shows to people.

extension PathReport {
  func lines(_ ink: Ink) -> [String] {
    var lines = [ink.strong("\(asked)")]
    lines += notices.map { "  " + ink.warning($0) } + [""]
    let width = explanation.tried.map { displayWidth(shownText($0.rule)) }.max() ?? 0
    for tried in explanation.tried {
      let name = shownText(tried.rule)
      let space = String(repeating: " ", count: width - displayWidth(name))
      let isHeld = explanation.held != nil && tried.rule == explanation.rule?.name
      let isLeft = explanation.left != nil && tried.matched
      let mark =
        isHeld
        ? ink.bad("held")
        : isLeft
          ? ink.warning("left")
          : tried.matched
            ? ink.good("yes ") : ink.faint("no  ")
      lines.append(
        "  \(mark)  \(name)\(space)  \(tried.matched ? tried.why : ink.faint(tried.why))")
    }
    if explanation.tried.isEmpty { lines.append("  " + ink.warning("there are no rules")) }
    if !explanation.tokens.isEmpty {
      lines.append("")
      lines += tokenLines(ink)
    }
    for part in parts.prefix(Self.most) {
      lines.append("")
      lines += part.lines(ink)
    }
    if parts.count > Self.most {
      lines += [
        "", ink.warning("and \(parts.count - Self.most) more: the rules see no sequence here"),
      ]
    }
    return lines
  }

  private static let most = 4

  private func tokenLines(_ ink: Ink) -> [String] {
    let table = TextTable(
      rows: explanation.tokens.map { token in
        [
          .init("  {\(token.name)}"), .init(shown(token.value)),
          .init(token.raw == token.value ? "" : "written \(shown(token.raw))", .faint),
        ]
      })
    return table.lines(color: ink.isOn, width: nil).map { line in
      String(line.reversed().drop { $0 == " " }.reversed())
    }
  }
}

extension PathReport.Part {
  fileprivate func lines(_ ink: Ink) -> [String] {
    var lines = [ink.field("source", sourceText)]
    if let frames, pattern?.kind == .frame, !frames.missing.isEmpty {
      lines.append(ink.field("missing", ink.warning(frames.missing.description)))
    }
    if let delivery {
      lines.append(
        ink.field("delivery", "\(delivery)/, together with all below it that the rules take"))
    }
    if let destination { lines += goalLines(destination, ink) }
    if let left { lines.append(ink.field("left", ink.warning(shownText(left)))) }
    if let held { lines.append(ink.field("held", ink.bad(held))) }
    if rule == nil, held == nil { lines.append("  " + ink.warning("no rule takes it")) }
    guard let rule, left == nil else { return lines }
    for (index, condition) in (readiness?.conditions ?? []).enumerated() {
      let lack =
        condition.lack.map { "  " + ink.warning(condition.isThing ? "not there yet" : $0) } ?? ""
      lines.append(ink.field(index == 0 ? "ready" : "", condition.wants + lack))
    }
    if let patience = readiness?.patience {
      lines.append(
        ink.field("", "what is missing is waited for \(text(patience)), then it is held"))
    }
    lines.append(ink.field("transfer", rule.way))
    lines.append(ink.field("conflict", conflictText(rule)))
    lines.append(ink.field("rule", ink.faint("\(shownText(rule.file)):\(rule.line)")))
    return lines
  }

  private var sourceText: String {
    guard let pattern else { return "\(source)" }
    guard let frames else { return "\(source), one of \(pattern)" }
    let place = source.parent.isRoot ? "" : "\(source.parent)/"
    let noun = pattern.kind == .udim ? "tile" : "frame"
    return "\(place)\(pattern) \(frames), \(counted(frames.count, noun))"
  }

  private func goalLines(_ goal: Destination, _ ink: Ink) -> [String] {
    let root = goal.root == "default" ? "" : "\(shownText(goal.root)):"
    guard let pattern = goal.pattern, let frames = goal.frames, goal.files.count > 1 else {
      return goal.files.prefix(3).map { ink.field("→", ink.good("\(root)\($0)")) }
    }
    let place = goal.directory.isRoot ? "" : "\(goal.directory)/"
    return [
      ink.field("→", ink.good("\(root)\(place)\(pattern) \(frames)")),
      ink.field("first", "\(goal.files[0])"),
      ink.field("last", "\(goal.files[goal.files.count - 1])"),
    ]
  }

  private func conflictText(_ rule: Rule) -> String {
    guard rule.conflict == .versionUp, let versioned = destination?.versioned else {
      return "\(rule.conflict.rawValue): \(rule.conflict.meaning)"
    }
    let place = versioned.parent.isRoot ? "" : "\(versioned.parent)/"
    let now = nextVersion.map { ", now \(versioned.name($0))" } ?? ""
    return
      "version-up: where something else lies, the next free number of \(place)\(versioned.name(versioned.source))\(now)"
  }
}

extension Readiness.Condition {
  /// Whether what it wants is the name of one file.
  fileprivate var isThing: Bool { code == "marker" || code == "manifest" }
}

extension Rule {
  /// How its frames get there.
  var way: String {
    let proof =
      switch verify {
      case .none: "not verified"
      case .copy: "verified while it is copied"
      case .readback: "verified by reading back"
      }
    return transfer.map(\.rawValue).joined(separator: ", else ") + "; " + proof
  }
}

extension Rule.Conflict {
  /// What it says about files that meet others at their destination.
  var meaning: String {
    switch self {
    case .hold: "where something else lies, the whole waits for a person"
    case .skip: "frames that meet something else are left out"
    case .replace: "frames that meet something else take its place"
    case .versionUp: "where something else lies, the whole goes to the next version"
    }
  }
}
