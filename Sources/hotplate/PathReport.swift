import Files
import Paths
import ReadModel
import Rules
import Sequences

/// What the rules say to a path, or to a sequence that need not exist.
struct PathReport {
  /// As it was asked for, brackets included.
  let asked: RelativePath
  /// Of its first file.
  let explanation: Explanation
  /// Each sequence or single file that the rules make of it: one, unless they disagree with the brackets.
  let parts: [Part]
  /// Why it is not taken, or not yet, whatever the rules say.
  let notices: [String]

  struct Part {
    let source: RelativePath
    /// nil for a single file.
    let pattern: SequencePattern?
    /// nil for a single file, and where nobody knows which frames there are.
    let frames: FrameSet?
    let rule: Rule?
    let destination: Destination?
    let delivery: RelativePath?
    /// Known and not wanted: the rule's answer.
    let left: String?
    /// Why it is held though a rule speaks for it.
    let held: String?
    let readiness: Readiness?
    /// The number under which `version-up` would put it now; nil where none is free to choose or nobody looked.
    let nextVersion: Int?
  }

  /// - Parameters:
  ///   - files: of one directory, ascending; `isSequence` where they are to count as all there are.
  ///   - folder: the hot folder to look into; nil for none.
  init(
    of asked: RelativePath, files: [RelativePath], isSequence: Bool, in folder: InputFolder?,
    by rules: RuleSet, to roots: RootFolders
  ) throws {
    self.asked = asked
    let there = try folder.map { try $0.files(beside: files[0]) } ?? []
    let isCounted = isSequence || !there.isEmpty
    let wanted = Set(files)
    // What was asked for comes first: it is what the refusals speak of.
    let all = isCounted ? files + there.filter { !wanted.contains($0) } : []
    explanation = rules.explain(files[0], among: all, hotFolder: folder?.name)
    let assignments =
      isCounted
      ? rules.assign(all, hotFolder: folder?.name)
      : rules.assign(uncounted: files, hotFolder: folder?.name)
    parts = assignments.filter { !wanted.isDisjoint(with: $0.files) }.map {
      Part($0, isCounted: isCounted, in: folder, by: rules, to: roots)
    }
    notices = hotplate.notices(on: files[0], of: parts.first?.pattern, in: folder, by: rules)
  }
}

extension PathReport.Part {
  fileprivate init(
    _ assignment: Assignment, isCounted: Bool, in folder: InputFolder?, by rules: RuleSet,
    to roots: RootFolders
  ) {
    source = assignment.files[0]
    pattern = assignment.pattern
    frames = isCounted ? assignment.frames : nil
    delivery = assignment.delivery
    var rule: Rule?
    var left: String?
    var held: String?
    var goal: Destination?
    var readiness: Readiness?
    switch assignment.outcome {
    case .taken(let taker, _):
      rule = taker
      do throws(DestinationError) {
        goal = try rules.destination(of: assignment)
        let listing = folder.map {
          FolderListing(of: $0, below: assignment.delivery ?? assignment.directory)
        }
        readiness = try Readiness(
          of: assignment, by: taker, in: rules, frames: isCounted ? assignment.frames : nil,
          among: listing, companions: listing?.files.filter(rules.isCompanion) ?? [])
      } catch {
        held = "\(error)"
      }
    case .left(let taker, _, let answer):
      rule = taker
      left = answer
    case .failed(_, let message): held = message
    case .unmatched: break
    }
    if held == nil, let goal { held = roots.lack(of: goal.root) }
    self.rule = rule
    self.left = left
    self.held = held
    self.readiness = readiness
    destination = goal
    let versioned = rule?.conflict == .versionUp ? goal?.versioned : nil
    let root = goal.flatMap { roots[$0.root] }
    nextVersion = versioned.flatMap { versioned in root.map { freeVersion(of: versioned, in: $0) } }
  }
}

/// The number that `version-up` would choose: one above the highest there, or above the source's own.
func freeVersion(of versioned: Destination.Versioned, in root: InputFolder) -> Int {
  max(versioned.source, highestVersion(of: versioned, in: root) + 1)
}

/// The highest number that a directory of this name has; 0 without one.
private func highestVersion(of versioned: Destination.Versioned, in root: InputFolder) -> Int {
  let entries: [(name: FileName, kind: FileKind)]
  do throws(SystemError) {
    let parent = versioned.parent
    entries = try (parent.isRoot ? root.directory : root.directory.openDirectory(parent)).entries()
  } catch {
    // Not there yet, or out of reach: the conflicts say which.
    return 0
  }
  return entries.compactMap { versioned.number(in: $0.name) }.max() ?? 0
}

extension Destination.Versioned {
  /// The number in a directory's name that differs from this one's in the number only.
  func number(in name: FileName) -> Int? {
    let bytes = name.bytes
    guard bytes.count > head.count + tail.count, bytes.starts(with: head),
      bytes.suffix(tail.count).elementsEqual(tail)
    else { return nil }
    let digits = bytes.dropFirst(head.count).dropLast(tail.count)
    guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
      return nil
    }
    return Int(String(decoding: digits, as: UTF8.self))
  }

  /// The directory's name with another number.
  func name(_ number: Int) -> FileName {
    SequencePattern(head: head, padding: padding, tail: tail).name(of: number)
  }
}
