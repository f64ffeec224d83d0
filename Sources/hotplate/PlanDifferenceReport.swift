import Foundation
import Paths
import ReadModel

// What `plan --against` prints, for people and as JSON.

extension PlanDifference {
  func lines(_ ink: Ink) -> [String] {
    var lines: [String] = []
    for kind in Kind.allCases {
      let own = changes.filter { $0.kind == kind }
      if own.isEmpty { continue }
      lines.append(ink.warning(kind.rawValue))
      for change in own { lines += change.lines(ink) }
    }
    return lines + [summary]
  }

  /// `12 of 340 files change: 10 would go elsewhere, 2 newly taken`
  private var summary: String {
    let files = counted(looked, "file")
    if changes.isEmpty { return "nothing differs in \(files)" }
    let parts = Kind.allCases.compactMap { kind -> String? in
      let count = changes.filter { $0.kind == kind }.reduce(0) { $0 + $1.files.count }
      return count > 0 ? "\(count) \(kind.rawValue)" : nil
    }
    let changed = changes.reduce(0) { $0 + $1.files.count }
    return "\(changed) of \(files) differ\(changed == 1 ? "s" : ""): "
      + parts.joined(separator: ", ")
  }
}

extension PlanDifference.Change {
  fileprivate func lines(_ ink: Ink) -> [String] {
    var lines = ["  " + ink.strong(source.shownPlace)]
    lines.append("  " + ink.field("old", old.text(ink) { $0 }))
    lines.append("  " + ink.field("new", new.text(ink, ink.good)))
    if let published {
      let like = [published.asOld ? "the old" : nil, published.asNew ? "the new" : nil]
        .compactMap(\.self)
      let note =
        like.isEmpty ? "as neither says" : "as \(like.joined(separator: " and ")) rules say"
      lines.append(
        "  " + ink.field("published", "\(shown(published.path.bytes))" + ink.faint("  \(note)")))
    }
    if !differs.isEmpty {
      lines.append("  " + ink.field("differs", differs.joined(separator: "; ")))
    }
    return lines
  }
}

extension PlanDifference.Side {
  fileprivate func text(_ ink: Ink, _ paint: (String) -> String) -> String {
    let name = rule.map { ink.faint("  [\(shownText($0))]") } ?? ""
    if let destination {
      let root = destination.root == "default" ? "" : "\(shownText(destination.root)):"
      return "→ " + paint(root + destination.shownPlace) + name
    }
    if let answer { return shownSentence(answer) + name }
    return ink.faint("no rule takes it")
  }
}

extension PlanDifference: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    try container.encode(looked, forKey: "files")
    try container.encode(changes, forKey: "differences")
  }
}

extension PlanDifference.Change: Encodable {
  /// The map's paths are below their roots: where these lie is the configuration's.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    try container.encode(kind.rawValue, forKey: "kind")
    try container.encode(source, forKey: "source")
    try container.encode(old, forKey: "old")
    try container.encode(new, forKey: "new")
    try container.encode(published?.path, forKey: "published")
    try container.encode(differs, forKey: "differs")
    try container.encode(
      files.map { [$0.source.text, $0.old?.text, $0.new?.text] }, forKey: "map")
    let texts = files.flatMap { [$0.source, $0.old, $0.new] }
    if texts.contains(where: { $0 != nil && $0?.exactString == nil }) {
      let exact = files.map { file in
        [file.source, file.old, file.new].map { $0.map { Data($0.bytes).base64EncodedString() } }
      }
      try container.encode(exact, forKey: "map_bytes")
    }
  }
}

extension PlanDifference.Side: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    try container.encode(rule, forKey: "rule")
    try container.encode(destination, forKey: "destination")
    try container.encode(answer, forKey: "answer")
  }
}
