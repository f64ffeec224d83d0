/// Bytes of names as a person may safely see them.
///
/// A name may hold a newline, a terminal escape, a mark that turns text around, or bytes that are not UTF-8. Each of
/// these is shown as `\xNN` for its bytes and a backslash as `\\`, so that two names never look the same and none acts
/// on a terminal.
public func shown(_ bytes: [UInt8]) -> String {
  if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }) {
    return String(decoding: bytes, as: UTF8.self)
  }
  var result = ""
  var rest = bytes[...]
  while let first = rest.first {
    let length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
    let piece = rest.prefix(length)
    if let text = String(validating: piece, as: UTF8.self), let scalar = text.unicodeScalars.first {
      if scalar == "\\" {
        result += "\\\\"
      } else if isHarmless(scalar) {
        result += text
      } else {
        for byte in piece { result += escaped(byte) }
      }
      rest = rest.dropFirst(length)
    } else {
      result += escaped(first)
      rest = rest.dropFirst()
    }
  }
  return result
}

private func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
    false
  default: true
  }
}

private func escaped(_ byte: UInt8) -> String {
  let digits = String(byte, radix: 16)
  return "\\x" + (digits.count == 1 ? "0" : "") + digits
}

extension FileName: CustomStringConvertible {
  /// For showing only; never a key.
  public var description: String { shown(bytes) }
}

extension RelativePath: CustomStringConvertible {
  /// For showing only; never a key. The root shows as `.`.
  public var description: String { isRoot ? "." : shown(bytes) }
}
