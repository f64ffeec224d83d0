import Glibc

/// Looks through an XML document before a parser does, and refuses what could cost more than its size.
///
/// - Throws: `.documentType` (entities that multiply), `.longTag` (libxml2 compares each attribute with all others),
///   `.encoding` for what would hide these two from a look at the bytes.
func guardHashList(_ text: ArraySlice<UInt8>) throws(HashListProblem) {
  if let encoding = foreignEncoding(text) { throw HashListProblem(1, .encoding(encoding)) }
  let found = text.withUnsafeBytes { bytes -> (offset: Int, problem: ManifestError.Problem)? in
    if let offset = bytes.offset(of: 0, from: 0) { return (offset, .path(.nul, shown: "…")) }
    var tag = bytes.offset(of: UInt8(ascii: "<"), from: 0)
    while let start = tag {
      let next = bytes.offset(of: UInt8(ascii: "<"), from: start + 1)
      let rest = bytes[start...]
      if rest.starts(with: "<!DOCTYPE".utf8) || rest.starts(with: "<!ENTITY".utf8) {
        return (start, .documentType)
      }
      // Comments and CDATA ("<!") and instructions ("<?") have no attributes.
      let second = rest.dropFirst().first
      if second != UInt8(ascii: "!"), second != UInt8(ascii: "?"),
        (next ?? bytes.count) - start > HashListReader.maximumTag
      {
        return (start, .longTag)
      }
      tag = next
    }
    return nil
  }
  guard let found else { return }
  let before = text[..<(text.startIndex + found.offset)]
  throw HashListProblem(1 + before.count { $0 == UInt8(ascii: "\n") }, found.problem)
}

/// What is wrong with a hash list, and at which line.
struct HashListProblem: Error {
  let line: Int
  let problem: ManifestError.Problem
  init(_ line: Int, _ problem: ManifestError.Problem) {
    self.line = line
    self.problem = problem
  }
}

/// The encoding that the XML declaration names, if it is not UTF-8 or a part of it.
private func foreignEncoding(_ text: ArraySlice<UInt8>) -> String? {
  // A declaration has no reason to be longer, and no encoding that hides its own end comes through.
  let head = String(decoding: text.prefix(200), as: UTF8.self)
  guard let start = head.firstRange(of: "<?xml"),
    !head[..<start.lowerBound].contains("<")
  else { return nil }
  guard let end = head.firstRange(of: "?>") else { return "an endless XML declaration" }
  let declaration = head[start.upperBound..<end.lowerBound]
  guard let word = declaration.firstRange(of: "encoding") else { return nil }
  let quoted = declaration[word.upperBound...].split(
    omittingEmptySubsequences: false, whereSeparator: { $0 == "\"" || $0 == "'" })
  let name = quoted.count > 1 ? String(quoted[1]) : ""
  return ["UTF-8", "UTF8", "US-ASCII", "ASCII"].contains(name.uppercased()) ? nil : "'\(name)'"
}

extension UnsafeRawBufferPointer {
  fileprivate func offset(of byte: UInt8, from start: Int) -> Int? {
    guard start < count, let base = baseAddress,
      let found = memchr(base + start, Int32(byte), count - start)
    else { return nil }
    return UnsafeRawPointer(found) - base
  }
}
