public import Paths

/// Whether a name says that its file is still being written, or is not meant to be seen: it counts when renamed.
///
/// These are hidden names, which hold rsync's `.name.ext.XXXXXX`; names that end in `.part`, `.partial`, `.filepart` or
/// `.tmp` in any case (browsers and curl, Aspera, WinSCP, everyone); and names that end in `~`. A sentinel such as
/// `.cancel` is hidden too: who looks for sentinels looks before asking here.
public func isInFlight(_ name: FileName) -> Bool { isInFlight(name.bytes.span) }

func isInFlight(_ name: Span<UInt8>) -> Bool {
  if name.isEmpty { return false }
  let last = name[name.count - 1]
  if name[0] == dot || last == UInt8(ascii: "~") { return true }
  // `part`, `partial`, `filepart`, `tmp` end in three letters; nearly every name is done here.
  switch last | 0x20 {
  case UInt8(ascii: "t"), UInt8(ascii: "l"), UInt8(ascii: "p"): break
  default: return false
  }
  var cut = name.count
  while cut > 0, name[cut - 1] != dot { cut -= 1 }
  guard cut > 0 else { return false }
  return name.extracting(cut..<name.count).equalsIgnoringCase(anyOf: inFlightExtensions)
}

private let inFlightExtensions: [StaticString] = ["part", "partial", "filepart", "tmp"]

/// Whether a hidden name is that of a copy under way, and not one of the system's own: rsync's `.name.ext.XXXXXX`, or a
/// hidden name with an ending of those that ``isInFlight(_:)`` knows.
public func isTemporaryCopy(_ name: FileName) -> Bool {
  guard name.bytes.first == dot else { return false }
  if isInFlight(FileName(Array(name.bytes.dropFirst()))) { return true }
  let ending = name.bytes.suffix(7)
  return name.bytes.count > 9 && ending.first == dot
    && ending.dropFirst().allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    } && name.bytes.dropFirst().dropLast(7).contains(dot)
}
