/// One component of a path, as the exact bytes the file system holds.
///
/// Two spellings that Unicode calls equal (NFC and NFD) are two names here, and bytes that are not UTF-8 survive:
/// `String` would merge the first and repair the second.
public struct FileName: Hashable, Sendable, Comparable, ExpressibleByStringLiteral {
  public let bytes: [UInt8]

  /// - Precondition: not checked; a name read from a directory never holds `/` or NUL.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }
  public init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
  public init(_ string: String) { bytes = Array(string.utf8) }
  public init(stringLiteral value: StaticString) {
    bytes = value.withUTF8Buffer { Array($0) }
  }

  /// Byte order: what the shell's `LC_ALL=C sort` gives.
  public static func < (a: FileName, b: FileName) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }

  /// Whether a path may hold this as one component: not empty, not `.` or `..`, without `/` and NUL.
  public var isValidComponent: Bool { isPathComponent(bytes[...]) }
}

func isPathComponent(_ bytes: ArraySlice<UInt8>) -> Bool {
  if bytes.isEmpty { return false }
  if bytes.allSatisfy({ $0 == UInt8(ascii: ".") }), bytes.count <= 2 { return false }
  return !bytes.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
}
