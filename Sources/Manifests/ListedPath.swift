import Paths

/// A path as a manifest spells it, made one beneath the manifest's directory.
///
/// `./` and doubled slashes go.
///
/// - Parameter backslashSeparates: then it does where the path has no slash, as tools of Windows write it; beside a
///   slash it is part of a name, as xxhsum leaves it.
func listedPath(_ bytes: ArraySlice<UInt8>, backslashSeparates: Bool = true)
  throws(ManifestError.Problem) -> RelativePath
{
  if bytes.contains(0) { throw problem(.nul, bytes) }
  var separator = UInt8(ascii: "/")
  if backslashSeparates, !bytes.contains(separator), bytes.contains(UInt8(ascii: "\\")) {
    separator = UInt8(ascii: "\\")
  }
  if bytes.first == separator || startsWithDrive(bytes) { throw problem(.absolute, bytes) }

  var clean: [UInt8] = []
  clean.reserveCapacity(bytes.count)
  for part in bytes.split(separator: separator) where !part.elementsEqual(".".utf8) {
    if part.elementsEqual("..".utf8) { throw problem(.leavesItsDirectory, bytes) }
    if !clean.isEmpty { clean.append(UInt8(ascii: "/")) }
    clean += part
  }
  guard bytes.last != separator, !clean.isEmpty, let path = RelativePath(clean) else {
    throw problem(.notAFileName, bytes)
  }
  return path
}

/// `C:\` or `C:/`: absolute where it comes from.
private func startsWithDrive(_ bytes: ArraySlice<UInt8>) -> Bool {
  let head = Array(bytes.prefix(3))
  guard head.count == 3, head[1] == UInt8(ascii: ":") else { return false }
  guard head[2] == UInt8(ascii: "\\") || head[2] == UInt8(ascii: "/") else { return false }
  return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(head[0] | 0x20)
}

private func problem(_ problem: ListedPathProblem, _ bytes: ArraySlice<UInt8>)
  -> ManifestError.Problem
{
  // A hostile line may be the whole file; a message should not.
  .path(problem, shown: shown(Array(bytes.prefix(200))) + (bytes.count > 200 ? "…" : ""))
}
