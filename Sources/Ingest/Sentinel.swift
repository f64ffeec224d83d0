import Paths

/// A dropped file that cancels: `.cancel` for its directory and all below, `STEM.cancel` for one sequence or file.
///
/// Only its name counts: it is never opened, and a directory or a dangling symlink of that name serves as well.
public enum Sentinel: Hashable, Sendable {
  case tree
  /// The name before `.cancel`.
  case stem([UInt8])

  /// The names that cancel a whole directory.
  public static let treeNames: [FileName] = suffixes.map { FileName($0) }

  static let suffixes = [".cancel", ".CANCEL", ".Cancel"].map { Array($0.utf8) }

  /// - Returns: nil for any other name.
  public init?(_ name: FileName) {
    guard let suffix = Self.suffixes.first(where: { name.bytes.ends(with: $0) }) else { return nil }
    let stem = Array(name.bytes.dropLast(suffix.count))
    self = stem.isEmpty ? .tree : .stem(stem)
  }

  /// Whether a sequence whose names begin with `head`, or a single file of the name `head`, is meant.
  ///
  /// The stem may be written with or without the separators that end it.
  public func covers(head: [UInt8], isSingleFile: Bool) -> Bool {
    guard case .stem(let stem) = self else { return true }
    return Self.stems(head: head, isSingleFile: isSingleFile).contains(stem)
  }

  /// The stems under which a sequence or file can be cancelled.
  static func stems(head: [UInt8], isSingleFile: Bool) -> [[UInt8]] {
    var stems = [head]
    if isSingleFile {
      if let dot = head.lastIndex(of: UInt8(ascii: ".")), dot > 0 {
        stems.append(Array(head[..<dot]))
      }
    } else {
      stems.append(stem(ofHead: head))
    }
    return stems.filter { !$0.isEmpty }
  }

  /// What stands before the slot, without the separators that lead to it.
  static func stem(ofHead head: [UInt8]) -> [UInt8] {
    var stem = head[...]
    while let last = stem.last, separators.contains(last) { stem.removeLast() }
    return Array(stem)
  }

  private static let separators = Set("._- ".utf8)
}

extension [UInt8] {
  func ends(with suffix: [UInt8]) -> Bool {
    count >= suffix.count && self[(count - suffix.count)...].elementsEqual(suffix)
  }
}
