public import Paths

/// The slot of a name that no rule speaks for: the last number before the extension, where that is a frame.
///
/// The guess would rather find none than merge what does not belong together:
///
/// - The number stands at the end (`a.1001`), directly before the extension (`a_1001.exr`, `img0001.png`), or before a
///   suffix: any suffix after a number between dots (`a.1001_crypto.exr`), a view after a number of its own
///   (`a_1001_l.exr`; l, r, left, right).
/// - `sh010_v003.exr`: a version (v, ver, version) is no frame, and nothing before it is.
/// - `a.1001.25.exr`: a number between dots after another is a subframe, and the name has no slot; unless it is longer
///   than the first and has four digits or more, as in `show.010.1001.exr`.
/// - `a.1002 2.exr`, `a.1002 copy 2.exr`: a Finder duplicate. `isInFlight` names have no slot either.
/// - More than 18 digits are not a frame.
///
/// A tile is guessed only where the name says texture: `isTile` below.
public func guessSlot(in name: FileName) -> Slot? {
  let bytes = name.bytes.span
  guard let range = guessFrame(in: bytes) else { return nil }
  let isUDIM =
    isTile(FrameNumber(bytes, at: range))
    && saysTexture(
      head: bytes.extracting(..<range.lowerBound), tail: bytes.extracting(range.upperBound...))
  return Slot(isUDIM ? .udim : .frame, range: range)
}

/// Bytes of the number, sign included.
func guessFrame(in name: Span<UInt8>) -> Range<Int>? {
  if isInFlight(name) { return nil }
  let stem = stemEnd(of: name)
  var end = stem
  while end > 0, !isDigit(name[end - 1]) { end -= 1 }
  var start = end
  while start > 0, isDigit(name[start - 1]) { start -= 1 }
  let digits = start..<end
  guard (1...maxDigits).contains(digits.count) else { return nil }
  if isVersion(numberAt: start, in: name) || isDuplicate(digits, in: name) { return nil }
  if stem < name.count, isDigit(name[name.count - 1]), isVersionExtension(stem, in: name) {
    return nil
  }
  let number = signed(digits, in: name)
  guard end == stem || standsBeforeSuffix(number, stem: stem, in: name) else { return nil }
  return isSubframe(number, in: name) ? nil : number
}

/// Where the extension starts, at its dot; the end of the name if it has none.
///
/// An extension holds a letter and nothing but letters and digits. One that wraps another (`.bgeo.sc`, `.exr.md5`) takes
/// it along.
private func stemEnd(of name: Span<UInt8>) -> Int {
  guard let last = extensionDot(before: name.count, in: name) else { return name.count }
  let outer = name.extracting(last + 1..<name.count)
  // Each of the wrapping extensions ends in one of these; nearly every name is done here.
  switch name[name.count - 1] | 0x20 {
  case UInt8(ascii: "c"), UInt8(ascii: "z"), UInt8(ascii: "2"), UInt8(ascii: "t"),
    UInt8(ascii: "5"), UInt8(ascii: "1"), UInt8(ascii: "4"), UInt8(ascii: "k"):
    guard outer.equalsIgnoringCase(anyOf: wrappingExtensions) else { return last }
    return extensionDot(before: last, in: name) ?? last
  default: return last
  }
}

private let wrappingExtensions: [StaticString] = [
  "sc", "gz", "xz", "bz2", "zst", "md5", "sha1", "xxh64", "bak",
]

private func extensionDot(before end: Int, in name: Span<UInt8>) -> Int? {
  var index = end
  var hasLetter = false
  while index > 0 {
    let byte = name[index - 1]
    if byte == dot { return hasLetter ? index - 1 : nil }
    if isLetter(byte) { hasLetter = true } else if !isDigit(byte) { return nil }
    index -= 1
  }
  return nil
}

/// Whether the number at `start` follows the word v, ver or version, directly or after one space.
private func isVersion(numberAt start: Int, in name: Span<UInt8>) -> Bool {
  guard start > 0 else { return false }
  let end = name[start - 1] == space ? start - 1 : start
  guard end > 0, isASCIILetter(name[end - 1]) else { return false }
  var first = end
  while first > 0, isLetter(name[first - 1]) { first -= 1 }
  guard name[first] | 0x20 == UInt8(ascii: "v") else { return false }
  return name.extracting(first..<end).equalsIgnoringCase(anyOf: ["v", "ver", "version"])
}

/// Whether what looks like the extension is a version at the end: `sh.010.v003`.
private func isVersionExtension(_ stem: Int, in name: Span<UInt8>) -> Bool {
  var start = name.count
  while start > stem, isDigit(name[start - 1]) { start -= 1 }
  return isVersion(numberAt: start, in: name)
}

/// Whether the number is a file manager's counter: `a.1002 2.exr`, `a.1002 copy 2.exr`.
///
/// `sh 010 1001.exr` is none: such counters are one or two digits.
private func isDuplicate(_ digits: Range<Int>, in name: Span<UInt8>) -> Bool {
  let start = digits.lowerBound
  guard digits.count <= 2, start >= 2, name[start - 1] == space,
    name[start] != UInt8(ascii: "0")
  else { return false }
  if isDigit(name[start - 2]) { return true }
  return start >= 6 && name[start - 6] == space
    && name.extracting(start - 5..<start - 1).equalsIgnoringCase("copy")
}

private func standsBeforeSuffix(_ number: Range<Int>, stem: Int, in name: Span<UInt8>) -> Bool {
  let end = number.upperBound
  guard isSeparator(name[end]) else { return false }
  for index in end..<stem where !isLetter(name[index]) && !isSeparator(name[index]) { return false }
  let start = number.lowerBound
  if start > 0, name[start - 1] == dot { return true }
  guard start == 0 || isSeparator(name[start - 1]) else { return false }
  return name.extracting(end + 1..<stem).equalsIgnoringCase(anyOf: ["l", "r", "left", "right"])
}

private func isSeparator(_ byte: UInt8) -> Bool {
  byte == dot || byte == underscore || byte == minus
}

/// Whether the number follows another one that stands between dots: `a.1001.25`.
///
/// `sh_0010.1001` is none, for the first number has no dot before it; nor is `a.20240115.1001`: seven digits and more
/// are a date, not a frame.
private func isSubframe(_ number: Range<Int>, in name: Span<UInt8>) -> Bool {
  let end = number.lowerBound - 1
  guard end > 0, name[end] == dot, isDigit(name[end - 1]) else { return false }
  var start = end
  while start > 0, isDigit(name[start - 1]) { start -= 1 }
  let whole = signed(start..<end, in: name)
  guard whole.lowerBound == 0 || name[whole.lowerBound - 1] == dot || whole.lowerBound < start,
    end - start <= 6
  else { return false }
  return number.count < 4 || number.count <= end - start
}
