public import Paths
public import Sequences

/// Where an assignment goes.
public struct Destination: Sendable, Hashable {
  /// The name of the root: what the rule's `root` gives, else `default`.
  public let root: String
  /// Beneath the root, parallel to the assignment's `files`.
  public let files: [RelativePath]
  /// The deepest directory that holds all of them.
  public let directory: RelativePath
  /// nil if the files are not one sequence there.
  public let pattern: SequencePattern?
  /// The frames as they are numbered there; nil without `pattern`.
  public let frames: FrameSet?
  /// Where `version-up` looks numbers up; nil without `{version}` in a directory of `to`.
  public let versioned: Versioned?

  /// The directory whose name holds the version.
  public struct Versioned: Sendable, Hashable {
    /// Where it lies, beneath the root.
    public let parent: RelativePath
    /// Its name before and behind the number.
    public let head: [UInt8]
    public let tail: [UInt8]
    /// The least number of digits.
    public let padding: Int
    /// The version that the source has.
    public let source: Int
  }
}

/// Why a file that a rule takes has nowhere to go. The arrival is held, and no later rule is asked.
public struct DestinationError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Reason: Hashable, Sendable {
    /// The token has no value in this path.
    case noValue(String)
    /// A token, its value, and what is wrong with it.
    case unsafe(String, [UInt8], String)
    /// A format wants a number.
    case notANumber(String, [UInt8])
    /// More than 255 bytes.
    case componentTooLong(FileName)
    /// The whole is no path beneath the root.
    case notAPath([UInt8])
    /// Two files would have this one name.
    case sameDestination(RelativePath, with: RelativePath)
    /// A frame's new number would have more than 18 digits.
    case frameOutOfRange
    /// What `root` gives cannot be the name of a root.
    case notARoot([UInt8])
  }

  public let rule: String
  public let source: RelativePath
  public let reason: Reason

  /// One sentence, safe to show.
  public var description: String {
    switch reason {
    case .noValue("parent"):
      "{parent} has no value: the file lies directly in the hot folder (rule '\(rule)')"
    case .noValue(let token):
      "{\(token)} has no value in \(source): write {\(token)|default:…} or <…> in 'to' (rule '\(rule)')"
    case .unsafe(let token, let value, let why):
      "{\(token)} is '\(shown(value))', which \(why) (rule '\(rule)')"
    case .notANumber(let token, let value):
      "{\(token)} has a format for numbers and is '\(shown(value))' (rule '\(rule)')"
    case .componentTooLong(let name):
      "a name of \(name.bytes.count) bytes, and 255 is the most: \(shown(Array(name.bytes.prefix(60))))… (rule '\(rule)')"
    case .notAPath(let path): "'\(shown(path))' is no path beneath the destination (rule '\(rule)')"
    case .sameDestination(let destination, let other):
      "\(source) and \(other) would both become \(destination) (rule '\(rule)')"
    case .notARoot(let name):
      "'\(shown(name))' cannot be the name of a root: it is not UTF-8 (rule '\(rule)')"
    case .frameOutOfRange: "the new frame number has more than 18 digits (rule '\(rule)')"
    }
  }
}

extension RuleSet {
  /// Where each file of a taken assignment goes.
  ///
  /// - Parameters:
  ///   - day: the value of `{today}`: when the delivery was first seen.
  ///   - version: takes the place of the source's own in `to`, as wide as the format says.
  /// - Precondition: `assignment.outcome` is `.taken`, by this rule set.
  /// - Throws: the first reason why it cannot go there; nothing was touched.
  public func destination(
    of assignment: Assignment, on day: Day = .today, version: Int? = nil
  ) throws(DestinationError) -> Destination {
    guard case .taken(_, let match) = assignment.outcome, let to = match.compiled.to else {
      preconditionFailure("only a taken assignment has a destination")
    }
    let tokens = match.values
    let shift = try shift(of: assignment, by: match.compiled)
    var files: [RelativePath] = []
    var numbers: [Int] = []
    var shapes: [Expansion] = []
    var known: [RelativePath: Int] = [:]
    var root: String?
    for (index, file) in assignment.files.enumerated() {
      let name = file.name ?? FileName([])
      let slot = slot(of: name, like: match.slot, in: assignment)
      let old = slot?.number(in: name)
      let values = FileValues(
        rule: match.rule.name, file: file, tokens: tokens, slot: slot,
        number: written(old, shift: shift, in: name, slot, assignment.pattern),
        delivery: match.delivery, day: day, version: version)
      if root == nil { root = try self.root(values, match.compiled) }
      let expansion = try values.expanded(to)
      let path = try checked(expansion, values)
      if let other = known.updateValue(index, forKey: path) {
        throw values.error(.sameDestination(path, with: assignment.files[other]))
      }
      files.append(path)
      shapes.append(expansion)
      if let old { numbers.append(old.value + shift) }
    }
    let first = files.first?.parent ?? .root
    let directory = files.dropFirst().reduce(first) { $0.commonAncestor($1.parent) }
    let frames = assignment.pattern == nil ? nil : FrameSet(numbers)
    let pattern = frames.flatMap { _ in
      sequencePattern(of: files, numbers, shapes, directory, match.slot?.kind ?? .frame)
    }
    return Destination(
      root: root ?? defaultRoot, files: files, directory: directory, pattern: pattern,
      frames: pattern == nil ? nil : frames, versioned: shapes.first?.versioned)
  }

  private func root(_ values: FileValues, _ rule: CompiledRule) throws(DestinationError) -> String {
    guard let template = rule.root else { return defaultRoot }
    let name = try values.expanded(template).path
    guard let text = String(validating: name, as: UTF8.self) else {
      throw values.error(.notARoot(name))
    }
    return text
  }

  private func shift(of assignment: Assignment, by rule: CompiledRule) throws(DestinationError)
    -> Int
  {
    guard let frames = assignment.frames, let low = frames.first, let high = frames.last else {
      return 0
    }
    // From the first frame that must be there, so that frames which come later find the others where they belong.
    var first = low
    if let declared = rule.rule.ready.frames, !declared.intersection(frames).isEmpty {
      first = declared.first ?? low
    }
    let shift =
      switch rule.renumber {
      case nil: 0
      case .first(let number): number - first
      case .shift(let distance): distance
      }
    guard FrameSet.limits.contains(low + shift), FrameSet.limits.contains(high + shift) else {
      throw DestinationError(
        rule: rule.name, source: assignment.directory, reason: .frameOutOfRange)
    }
    return shift
  }

  /// The slot of one file of a sequence, known from the sequence's head and tail: digits differ in width.
  func slot(of name: FileName, like slot: Slot?, in assignment: Assignment) -> Slot? {
    guard let slot, let pattern = assignment.pattern else { return nil }
    let start = slot.range.lowerBound
    let end = name.bytes.count - pattern.tail.count
    let hasSign = start < end && name.bytes[start] == ASCII.minus
    return Slot(slot.kind, digits: (hasSign ? start + 1 : start)..<end, in: name)
  }

  /// The number as `to` has it without a format: as written, or where it changed as wide as the source's padding.
  private func written(
    _ old: FrameNumber?, shift: Int, in name: FileName, _ slot: Slot?, _ pattern: SequencePattern?
  ) -> [UInt8]? {
    guard let old, let slot else { return nil }
    if shift == 0 { return Array(name.bytes[slot.range]) }
    let plain = SequencePattern(head: [], padding: pattern?.padding ?? 1, tail: [])
    return plain.name(of: old.value + shift).bytes
  }

  private func checked(_ expansion: Expansion, _ values: FileValues) throws(DestinationError)
    -> RelativePath
  {
    guard let path = RelativePath(expansion.path), !path.isRoot else {
      throw values.error(.notAPath(expansion.path))
    }
    for name in path.bytes.split(separator: ASCII.slash) {
      if name.count > 255 { throw values.error(.componentTooLong(FileName(Array(name)))) }
      if name.first == ASCII.dot, name.starts(with: ownNames) {
        throw values.error(.notAPath(expansion.path))
      }
    }
    return path
  }

  /// The one pattern that names all files, if there is one.
  private func sequencePattern(
    of files: [RelativePath], _ numbers: [Int], _ shapes: [Expansion], _ directory: RelativePath,
    _ kind: Slot.Kind
  ) -> SequencePattern? {
    guard let first = shapes.first, let name = files.first?.name else { return nil }
    let nameStart = first.path.count - name.bytes.count
    // The slot is known, but where a filter went over `{name}`; then its number is looked for, from the end.
    let inName = first.slots.filter { $0.lowerBound >= nameStart }
      .map { $0.lowerBound - nameStart..<$0.upperBound - nameStart }
    for range in inName.isEmpty ? numberRanges(in: name.bytes) : inName {
      let head = name.bytes[..<range.lowerBound]
      let tail = name.bytes[range.upperBound...]
      let written = zip(shapes, files).map { shape, file in
        file.name.map { $0.bytes.count - head.count - tail.count } ?? 0
      }
      let padded = zip(files, written).first { file, width in
        guard let bytes = file.name?.bytes, width > 1, bytes.count >= head.count + 2 else {
          return false
        }
        let at = head.count + (bytes[head.count] == ASCII.minus ? 1 : 0)
        return bytes[at] == ASCII.zero
      }
      let padding = padded?.1 ?? written.min() ?? 1
      let pattern = SequencePattern(head: head, padding: padding, tail: tail, kind: kind)
      let fits = zip(files, numbers).allSatisfy { file, number in
        file.parent == directory && file.name == pattern.name(of: number)
      }
      if fits { return pattern }
    }
    return nil
  }

  private func numberRanges(in name: [UInt8]) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var end = name.count
    while end > 0 {
      guard name[end - 1].isDigit else {
        end -= 1
        continue
      }
      var start = end
      while start > 0, name[start - 1].isDigit { start -= 1 }
      result.append(start..<end)
      end = start
    }
    return result
  }
}

extension Expansion {
  /// The first directory whose name holds the version.
  fileprivate var versioned: Destination.Versioned? {
    for (range, padding, source) in versions {
      guard let source, let end = path[range.upperBound...].firstIndex(of: ASCII.slash) else {
        continue
      }
      let start = path[..<range.lowerBound].lastIndex(of: ASCII.slash).map { $0 + 1 } ?? 0
      guard let parent = RelativePath(path[..<max(0, start - 1)]) else { continue }
      return Destination.Versioned(
        parent: parent, head: Array(path[start..<range.lowerBound]),
        tail: Array(path[range.upperBound..<end]), padding: padding, source: source)
    }
    return nil
  }
}

private let defaultRoot = "default"

/// What Hotplate calls its staging directories.
private let ownNames = bytes(".hotplate-")
