public import Paths

/// Finds the sequences among the names of one directory, by the guess of `guessSlot`.
///
/// Names are bytes, in any order; one added twice counts once. Two names or more that differ only in their frame, at one
/// padding, are a sequence; what is left are single names.
///
/// All bytes lie in one flat buffer, and a head with its tail only once: a million frames of one sequence cost 16 bytes
/// each.
public struct SequenceFinder: Sendable {
  private var bytes: [UInt8] = []
  /// Names without a slot, in `bytes`.
  private var slotless: [Range<Int>] = []
  private var groups: [Group] = []
  private var members: [Member] = []
  /// Open addressing: an index into `groups` plus one, 0 where free. A power of two, at most half full.
  private var table: [UInt32] = Array(repeating: 0, count: 256)

  public init() {}

  public mutating func add(_ name: FileName) { add(name.bytes.span) }

  public mutating func add(_ name: Span<UInt8>) {
    guard let slot = guessFrame(in: name) else {
      slotless.append(store(name))
      return
    }
    let number = FrameNumber(name, at: slot)
    let group = group(
      head: name.extracting(..<slot.lowerBound), tail: name.extracting(slot.upperBound...))
    groups[group].classes.note(number)
    members.append(
      Member(
        value: number.value, group: UInt32(group), width: UInt8(number.width),
        isPadded: number.isPadded))
  }

  /// What was found.
  ///
  /// - Returns: sequences in byte order of their patterns' text, and single names in byte order.
  public consuming func finish() -> (sequences: [FrameSequence], singles: [FileName]) {
    var sequences: [FrameSequence] = []
    var singles = slotless.map { FileName(bytes[$0]) }
    forEachPart { group, padding, values in
      let frames = FrameSet(sorting: values)
      let head = bytes[group.start..<group.start + group.headCount]
      let tail = bytes[group.start + group.headCount..<group.end]
      let pattern = SequencePattern(
        head: head, padding: padding, tail: tail,
        kind: isTiles(frames, padding, group) ? .udim : .frame)
      if let first = frames.first, first == frames.last {
        singles.append(pattern.name(of: first))
      } else {
        sequences.append(FrameSequence(pattern: pattern, frames: frames))
      }
    }
    return (inOrder(sequences), withoutRepeats(singles.sorted()))
  }

  private func isTiles(_ frames: FrameSet, _ padding: Int, _ group: Group) -> Bool {
    guard padding == 4, let first = frames.first, let last = frames.last,
      first >= 1001, last <= 1999
    else { return false }
    let span = bytes.span.extracting(group.start..<group.end)
    return saysTexture(
      head: span.extracting(..<group.headCount), tail: span.extracting(group.headCount...))
  }
}

/// Names that share head and tail, which lie one after the other in the finder's bytes.
private struct Group {
  let hash: Int
  let start: Int
  let headCount: Int
  let end: Int
  var classes = PaddingClasses()
}

private struct Member {
  let value: Int
  let group: UInt32
  let width: UInt8
  let isPadded: Bool
}

extension SequenceFinder {
  private mutating func store(_ span: Span<UInt8>) -> Range<Int> {
    let start = bytes.count
    span.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
    return start..<bytes.count
  }

  private mutating func group(head: Span<UInt8>, tail: Span<UInt8>) -> Int {
    // Seeded for each process: names chosen to collide would have to know the seed.
    var hasher = Hasher()
    head.withUnsafeBytes { hasher.combine(bytes: $0) }
    hasher.combine(head.count)
    tail.withUnsafeBytes { hasher.combine(bytes: $0) }
    let hash = hasher.finalize()

    var place = hash & (table.count - 1)
    while table[place] != 0 {
      let index = Int(table[place] - 1)
      if groups[index].hash == hash, isGroup(groups[index], head, tail) { return index }
      place = (place + 1) & (table.count - 1)
    }
    let start = store(head).lowerBound
    let end = store(tail).upperBound
    groups.append(Group(hash: hash, start: start, headCount: head.count, end: end))
    table[place] = UInt32(groups.count)
    if groups.count * 2 > table.count { growTable() }
    return groups.count - 1
  }

  private func isGroup(_ group: Group, _ head: Span<UInt8>, _ tail: Span<UInt8>) -> Bool {
    guard group.headCount == head.count, group.end - group.start == head.count + tail.count
    else { return false }
    let stored = bytes.span
    for index in head.indices where stored[group.start + index] != head[index] { return false }
    let tailStart = group.start + head.count
    for index in tail.indices where stored[tailStart + index] != tail[index] { return false }
    return true
  }

  private mutating func growTable() {
    table = Array(repeating: 0, count: table.count * 2)
    for (index, group) in groups.enumerated() {
      var place = group.hash & (table.count - 1)
      while table[place] != 0 { place = (place + 1) & (table.count - 1) }
      table[place] = UInt32(index + 1)
    }
  }

  /// Calls `body` with the frames of each group and padding, in no order and perhaps repeated.
  private func forEachPart(
    _ body: (Group, _ padding: Int, UnsafeMutableBufferPointer<Int>) -> Void
  ) {
    // Parts are numbered group by group, the narrowest padding first; then a counting sort by part.
    var firstPart: [Int] = []
    firstPart.reserveCapacity(groups.count)
    var parts = 0
    for group in groups {
      firstPart.append(parts)
      parts += group.classes.paddings.nonzeroBitCount
    }
    let part = { (member: Member) in
      let group = Int(member.group)
      return firstPart[group]
        + groups[group].classes.rank(width: member.width, isPadded: member.isPadded)
    }
    var next = Array(repeating: 0, count: parts + 1)
    for member in members { next[part(member) + 1] += 1 }
    for index in 0..<parts { next[index + 1] += next[index] }
    var values = Array(repeating: 0, count: members.count)
    for member in members {
      let part = part(member)
      values[next[part]] = member.value
      next[part] += 1
    }
    // Now each entry of `next` is where its part ends.
    values.withUnsafeMutableBufferPointer { values in
      var part = 0
      for group in groups {
        var paddings = group.classes.paddings
        while paddings != 0 {
          let range = (part == 0 ? 0 : next[part - 1])..<next[part]
          body(
            group, paddings.trailingZeroBitCount,
            UnsafeMutableBufferPointer(rebasing: values[range]))
          paddings &= paddings - 1
          part += 1
        }
      }
    }
  }
}

private func inOrder(_ sequences: [FrameSequence]) -> [FrameSequence] {
  let keys = sequences.map(\.pattern.pattern)
  return sequences.indices.sorted { a, b in
    if keys[a] != keys[b] { return keys[a] < keys[b] }
    // A head may end in what stands for a number.
    let (a, b) = (sequences[a].pattern, sequences[b].pattern)
    return a.head != b.head ? a.head.count < b.head.count : a.padding < b.padding
  }.map { sequences[$0] }
}

private func withoutRepeats(_ sorted: [FileName]) -> [FileName] {
  var result: [FileName] = []
  result.reserveCapacity(sorted.count)
  for name in sorted where name != result.last { result.append(name) }
  return result
}
