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
