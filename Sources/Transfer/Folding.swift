import Files
import Foundation
import Glibc
import Paths

/// Destination names that are one name to a file system that folds case or spelling (NTFS, SMB, APFS, ext4 casefold).
extension TransferPlan {
  /// How many groups are tried of those that differ in case alone, and of the others: of more, two files that are one are
  /// found when the second of them is staged.
  private static let probes = 4

  /// Groups of files of which such a file system would not tell apart the names, or the directories; none for most plans.
  private var foldingGroups: [[Int]] {
    // Lower-case ASCII alone folds into nothing else.
    let mayFold = files.contains { $0.destination.bytes.contains { $0 >= 0x80 || isUpper($0) } }
    guard mayFold else { return [] }
    var known: Set<RelativePath> = []
    var groups: [[UInt8]: [Int]] = [:]
    for index in files.indices {
      var path = files[index].destination
      // One file stands for each directory.
      while !path.isRoot, known.insert(path).inserted {
        groups[folded(path.bytes), default: []].append(index)
        path = path.parent
      }
    }
    return groups.values.filter { $0.count > 1 }.sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// Finds out whether the volume of `tree`, which is empty or holds only what is staged, takes two names of the plan for
  /// one.
  ///
  /// - Throws: `.conflict` with reason `collides`; nothing was staged.
  func probeFolding(in tree: Descriptor) throws(TransferError) {
    let groups = foldingGroups
    let isPlain = { (group: [Int]) in files[group[0]].destination.bytes.allSatisfy { $0 < 0x80 } }
    for kind in [groups.filter(isPlain), groups.filter { !isPlain($0) }] {
      for group in kind.prefix(Self.probes) {
        guard let (name, other) = differingNames(group[0], group[1]) else { continue }
        let isFolded = try onDestination(group[1]) { () throws(SystemError) in
          try tree.folds(name, other)
        }
        if isFolded { throw .conflict(collisions(kind)) }
      }
    }
  }

  /// All files that such a volume would not tell from one before them.
  private func collisions(_ groups: [[Int]]) -> [Conflict] {
    Set(groups.flatMap { $0.dropFirst() }).sorted().map {
      Conflict(index: $0, destination: files[$0].destination, reason: .collides)
    }
  }

  /// The first pair of names on the way to two files that are not the same bytes.
  private func differingNames(_ a: Int, _ b: Int) -> (FileName, FileName)? {
    zip(files[a].destination.components, files[b].destination.components).first { $0 != $1 }
  }
}

extension Descriptor {
  /// Whether two names in this directory are one; what is made for it is removed again.
  fileprivate func folds(_ name: FileName, _ other: FileName) throws(SystemError) -> Bool {
    let (path, otherPath) = (RelativePath.root.appending(name), RelativePath.root.appending(other))
    // Staged by an earlier run: the second was not refused then.
    for staged in [path, otherPath] where try statusIfAny(self, staged) != nil { return false }
    // By its inode it cannot be told: some file systems number names.
    _ = try open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    let found: Status?
    do throws(SystemError) { found = try statusIfAny(self, otherPath) } catch {
      try? unlink(path)
      throw error
    }
    try unlink(path)
    return found != nil
  }
}

private func isUpper(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
}

/// Bytes that are equal wherever case, or the way in which an accent is written, is all that differs.
private func folded(_ bytes: [UInt8]) -> [UInt8] {
  if bytes.allSatisfy({ $0 < 0x80 }) { return bytes.map { isUpper($0) ? $0 | 0x20 : $0 } }
  // What is no UTF-8 has no case.
  guard let text = String(validating: bytes, as: UTF8.self) else { return bytes }
  return Array(text.lowercased().precomposedStringWithCanonicalMapping.utf8)
}
