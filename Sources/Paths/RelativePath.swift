/// A path beneath some root, as exact bytes: components joined by `/`, no leading or trailing slash.
///
/// It cannot leave its root: `.`, `..`, empty components and NUL never get in. The empty path is the root itself.
public struct RelativePath: Hashable, Sendable, Comparable {
  public let bytes: [UInt8]

  /// The root itself.
  public static let root = RelativePath(unchecked: [])

  private init(unchecked: [UInt8]) { bytes = unchecked }

  /// - Returns: nil if the bytes are absolute, end in a slash, or hold `.`, `..`, an empty component or NUL.
  public init?(_ bytes: some Sequence<UInt8>) {
    let bytes = Array(bytes)
    if !bytes.isEmpty {
      for part in bytes.split(separator: slash, omittingEmptySubsequences: false)
      where !isPathComponent(part) {
        return nil
      }
    }
    self.bytes = bytes
  }

  public init?(_ string: String) { self.init(string.utf8) }

  public var isRoot: Bool { bytes.isEmpty }

  public var components: [FileName] { bytes.split(separator: slash).map { FileName(Array($0)) } }

  /// The last component; nil for the root.
  public var name: FileName? {
    guard !bytes.isEmpty else { return nil }
    guard let cut = bytes.lastIndex(of: slash) else { return FileName(bytes) }
    return FileName(Array(bytes[(cut + 1)...]))
  }

  /// The directory that holds this path; the root is its own parent.
  public var parent: RelativePath {
    guard let cut = bytes.lastIndex(of: slash) else { return .root }
    return RelativePath(unchecked: Array(bytes[..<cut]))
  }

  /// - Precondition: `name` is a valid component, as every name read from a directory is.
  public func appending(_ name: FileName) -> RelativePath {
    precondition(name.isValidComponent, "not a path component")
    return RelativePath(unchecked: isRoot ? name.bytes : bytes + [slash] + name.bytes)
  }

  public func appending(_ path: RelativePath) -> RelativePath {
    if isRoot { return path }
    if path.isRoot { return self }
    return RelativePath(unchecked: bytes + [slash] + path.bytes)
  }

  /// Whether this is `ancestor` itself or lies somewhere below it.
  public func isAtOrBelow(_ ancestor: RelativePath) -> Bool {
    if ancestor.isRoot || bytes == ancestor.bytes { return true }
    return bytes.count > ancestor.bytes.count && bytes[ancestor.bytes.count] == slash
      && bytes.starts(with: ancestor.bytes)
  }

  /// What is left of this path seen from `ancestor`; nil if it does not lie there.
  public func relative(to ancestor: RelativePath) -> RelativePath? {
    guard isAtOrBelow(ancestor) else { return nil }
    if ancestor.isRoot { return self }
    return RelativePath(unchecked: Array(bytes.dropFirst(ancestor.bytes.count + 1)))
  }

  /// The deepest directory that holds both.
  public func commonAncestor(_ other: RelativePath) -> RelativePath {
    var common = RelativePath.root
    for (a, b) in zip(components, other.components) {
      guard a == b else { break }
      common = common.appending(a)
    }
    return common
  }

  public static func < (a: RelativePath, b: RelativePath) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }
}

private let slash = UInt8(ascii: "/")
