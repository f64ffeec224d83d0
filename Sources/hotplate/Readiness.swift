import Completeness
import Files
import Glibc
import Paths
import Rules
import Sequences

/// What must be so before a sequence is taken, and what of it is not so yet.
struct Readiness {
  struct Condition {
    /// One of the reasons' codes of the interface, or `quiet`.
    let code: String
    /// What is waited for, as a sentence.
    let wants: String
    /// What is not there yet, as a sentence; nil if nothing, or if nobody knows.
    let lack: String?
    /// Whether a person has to come, because waiting will not mend it.
    var holds = false
  }

  let conditions: [Condition]
  /// How long it waits for what is missing, and then it is held; nil for ever.
  let patience: Duration?

  var lacks: [Condition] { conditions.filter { $0.lack != nil } }

  /// - Parameters:
  ///   - frames: those that are there; nil where nobody knows.
  ///   - listing: what lies in the hot folder; nil where nobody looked.
  ///   - companions: what of it could be a marker or manifest of some rule.
  ///   - damage: the files that are not whole, and why.
  /// - Throws: why a marker has no name.
  init(
    of assignment: Assignment, by rule: Rule, in rules: RuleSet, frames: FrameSet?,
    among listing: FolderListing?, companions: [RelativePath] = [],
    damage: [(path: RelativePath, why: String)] = []
  ) throws(DestinationError) {
    let ready = rule.ready
    var conditions = [
      Condition(
        code: "quiet",
        wants:
          "no change for \(ready.quiet.map(text) ?? "the hot folder's quiet time (2s; 30s where it is polled)")",
        lack: nil)
    ]
    if ready.whole {
      let lack = damage.first.map { path, why in
        "\(path) is not whole: \(why)" + (damage.count > 1 ? ", and \(damage.count - 1) more" : "")
      }
      conditions.append(
        Condition(code: "incomplete", wants: "each file whole, by its format", lack: lack))
    }
    if let condition = Self.gaps(assignment, ready, frames) { conditions.append(condition) }
    if let marker = try rules.deliveryMarker(of: assignment) {
      conditions.append(
        Condition(
          code: "marker", wants: "the marker \(marker)",
          lack: listing.flatMap { $0.holds(marker) ? nil : "the marker \(marker) is not there" }))
    }
    if ready.hasManifest {
      let pattern = rules.manifestPattern(of: assignment).map { " '\(shownText($0))'" } ?? ""
      let found = companions.first { rules.isManifest($0, of: assignment) }
      conditions.append(
        Condition(
          code: "manifest",
          wants: "what the manifest\(found.map { " \($0)" } ?? pattern) lists, digests right",
          lack: listing != nil && found == nil ? "no manifest\(pattern) is there" : nil))
    }
    self.conditions = conditions
    patience = ready.patience
  }

  private static func gaps(_ assignment: Assignment, _ ready: Rule.Ready, _ frames: FrameSet?)
    -> Condition?
  {
    guard assignment.pattern != nil, assignment.pattern?.kind != .udim else { return nil }
    let end =
      switch ready.gaps {
      case .wait: ""
      case .hold: "; else it is held"
      case .accept: "; gaps are accepted"
      }
    if ready.frames == nil, ready.gaps == .accept { return nil }
    let wants = ready.frames.map { "the frames \(shownText($0.description))" } ?? "no gaps"
    var missing = FrameSet()
    if let frames { missing = ready.frames?.subtracting(frames) ?? frames.missing }
    return Condition(
      code: "gaps", wants: wants + end,
      lack: missing.isEmpty || ready.gaps == .accept
        ? nil : "\(missing.count == 1 ? "frame" : "frames") \(missing) missing",
      holds: ready.gaps == .hold)
  }
}

/// The files that a look at their beginnings and ends shows to be cut off, and why.
func damage(of files: [RelativePath], in folder: InputFolder) -> [(path: RelativePath, why: String)]
{
  files.compactMap { path in
    do throws(SystemError) {
      let file = try folder.directory.open(path, O_RDONLY | O_NONBLOCK)
      let size = try file.status().snapshot.size
      guard
        case .incomplete(let why) = try completeness(
          of: file, named: path.name ?? FileName([]), size: size)
      else { return nil }
      return (path, why)
    } catch {
      return (path, "it cannot be read: \(error.errno.message)")
    }
  }
}

/// As rules write it: `200ms`, `2s`, `10m`, `1h`.
func text(_ duration: Duration) -> String {
  let milliseconds =
    duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
  for (unit, length) in [("h", Int64(3_600_000)), ("m", 60_000), ("s", 1000)]
  where milliseconds >= length && milliseconds % length == 0 {
    return "\(milliseconds / length)\(unit)"
  }
  return "\(milliseconds)ms"
}
