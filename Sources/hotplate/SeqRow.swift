import Paths
import ReadModel
import Sequences

/// A sequence, or a single file, that `hotplate seq` found.
struct SeqRow {
  /// As the user named it.
  let directory: [UInt8]
  let content: Content
  /// Bytes of all its files; nil where they were not looked at.
  let bytes: Int?

  enum Content {
    case sequence(FrameSequence)
    case single(FileName)
  }

  /// The pattern of a sequence, the name of a file.
  var pattern: FileName {
    switch content {
    case .sequence(let sequence): sequence.pattern.pattern
    case .single(let name): name
    }
  }

  static func inOrder(_ rows: [SeqRow]) -> [SeqRow] {
    let keys = rows.map { (FileName($0.directory), $0.pattern) }
    return rows.indices.sorted { keys[$0] < keys[$1] }.map { rows[$0] }
  }
}

extension SeqRow: Encodable {
  /// Every key in every object, null where it does not apply.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    var sequence: FrameSequence?
    if case .sequence(let found) = content { sequence = found }
    let shape = sequence?.pattern
    try container.encode(ExactText(directory), forKey: "directory")
    try container.encode(ExactText(pattern.bytes), forKey: "pattern")
    try container.encode(shape?.kind.rawValue ?? "file", forKey: "kind")
    try container.encode(shape.map { ExactText($0.printf.bytes) }, forKey: "printf")
    try container.encode(shape.map { ExactText($0.head) }, forKey: "head")
    try container.encode(shape?.padding, forKey: "padding")
    try container.encode(shape.map { ExactText($0.tail) }, forKey: "tail")
    try container.encode(sequence?.frames.description, forKey: "frames")
    try container.encode(missing?.description, forKey: "missing")
    try container.encode(sequence?.frames.first, forKey: "first")
    try container.encode(sequence?.frames.last, forKey: "last")
    try container.encode(sequence?.frames.count ?? 1, forKey: "count")
    try container.encode(bytes, forKey: "bytes")
  }
}

extension SeqRow {
  /// The gaps; nil for what has none by nature: a single file, tiles.
  var missing: FrameSet? {
    guard case .sequence(let sequence) = content, sequence.pattern.kind == .frame else {
      return nil
    }
    return sequence.frames.missing
  }

  /// The columns for people: path, frames, count, gaps. Safe to show.
  var columns: [String] {
    let prefix =
      directory == [UInt8(ascii: ".")] ? [] : directory + (directory.last == slash ? [] : [slash])
    let path = shown(prefix + pattern.bytes)
    guard case .sequence(let sequence) = content else { return [path, "", "", ""] }
    let noun = sequence.pattern.kind == .udim ? "tiles" : "frames"
    return [
      path, shortened(sequence.frames), "\(sequence.frames.count) \(noun)",
      missing.map { $0.isEmpty ? "" : "missing \(shortened($0))" } ?? "",
    ]
  }
}

/// `frames` as text, cut after some ranges where it would fill the screen.
private func shortened(_ frames: FrameSet) -> String {
  let most = 6
  guard frames.ranges.count > most else { return frames.description }
  let start = FrameSet(frames.ranges.prefix(most - 1).joined())
  let end = FrameSet(frames.ranges.suffix(1).joined())
  return "\(start),…,\(end)"
}

private let slash = UInt8(ascii: "/")
