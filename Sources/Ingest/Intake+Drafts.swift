import Files
import Foundation
import Paths
import ReadModel
import Rules
import Sequences
import Transfer
import Watching

extension Intake {
  /// What a draft comes to under its own version or another, and what has to be asked before it is final.
  func job(_ draft: Draft, version: Int?) throws(PlanError) -> (Job, VersionQuestion?) {
    let arrival = draft.arrival
    let root = arrival.key.directory.root
    let hotFolder = hotFolders[root]
    let first = draft.parts[0].rule
    var files: [PlannedFile] = []
    var members: [Member] = []
    var taken: [RelativePath: RelativePath] = [:]
    var slots: [VersionQuestion.Slot] = []
    var sourceVersion: Int?
    var rootName: String?
    for part in draft.parts {
      try agree(part.rule, first)
      let destination = try destination(of: part, by: draft.rules, version, arrival)
      if let rootName, rootName != destination.root {
        throw PlanError(
          message:
            "one delivery goes to one root, and this one to '\(rootName)' and '\(destination.root)'"
        )
      }
      rootName = destination.root
      guard let path = hotFolder.roots[destination.root] else {
        throw PlanError(
          message: "there is no root '\(destination.root)': name it under 'roots' in hotplate.yaml")
      }
      let start = files.count
      for (source, target) in zip(part.assignment.files, destination.files) {
        if let other = taken.updateValue(source, forKey: target) {
          throw PlanError(message: "\(source) and \(other) would both become \(target)")
        }
        let place = Place(root: root, path: source)
        guard let file = arrival.key.relative(place), let snapshot = arrival.files[file]?.snapshot
        else { preconditionFailure("an assignment of files that are not in the arrival") }
        files.append(PlannedFile(source: source, snapshot: snapshot, destination: target))
      }
      members.append(
        member(part, destination, start..<files.count, absoluteDirectory: path, hotFolder: root))
      if part.rule.conflict == .versionUp, let versioned = destination.versioned {
        slots.append(
          VersionQuestion.Slot(
            parent: versioned.parent, head: versioned.head, tail: versioned.tail))
        sourceVersion = max(sourceVersion ?? 0, versioned.source)
      }
    }
    let plan = TransferPlan(
      id: draft.id, actions: first.transfer.map { TransferPlan.Action($0) },
      verify: TransferPlan.Verification(first.verify), durability: settings.durability,
      conflict: TransferPlan.ConflictRule(first.conflict), files: files,
      sourceRoot: hotFolder.path, destinationRoot: hotFolder.roots[rootName ?? "default"]!,
      owner: settings.owner)
    var seen: Set<String> = []
    let rules = draft.parts.map(\.rule).filter { seen.insert($0.name).inserted }.map { JobRule($0) }
    let job = Job(
      id: draft.id, hotFolder: root, rules: rules, members: members, plan: plan,
      created: arrival.firstSeen.wall, state: .waiting)
    guard version == nil, let sourceVersion else { return (job, nil) }
    let scope =
      arrival.key.isDelivery
      ? arrival.key.directory : Place(root: root, path: draft.parts[0].assignment.directory)
    let question = VersionQuestion(
      scope: scope, source: sourceVersion, slots: slots, isNext: arrival.goesAgain)
    return (job, question)
  }

  private func destination(
    of part: Draft.Part, by rules: RuleSet, _ version: Int?, _ arrival: Arrival
  ) throws(PlanError) -> Destination {
    do throws(DestinationError) {
      return try rules.destination(
        of: part.assignment, on: Day(arrival.firstSeen.wall), version: version)
    } catch {
      throw PlanError(message: "\(error)")
    }
  }

  /// One job is one plan: what its members do must be the same for all.
  private func agree(_ rule: Rule, _ first: Rule) throws(PlanError) {
    let differs =
      rule.transfer != first.transfer
      ? "transfer"
      : rule.conflict != first.conflict ? "conflict" : rule.verify != first.verify ? "verify" : nil
    if let differs {
      throw PlanError(
        message:
          "the rules '\(first.name)' and '\(rule.name)' take one delivery together and differ in '\(differs)'"
      )
    }
  }

  private func member(
    _ part: Draft.Part, _ destination: Destination, _ files: Range<Int>, absoluteDirectory: String,
    hotFolder: Int
  ) -> Member {
    let assignment = part.assignment
    return Member(
      rule: part.rule.name,
      source: SequenceView(
        directory: ExactText(absolute(Place(root: hotFolder, path: assignment.directory))),
        pattern: shownPattern(assignment.pattern, assignment.files[0]),
        frames: assignment.frames?.description),
      destination: SequenceView(
        directory: ExactText(below(absoluteDirectory, destination.directory)),
        pattern: shownPattern(destination.pattern, destination.files[0]),
        frames: destination.frames?.description),
      files: files, head: assignment.pattern?.head ?? assignment.files[0].name!.bytes,
      isSingleFile: assignment.pattern == nil,
      target: destination.pattern.map { Member.Affixes(head: $0.head, tail: $0.tail) })
  }
}

extension Day {
  /// The day it is here at that moment.
  fileprivate init(_ date: Date) {
    let parts = Calendar(identifier: .gregorian).dateComponents([.year, .month, .day], from: date)
    self.init(year: parts.year!, month: parts.month!, day: parts.day!)!
  }
}

extension JobRule {
  fileprivate init(_ rule: Rule) {
    name = rule.name
    text = rule.text
    priority = rule.priority
    atMost = rule.atMost
    joinsItsVersion = rule.conflict == .versionUp
  }
}

extension TransferPlan.Action {
  fileprivate init(_ transfer: Rule.Transfer) {
    self =
      switch transfer {
      case .copy: .copy
      case .move: .move
      case .hardlink: .hardlink
      case .reflink: .reflink
      case .symlink: .symlink
      }
  }
}

extension TransferPlan.Verification {
  fileprivate init(_ verify: Rule.Verify) {
    self =
      switch verify {
      case .none: .none
      case .copy: .copy
      case .readback: .readback
      }
  }
}

extension TransferPlan.ConflictRule {
  fileprivate init(_ conflict: Rule.Conflict) {
    self =
      switch conflict {
      // A number was chosen that is free: what meets it there all the same is for a person.
      case .hold, .versionUp: .hold
      case .skip: .skip
      case .replace: .replace
      }
  }
}

private func shownPattern(_ pattern: SequencePattern?, _ file: RelativePath) -> ExactText {
  ExactText(pattern?.pattern.bytes ?? file.name!.bytes)
}
