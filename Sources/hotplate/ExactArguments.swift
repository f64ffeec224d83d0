import Glibc

/// The exact bytes of an argument that the parser gave as a string.
///
/// Swift repairs arguments that are not UTF-8, and a repaired path names nothing. The bytes come from the process's
/// own argument vector: as a whole argument or as the value of `--option=value`.
///
/// - Throws: `.usage` if two different arguments look the same once repaired.
func exactBytes(
  of argument: String, in vector: [[UInt8]] = argumentVector()
) throws(Failure) -> [UInt8] {
  let wanted = Array(argument.utf8)
  if !argument.unicodeScalars.contains("\u{FFFD}") { return wanted }
  var found: Set<[UInt8]> = []
  for bytes in vector {
    let value =
      bytes.starts(with: Array("--".utf8))
      ? bytes.split(separator: UInt8(ascii: "="), maxSplits: 1).last : nil
    for candidate in [bytes[...], value].compactMap(\.self)
    where Array(String(decoding: candidate, as: UTF8.self).utf8) == wanted {
      found.insert(Array(candidate))
    }
  }
  guard found.count <= 1 else {
    throw Failure(
      .usage, "two arguments differ only in bytes that are not UTF-8: name one at a time")
  }
  return found.first ?? wanted
}

private func argumentVector() -> [[UInt8]] {
  (0..<Int(CommandLine.argc)).compactMap { CommandLine.unsafeArgv[$0].map { bytes(of: $0) } }
}

/// `path` seen from `directory`, without `.`, `..` and doubled slashes.
///
/// By its spelling alone: what a cancel speaks of may be gone already.
func absolutePath(_ path: [UInt8], in directory: [UInt8]) -> [UInt8] {
  let slash = UInt8(ascii: "/")
  var parts: [ArraySlice<UInt8>] = []
  for part in (path.first == slash ? path : directory + [slash] + path).split(separator: slash) {
    switch Array(part) {
    case Array(".".utf8): break
    case Array("..".utf8): _ = parts.popLast()
    default: parts.append(part)
    }
  }
  return [slash] + parts.joined(separator: [slash])
}

/// - Throws: `.noSuchInput` if it was removed.
func workingDirectory() throws(Failure) -> [UInt8] {
  guard let path = getcwd(nil, 0) else {
    throw Failure(.noSuchInput, "the working directory is gone")
  }
  defer { free(path) }
  return bytes(of: path)
}

private func bytes(of text: UnsafePointer<CChar>) -> [UInt8] {
  UnsafeBufferPointer(start: text, count: strlen(text)).map { UInt8(bitPattern: $0) }
}
