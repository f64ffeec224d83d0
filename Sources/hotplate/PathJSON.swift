import Paths
import ReadModel
import Rules
import Sequences

// What `explain --json` prints: every key in every object, null where it does not apply.

extension PathReport: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    try container.encode(ExactText(asked.bytes), forKey: "path")
    try container.encode(explanation.rule?.name, forKey: "rule")
    var tokens = container.nestedContainer(keyedBy: JSONKey.self, forKey: "tokens")
    for token in explanation.tokens {
      try tokens.encode(ExactText(token.value), forKey: JSONKey(stringValue: token.name))
    }
    try container.encode(
      explanation.destination.map { ExactText($0.bytes) }, forKey: "destination")
    try container.encode(explanation.root, forKey: "root")
    try container.encode(explanation.left, forKey: "left")
    try container.encode(explanation.held ?? parts.lazy.compactMap(\.held).first, forKey: "held")
    try container.encode(explanation.tried.map(Tried.init), forKey: "tried")
    try container.encode(parts, forKey: "sequences")
    try container.encode(notices, forKey: "notices")
  }

  private struct Tried: Encodable {
    let rule: String
    let matched: Bool
    let why: String

    init(_ tried: Explanation.Tried) {
      rule = tried.rule
      matched = tried.matched
      why = tried.why
    }
  }
}

extension PathReport.Part: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    var source = container.nestedContainer(keyedBy: JSONKey.self, forKey: "source")
    try source.encode(ExactText(self.source.parent.bytes), forKey: "directory")
    try source.encode(
      ExactText(pattern?.pattern.bytes ?? self.source.name?.bytes ?? []), forKey: "pattern")
    try source.encode(frames?.description, forKey: "frames")
    let hasGaps = pattern?.kind == .frame
    try source.encode(hasGaps ? frames?.missing.description : nil, forKey: "missing")
    try source.encode(pattern == nil ? 1 : frames?.count, forKey: "count")
    try container.encode(rule?.name, forKey: "rule")
    try container.encode(destination.map(Goal.init), forKey: "destination")
    try container.encode(delivery.map { ExactText($0.bytes) }, forKey: "delivery")
    try container.encode(left, forKey: "left")
    try container.encode(held, forKey: "held")
    let conditions = left == nil ? readiness?.conditions : nil
    try container.encode(conditions ?? [], forKey: "ready")
    try container.encode(readiness?.patience.map { $0 / .seconds(1) }, forKey: "patience")
    let way = left == nil ? rule : nil
    try container.encode(way?.transfer.map(\.rawValue) ?? [], forKey: "transfer")
    try container.encode(way?.conflict.rawValue, forKey: "conflict")
    try container.encode(way?.verify.rawValue, forKey: "verify")
    try container.encode(nextVersion, forKey: "next_version")
  }

  private struct Goal: Encodable {
    let goal: Destination

    init(_ goal: Destination) { self.goal = goal }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: JSONKey.self)
      try container.encode(goal.root, forKey: "root")
      try container.encode(ExactText(goal.directory.bytes), forKey: "directory")
      let name = goal.files.count == 1 ? goal.files[0].name : nil
      try container.encode(
        (goal.pattern?.pattern ?? name).map { ExactText($0.bytes) }, forKey: "pattern")
      try container.encode(goal.frames?.description, forKey: "frames")
      try container.encode(goal.files.first.map { ExactText($0.bytes) }, forKey: "first")
      try container.encode(goal.files.last.map { ExactText($0.bytes) }, forKey: "last")
    }
  }
}

extension Readiness.Condition: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    try container.encode(code, forKey: "code")
    try container.encode(wants, forKey: "wants")
    try container.encode(lack, forKey: "lacks")
  }
}
