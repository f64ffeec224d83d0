/// "did you mean 'copy'?  (copy, move)": the nearest of `known`, and all of them where they are few.
func suggestion(for word: String, among known: [String]) -> String? {
  var parts: [String] = []
  if let near = nearest(to: word, among: known) { parts.append("did you mean '\(near)'?") }
  if !known.isEmpty, known.count <= 20 {
    parts.append("(\(known.joined(separator: ", ")))")
  }
  return parts.isEmpty ? nil : parts.joined(separator: "  ")
}

/// The known word that a slip of the fingers turns into `word`; nil if none is near.
func nearest(to word: String, among known: [String]) -> String? {
  let typed = Array(word.lowercased().unicodeScalars)
  guard typed.count <= 64 else { return nil }
  let near = known.map { ($0, distance(typed, Array($0.lowercased().unicodeScalars))) }
    .min { $0.1 < $1.1 }
  guard let near, near.1 <= max(1, min(typed.count, near.0.count) / 3) else { return nil }
  return near.0
}

/// Edits between two words: one added, left out, replaced, or two neighbours swapped (optimal string alignment).
private func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
  var before: [Int] = []
  var previous = Array(0...b.count)
  for i in 0..<a.count {
    var row = [i + 1]
    for j in 0..<b.count {
      var best = min(row[j] + 1, previous[j + 1] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, before[j - 1] + 1) }
      row.append(best)
    }
    before = previous
    previous = row
  }
  return previous[b.count]
}
