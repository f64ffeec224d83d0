/// Whether a number may be a UDIM tile: 1001 to 1999, ten tiles a row.
func isTile(_ number: FrameNumber) -> Bool {
  number.width == 4 && (1001...1999).contains(number.value)
}

/// Whether the rest of a name says that it is a texture: the word udim, tex, texture or textures, or the extension
/// tx, tex or rat.
///
/// Words such as diffuse or normal say nothing: lighting calls its layers so, and a frame taken for a tile could not be
/// renumbered. A rule with `{udim}` knows better.
func saysTexture(head: Span<UInt8>, tail: Span<UInt8>) -> Bool {
  if holdsTextureWord(head) || holdsTextureWord(tail) { return true }
  var cut = tail.count
  while cut > 0, tail[cut - 1] != dot { cut -= 1 }
  return cut > 0 && tail.extracting(cut..<tail.count).equalsIgnoringCase(anyOf: ["tx", "rat"])
}

private func holdsTextureWord(_ bytes: Span<UInt8>) -> Bool {
  var start = 0
  for index in 0...bytes.count where index == bytes.count || !isLetter(bytes[index]) {
    if bytes.extracting(start..<index).equalsIgnoringCase(anyOf: textureWords) { return true }
    start = index + 1
  }
  return false
}

private let textureWords: [StaticString] = ["udim", "tex", "texture", "textures"]
