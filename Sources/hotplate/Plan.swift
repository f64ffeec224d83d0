import Files
import Foundation
import Paths
import ReadModel
import Rules
import Sequences

/// What the rules would do to a directory: what `plan` prints.
struct Plan {
  private(set) var sequences: [PlannedSequence] = []
  let skipped: [(path: ExactText, why: String)]

  /// - Parameter target: where the destinations lie; nil if nobody said.
  init(
    of listing: FolderListing, in folder: InputFolder, to target: InputFolder?, by rules: RuleSet
  ) {
    skipped = listing.skipped.map { (ExactText(folder.named($0.path)), $0.why) }
    var claims: [PlannedSequence.Goal: RelativePath] = [:]
    for assignment in rules.assign(listing.files, hotFolder: folder.name) {
      sequences.append(
        PlannedSequence(
          assignment, by: rules, in: folder, to: target, held: sentinel(over: assignment, listing),
          &claims))
    }
  }

  private func sentinel(over assignment: Assignment, _ listing: FolderListing) -> RelativePath? {
    listing.sentinel(
      over: assignment.directory,
      head: assignment.pattern?.head ?? assignment.files[0].name?.bytes ?? [],
      isSingleFile: assignment.pattern == nil)
  }
}

/// One sequence or single file of a plan.
struct PlannedSequence {
  let source: SeqRow
  let rule: String?
  let reason: Reason?
  let destination: Place?
  /// Source and destination of each file, ascending by frame.
  let map: [(source: ExactText, destination: ExactText)]
  let conflicts: [Conflict]

  /// Why nothing would happen, part by part.
  struct Reason {
    let parts: [String]
    var text: String { parts.joined(separator: "; ") }
  }

  struct Place {
    let directory: ExactText
    let pattern: ExactText?
    let frames: FrameSet?

    var shownPlace: String {
      let path = directory.bytes + (directory.bytes.isEmpty ? [] : [UInt8(ascii: "/")])
      return shown(path + (pattern?.bytes ?? [])) + (frames.map { " \($0)" } ?? "")
    }
  }

  /// Where one file goes.
  struct Goal: Hashable {
    let root: String
    let path: RelativePath
  }

  /// A file that would meet something at its destination.
  struct Conflict {
    let path: ExactText
    let message: String
  }

  /// - Parameters:
  ///   - held: the sentinel that keeps it from starting.
  ///   - claims: the destinations planned so far, and whose they are.
  init(
    _ assignment: Assignment, by rules: RuleSet, in folder: InputFolder, to target: InputFolder?,
    held: RelativePath?, _ claims: inout [Goal: RelativePath]
  ) {
    var bytes = 0
    for file in assignment.files {
      do throws(SystemError) { bytes += try folder.directory.status(file).snapshot.size } catch {
        // Gone since it was listed: it weighs nothing.
      }
    }
    let content: SeqRow.Content =
      if let pattern = assignment.pattern, let frames = assignment.frames {
        .sequence(FrameSequence(pattern: pattern, frames: frames))
      } else {
        .single(assignment.files[0].name ?? FileName([]))
      }
    source = SeqRow(
      directory: folder.named(assignment.directory), content: content, bytes: bytes)
    var reasons = held.map { ["on hold: \(shown(folder.named($0))) stands there"] } ?? []
    var goal: Destination?
    switch assignment.outcome {
    case .taken(let rule, _):
      self.rule = rule.name
      do throws(DestinationError) { goal = try rules.destination(of: assignment) } catch {
        reasons.append("held: \(error)")
      }
    case .left(let rule, _, let answer):
      self.rule = rule.name
      reasons.append("left: \(answer)")
    case .failed(let rule, let message):
      self.rule = rule
      reasons.append("held: \(message)")
    case .unmatched(let refusals):
      rule = nil
      reasons += ["no rule takes it"] + refusals.map { "\($0.rule): \($0.why)" }
    }
    reason = reasons.isEmpty ? nil : Reason(parts: reasons)
    let root = goal?.root ?? "default"
    let isDefault = root == "default"
    // `--to` is the default root; where the others lie, the daemon's configuration knows.
    let place = { (path: RelativePath) in
      ExactText(
        isDefault ? target?.named(path) ?? path.bytes : Array("\(root):".utf8) + path.bytes)
    }
    destination = goal.map { goal in
      Place(
        directory: place(goal.directory),
        pattern: goal.pattern.map { ExactText($0.pattern.bytes) }
          ?? (goal.files.count == 1 ? goal.files[0].name.map { ExactText($0.bytes) } : nil),
        frames: goal.frames)
    }
    let pairs = goal.map { Array(zip(assignment.files, $0.files)) } ?? []
    map = pairs.map { (ExactText(folder.named($0)), place($1)) }
    conflicts = pairs.compactMap { source, goal in
      if let other = claims.updateValue(source, forKey: Goal(root: root, path: goal)) {
        return Conflict(
          path: place(goal), message: "\(shown(place(goal).bytes)) is also where \(other) goes")
      }
      return (isDefault ? target : nil).flatMap { existing(goal, source, in: folder, at: $0) }
    }
  }
}

/// What already lies where a file would go.
private func existing(
  _ goal: RelativePath, _ source: RelativePath, in folder: InputFolder, at target: InputFolder
) -> PlannedSequence.Conflict? {
  let path = target.named(goal)
  func conflict(_ what: String) -> PlannedSequence.Conflict {
    PlannedSequence.Conflict(path: ExactText(path), message: "\(shown(path)) \(what)")
  }
  do throws(SystemError) {
    let found = try target.directory.status(goal)
    guard found.kind == .file else { return conflict("exists, and is a \(found.kind.rawValue)") }
    let size = try folder.directory.status(source).snapshot.size
    return conflict(
      found.snapshot.size == size
        ? "exists, of the same size; it is compared when it is taken"
        : "exists, with \(found.snapshot.size) bytes and not \(size)")
  } catch {
    switch error.errno {
    case .notFound: return nil
    case .notADirectory: return conflict("lies below something that is no directory")
    case .symlink: return conflict("lies behind a symlink, which is not followed")
    default: return conflict("cannot be looked at: \(error)")
    }
  }
}
