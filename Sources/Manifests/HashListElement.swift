import Paths

/// One `hash` of a media hash list while it is read.
struct HashListElement {
  let isReference: Bool
  private let isDirectory: Bool
  private let format: Manifest.Format
  private var path: RelativePath?
  private var size: Int?
  private var checksums: [ChecksumAlgorithm: Checksum] = [:]
  private var failed = false

  init(isDirectory: Bool, isReference: Bool, format: Manifest.Format) {
    self.isDirectory = isDirectory
    self.isReference = isReference
    self.format = format
    badSize = nil
  }

  /// A size is an attribute in ASC MHL and an element in MHL 1.
  private var badSize: String?

  mutating func start(_ name: String, _ attributes: [String: String]) {
    if name == "path", let size = attributes["size"] { take(size: size) }
    if attributes["action"] == "failed" { failed = true }
  }

  mutating func end(_ name: String, _ text: [UInt8]) throws(ManifestError.Problem) {
    switch name {
    case "file", "path": path = isDirectory ? nil : try listedPath(withoutIndent(text))
    case "size": take(size: String(decoding: trimmed(text), as: UTF8.self))
    case "md5": try take(.md5, text)
    case "sha1": try take(.sha1, text)
    case "sha256": try take(.sha256, text)
    case "xxh32": try take(.xxh32, text)
    case "xxh64", "xxhash64be": try take(.xxh64, text)
    case "xxh3": try take(.xxh3, text)
    case "xxh128": try take(.xxh128, text)
    case "xxhash64": try takeReversed(text)
    case "xxhash": try takeDecimal(text)
    // C4, "null", dates, what another version may bring: not for us.
    default: break
    }
  }

  /// - Returns: nil for a directory.
  func entry(line: Int) throws(ManifestError.Problem) -> Manifest.Entry? {
    if isDirectory { return nil }
    guard let path else { throw .noPath }
    if let badSize { throw .badSize(badSize) }
    // The checksum is then that of the broken file.
    if failed { throw .failedAtSender(path: "\(path)") }
    // Each of them would find a broken file; the fastest does it soonest.
    let order: [ChecksumAlgorithm] = [.xxh128, .xxh3, .xxh64, .sha256, .sha1, .md5, .xxh32]
    let checksum = order.lazy.compactMap { checksums[$0] }.first
    return .init(path: path, checksum: checksum, size: size, line: line)
  }

  private mutating func take(size text: String) {
    if let size = Int(text), size >= 0 {
      self.size = size
    } else {
      badSize = shown(Array(text.utf8.prefix(40)))
    }
  }

  private mutating func take(_ algorithm: ChecksumAlgorithm, _ text: [UInt8])
    throws(ManifestError.Problem)
  {
    checksums[algorithm] = try checksum(algorithm, text)
  }

  /// MHL 1's `xxhash64` is the number as a little-endian machine keeps it: mhl-tool prints its bytes in that order.
  private mutating func takeReversed(_ text: [UInt8]) throws(ManifestError.Problem) {
    checksums[.xxh64] = Checksum(.xxh64, try checksum(.xxh64, text).bytes.reversed())
  }

  /// MHL 1's `xxhash` is XXH32 as a decimal number.
  private mutating func takeDecimal(_ text: [UInt8]) throws(ManifestError.Problem) {
    guard let number = UInt32(String(decoding: trimmed(text), as: UTF8.self)) else {
      throw .notAChecksum(.xxh32)
    }
    checksums[.xxh32] = Checksum(.xxh32, withUnsafeBytes(of: number.bigEndian) { Array($0) })
  }

  private func checksum(_ algorithm: ChecksumAlgorithm, _ text: [UInt8])
    throws(ManifestError.Problem) -> Checksum
  {
    let digits = trimmed(text)
    if let checksum = Checksum(algorithm, hexadecimal: digits) { return checksum }
    if digits.count == 2 * algorithm.length { throw .notAChecksum(algorithm) }
    throw .checksumLength(digits: digits.count, expected: [algorithm])
  }
}

private func trimmed(_ text: [UInt8]) -> ArraySlice<UInt8> {
  let rest = text.drop(while: isSpace)
  guard let last = rest.lastIndex(where: { !isSpace($0) }) else { return rest }
  return rest[...last]
}

/// A name may start or end with a space; text on lines of its own was indented by a tool.
private func withoutIndent(_ text: [UInt8]) -> ArraySlice<UInt8> {
  let isIndented = text.prefix(while: isSpace).contains(UInt8(ascii: "\n"))
  return isIndented ? trimmed(text) : text[...]
}
