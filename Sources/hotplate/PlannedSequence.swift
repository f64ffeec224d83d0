import Files
import Paths
import ReadModel
import Rules
import Sequences

/// One sequence or single file of a plan.
struct PlannedSequence {
  /// What would become of it now.
  enum Would: String, Encodable {
    case go, wait
    /// It waits for a person.
    case hold
    /// No rule takes it, or one leaves it.
    case stay
  }

  let source: SeqRow
  let rule: String?
  let reason: Reason?
  /// The answer of a rule that knows it and does not want it.
  let left: String?
  let delivery: ExactText?
  /// What is not there yet.
  let waitsFor: [Readiness.Condition]
  let destination: Place?
  /// Source and destination of each file, ascending by frame.
  let map: [(source: ExactText, destination: ExactText)]
  let conflicts: [Conflict]
  /// What the rule's `conflict` would do about them.
  let resolution: String?
  var would: Would

  /// Why nothing would happen, part by part.
  struct Reason {
    let parts: [String]
    var text: String { parts.joined(separator: "; ") }
  }

  struct Place {
    let root: String
    let directory: ExactText
    let pattern: ExactText?
    let frames: FrameSet?
  }

  /// A file that would meet something at its destination.
  struct Conflict {
    let path: ExactText
    let message: String
  }

  init(
    _ draft: Draft, in folder: InputFolder, by rules: RuleSet, to roots: RootFolders,
    _ claims: inout Claims
  ) {
    let assignment = draft.assignment
    let content: SeqRow.Content =
      if let pattern = assignment.pattern, let frames = assignment.frames {
        .sequence(FrameSequence(pattern: pattern, frames: frames))
      } else {
        .single(assignment.files[0].name ?? FileName([]))
      }
    source = SeqRow(
      directory: folder.named(assignment.directory), content: content,
      bytes: draft.sizes.reduce(0, +))
    rule = draft.ruleName
    left = draft.left
    delivery = assignment.delivery.map { ExactText(folder.named($0)) }
    reason = draft.reasons.isEmpty ? nil : Reason(parts: draft.reasons)
    waitsFor = draft.lacks
    destination = draft.goal.map { Place($0, to: roots) }
    let goal = draft.goal
    let pairs = goal.map { Array(zip(assignment.files, $0.files)) } ?? []
    map = pairs.map { source, path in
      (ExactText(folder.named(source)), roots.named(path, below: goal?.root ?? "default"))
    }
    var conflicts = draft.meetings.map { meeting in
      let path = roots.named(meeting.path, below: draft.meetingRoot)
      return Conflict(path: path, message: "\(shown(path.bytes)) \(meeting.what)")
    }
    var isSecond = false
    for (source, path) in pairs {
      guard let goal, let owner = claims.take(path, below: goal.root, for: folder.named(source))
      else { continue }
      isSecond = true
      let named = roots.named(path, below: goal.root)
      conflicts.append(
        Conflict(path: named, message: "\(shown(named.bytes)) is also where \(shown(owner)) goes"))
    }
    self.conflicts = conflicts
    let verdict = draft.resolution
    resolution = isSecond ? "held while the other is under way" : verdict?.text
    let isHeld =
      !draft.reasons.isEmpty || isSecond || verdict?.holds == true
      || draft.lacks.contains(where: \.holds)
    would = draft.stays ? .stay : isHeld ? .hold : draft.lacks.isEmpty ? .go : .wait
  }
}

extension PlannedSequence.Place {
  fileprivate init(_ goal: Destination, to roots: RootFolders) {
    let name = goal.files.count == 1 ? goal.files[0].name : nil
    self.init(
      root: goal.root, directory: roots.named(goal.directory, below: goal.root),
      pattern: (goal.pattern?.pattern ?? name).map { ExactText($0.bytes) }, frames: goal.frames)
  }

  var shownPlace: String {
    let slash = UInt8(ascii: "/")
    // `MOON:` is a root that nobody said where it lies: what is below it follows at once.
    let isWhole = directory.bytes.isEmpty || directory.bytes == Array("\(root):".utf8)
    let path = directory.bytes + (isWhole || directory.bytes.last == slash ? [] : [slash])
    return shown(path + (pattern?.bytes ?? [])) + (frames.map { " \($0)" } ?? "")
  }
}
