import Paths

/// Reads manifests of one line a file.
///
/// - SeeAlso: "cksum output modes" in the manual of GNU coreutils; `xxhsum(1)`.
struct LineReader {
  private let manifest: FileName
  private let candidates: [ChecksumAlgorithm]

  init(manifest: FileName) {
    self.manifest = manifest
    candidates = ChecksumAlgorithm.candidates(in: manifest)
  }

  func entries(of text: ArraySlice<UInt8>) throws(ManifestError) -> [Manifest.Entry] {
    var entries: [Manifest.Entry] = []
    var rest = text
    var number = 0
    while !rest.isEmpty {
      number += 1
      let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
      let line = rest[..<end]
      rest = rest[min(end + 1, rest.endIndex)...]
      do throws(ManifestError.Problem) {
        guard let (path, checksum) = try entry(line) else { continue }
        if path.bytes == manifest.bytes { continue }
        if entries.count == Manifest.maximumEntries { throw .tooManyEntries }
        entries.append(.init(path: path, checksum: checksum, size: nil, line: number))
      } catch {
        throw ManifestError(
          manifest: manifest, line: number, problem: error,
          mayBeHalfWritten: end == text.endIndex && error.isLeftByACut)
      }
    }
    return entries
  }

  /// - Returns: nil for an empty line or a comment.
  private func entry(_ line: ArraySlice<UInt8>) throws(ManifestError.Problem)
    -> (RelativePath, Checksum)?
  {
    // What ends in CR was written on Windows: the tools that list a name with CR escape it.
    var line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    guard let first = line.first, !line.allSatisfy(isSpace) else { return nil }
    if first == UInt8(ascii: ";") || first == UInt8(ascii: "#") { return nil }
    let isEscaped = first == UInt8(ascii: "\\")
    if isEscaped { line = line.dropFirst() }

    let (bytes, checksum) = if let found = try plain(line) { found } else { try tagged(line) }
    if bytes.elementsEqual("-".utf8) { throw .standardInput }
    let path = isEscaped ? try pathWithoutEscapes(bytes) : try listedPath(bytes)
    return (path, checksum)
  }

  /// `CHECKSUM  path`, `CHECKSUM *path` and `CHECKSUM path`; nil for what does not start so.
  private func plain(_ line: ArraySlice<UInt8>) throws(ManifestError.Problem)
    -> (ArraySlice<UInt8>, Checksum)?
  {
    let (digits, named) = withoutPrefix(line)
    let hexadecimal = digits.prefix { hexadecimalValue($0) != nil }
    var path = digits.dropFirst(hexadecimal.count)
    guard path.first.map(isBlank) ?? true, !hexadecimal.isEmpty else { return nil }
    // "A file" starts with a digit, too.
    if !path.isEmpty, hexadecimal.count < 8 { throw .notALine }
    let checksum = try self.checksum(hexadecimal, named.map { [$0] } ?? candidates)
    path = path.dropFirst()
    if let mode = path.first, mode == UInt8(ascii: " ") || mode == UInt8(ascii: "*") {
      path = path.dropFirst()
    }
    if path.isEmpty { throw .noPath }
    return (path, checksum)
  }

  /// BSD's `TAG (path) = CHECKSUM`, openssl's `TAG(path)= CHECKSUM`.
  private func tagged(_ line: ArraySlice<UInt8>) throws(ManifestError.Problem)
    -> (ArraySlice<UInt8>, Checksum)
  {
    guard let open = line.firstIndex(of: UInt8(ascii: "(")) else { throw .notALine }
    let tag = line[..<open].filter { !isBlank($0) }
    guard !tag.isEmpty, tag.count <= 20, tag.allSatisfy(isTagCharacter) else { throw .notALine }
    let name = String(decoding: tag, as: UTF8.self)
    guard let algorithm = ChecksumAlgorithm(tag: name) else { throw .unknownAlgorithm(name) }

    // From the end: the path may hold ") = " itself.
    guard let equals = line.lastIndex(of: UInt8(ascii: "=")),
      let close = line[..<equals].lastIndex(where: { !isBlank($0) }), close > open,
      line[close] == UInt8(ascii: ")")
    else { throw .noPath }
    let (digits, _) = withoutPrefix(line[(equals + 1)...].drop(while: isBlank))
    return (line[(open + 1)..<close], try checksum(digits, [algorithm]))
  }

  /// xxhsum writes `XXH3_` before XXH3's digits, lest they pass for XXH64's.
  private func withoutPrefix(_ digits: ArraySlice<UInt8>) -> (ArraySlice<UInt8>, ChecksumAlgorithm?)
  {
    let prefix = "XXH3_".utf8
    return digits.starts(with: prefix) ? (digits.dropFirst(prefix.count), .xxh3) : (digits, nil)
  }

  private func checksum(_ digits: ArraySlice<UInt8>, _ candidates: [ChecksumAlgorithm])
    throws(ManifestError.Problem) -> Checksum
  {
    guard let algorithm = candidates.first(where: { 2 * $0.length == digits.count }) else {
      throw .checksumLength(digits: digits.count, expected: candidates)
    }
    guard let checksum = Checksum(algorithm, hexadecimal: digits) else {
      throw .notAChecksum(algorithm)
    }
    return checksum
  }

  /// What coreutils writes for a name with a backslash or a line's end; here no backslash ever separates.
  private func pathWithoutEscapes(_ bytes: ArraySlice<UInt8>) throws(ManifestError.Problem)
    -> RelativePath
  {
    var result: [UInt8] = []
    var rest = bytes
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        result.append(byte)
        continue
      }
      switch rest.popFirst() {
      case UInt8(ascii: "\\"): result.append(UInt8(ascii: "\\"))
      case UInt8(ascii: "n"): result.append(UInt8(ascii: "\n"))
      case UInt8(ascii: "r"): result.append(UInt8(ascii: "\r"))
      default: throw .badEscape
      }
    }
    return try listedPath(result[...], backslashSeparates: false)
  }
}

extension ManifestError.Problem {
  /// Whether a line that was cut anywhere, or whose end is still zeros, may look so.
  fileprivate var isLeftByACut: Bool {
    switch self {
    case .checksumLength, .noPath, .notALine, .badEscape, .unknownAlgorithm, .path(.nul, _),
      .path(.notAFileName, _):
      true
    default: false
    }
  }
}

private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

private func isTagCharacter(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
    UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"):
    true
  default: false
  }
}
