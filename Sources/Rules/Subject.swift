/// One path while it is held against patterns, as bytes that nothing copies.
struct Subject {
  let path: UnsafeBufferPointer<UInt8>
  /// Where the file name starts.
  let nameStart: Int
  let name: UnsafeBufferPointer<UInt8>
  let pathEncoding: Expression.Encoding
  let nameEncoding: Expression.Encoding

  init(_ path: UnsafeBufferPointer<UInt8>) {
    self.path = path
    var start = path.count
    while start > 0, path[start - 1] != ASCII.slash { start -= 1 }
    nameStart = start
    name = UnsafeBufferPointer(rebasing: path[start...])
    nameEncoding = name.encoding
    pathEncoding = nameEncoding == .ascii && start == 0 ? .ascii : path.encoding
  }

  /// Where the last `count` components start; nil if there are fewer.
  func tailStart(_ count: Int) -> Int? {
    var left = count
    var start = path.count
    while start > 0 {
      if path[start - 1] == ASCII.slash {
        left -= 1
        if left == 0 { return start }
      }
      start -= 1
    }
    return left == 1 ? 0 : nil
  }

  func ends(withAnyOf endings: [[UInt8]]) -> Bool {
    endings.contains { ending in
      guard name.count >= ending.count else { return false }
      var at = name.count - ending.count
      for byte in ending {
        if name[at].lowercased != byte { return false }
        at += 1
      }
      return true
    }
  }
}

extension MatchPattern {
  /// Holds the pattern against a path; where it fits, `scratch` holds the groups.
  ///
  /// - Returns: also where in the path the bytes start that the groups count from.
  func match(_ subject: Subject, _ scratch: MatchScratch) -> (Expression.Outcome, start: Int) {
    if !endings.isEmpty, !subject.ends(withAnyOf: endings) { return (.noMatch, 0) }
    switch scope {
    case .name:
      return (expression.match(subject.name, subject.nameEncoding, scratch), subject.nameStart)
    case .path:
      return (expression.match(subject.path, subject.pathEncoding, scratch), 0)
    case .tail(let count):
      guard let start = subject.tailStart(count) else { return (.noMatch, 0) }
      let tail = UnsafeBufferPointer(rebasing: subject.path[start...])
      return (expression.match(tail, subject.pathEncoding, scratch), start)
    }
  }

  /// Which bytes of the subject are the value of a capture, after a match.
  func valueRange(_ capture: Capture, _ scratch: MatchScratch) -> Range<Int>? {
    guard let whole = scratch.range(capture.group) else { return nil }
    for group in capture.valueGroups {
      if let range = scratch.range(group) { return range }
    }
    return whole
  }
}

extension Token {
  /// The canonical value of what stands in a path.
  func value(of raw: [UInt8]) -> [UInt8] {
    canonical.isEmpty ? raw : canonical[raw.folded] ?? raw
  }

  /// A form in which two values of this token are equal if they mean the same.
  func comparable(_ raw: [UInt8]) -> [UInt8] {
    if kind != .text, let number = NumberFormat.plain.applied(to: raw) { return number }
    return value(of: raw).folded
  }
}
