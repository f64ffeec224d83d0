import Paths
import ReadModel

/// A frame that a picture is made of.
struct PictureFrame: Hashable, Sendable {
  let which: PictureChoice
  let pair: PlannedPair
  /// A link to its source, which is then what has the pixels.
  let isSymlink: Bool
  /// As the name has it; nil for a single file.
  let number: String?

  /// The file with the pixels, absolute.
  var file: [UInt8] { (isSymlink ? pair.source : pair.destination).bytes }

  /// First, middle and last of the first member that has pictures; empty unless the job is done.
  ///
  /// One frame, or one movie, has a first only; two have a first and a last.
  static func of(_ job: JobDetailView) -> [PictureFrame] {
    guard job.job.state == .done else { return [] }
    for (member, range) in members(job) {
      let rows = range.filter { PictureFormat.named(job.map[$0].destination.bytes) != nil }
      guard let first = rows.first, let last = rows.last else { continue }
      var picks: [(PictureChoice, Int)] = [(.first, first)]
      if rows.count > 2 { picks.append((.middle, rows[(rows.count - 1) / 2])) }
      if rows.count > 1 { picks.append((.last, last)) }
      return picks.map { (which, row) in
        PictureFrame(
          which: which, pair: job.map[row],
          isSymlink: job.methods.indices.contains(row) && job.methods[row] == "symlink",
          number: number(of: job.map[row].destination.bytes, in: member?.destination))
      }
    }
    return []
  }

  /// The members and the rows of the map that are theirs: it lists them one after the other.
  private static func members(_ job: JobDetailView) -> [(MemberView?, Range<Int>)] {
    let members = job.job.members
    guard members.count > 1 else { return [(members.first, job.map.indices)] }
    var start = 0
    return members.map { member in
      let end = min(job.map.count, start + max(0, member.frames.expected))
      defer { start = end }
      return (member, start..<end)
    }
  }

  /// What the name has in the place of the pattern's `#` or `@`s.
  private static func number(of path: [UInt8], in sequence: SequenceView?) -> String? {
    guard let sequence, sequence.frames != nil, let pattern = sequence.pattern?.bytes else {
      return nil
    }
    let name = path[(path.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...]
    // The name itself may hold such signs: the place is the last one that leaves a number.
    var end = pattern.endIndex
    while let last = pattern[..<end].lastIndex(where: isPlaceholder) {
      var start = last
      if pattern[last] == UInt8(ascii: "@") {
        while start > 0, pattern[start - 1] == pattern[last] { start -= 1 }
      }
      let (head, tail) = (pattern[..<start], pattern[(last + 1)...])
      if name.count > head.count + tail.count, name.starts(with: head),
        name.suffix(tail.count).elementsEqual(tail)
      {
        let number = name.dropFirst(head.count).dropLast(tail.count)
        if number.allSatisfy(isNumberByte) { return String(decoding: number, as: UTF8.self) }
      }
      end = start
    }
    return nil
  }

  private static func isPlaceholder(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "#") || byte == UInt8(ascii: "@")
  }

  private static func isNumberByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."): true
    default: false
    }
  }
}
