/// What `{token|filter}` does to a value.
enum Filter: Hashable, Sendable {
  case upper
  case lower
  /// As written in the name, before aliases.
  case raw
  /// Where there is no value, this one.
  case fallback([UInt8])
  case replace([UInt8], with: [UInt8])
  /// Small letters, digits, and one `-` for each run of anything else.
  case slug

  static let names = ["upper", "lower", "raw", "default", "replace", "slug"]
  /// These take what follows their colon.
  private static let withArgument: Set = ["default", "replace"]

  /// - Parameter offset: of `text` in the pattern, for the mistake.
  init(_ text: [Unicode.Scalar], offset: Int) throws(PatternError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = string(parts[0])
    let argument = parts.count > 1 ? Array(string(parts[1]).utf8) : nil
    let length = max(1, text.count)
    if Filter.withArgument.contains(name) != (argument != nil), Filter.names.contains(name) {
      throw PatternError(
        offset, length, code: "filter",
        argument == nil
          ? "the filter '\(name)' needs a value" : "the filter '\(name)' takes no value",
        hint: name == "replace"
          ? "replace:A,B" : name == "default" ? "default:X" : "write it alone: \(name)")
    }
    switch name {
    case "upper": self = .upper
    case "lower": self = .lower
    case "raw": self = .raw
    case "slug": self = .slug
    case "default":
      let value = argument ?? []
      guard !value.isEmpty, !value.contains(ASCII.slash) else {
        throw PatternError(
          offset, length, code: "filter",
          value.isEmpty ? "'default' needs a value" : "a value cannot hold '/'", hint: "default:X")
      }
      self = .fallback(value)
    case "replace":
      let both = (argument ?? []).split(
        separator: UInt8(ascii: ","), maxSplits: 1, omittingEmptySubsequences: false)
      guard both.count == 2, !both[0].isEmpty, !both[1].contains(ASCII.slash) else {
        throw PatternError(
          offset, length, code: "filter", "'replace' needs two texts", hint: "replace:A,B")
      }
      self = .replace(Array(both[0]), with: Array(both[1]))
    default:
      throw PatternError(
        offset, length, code: "filter", "unknown filter '\(name)'",
        hint: suggestion(for: name, among: Filter.names))
    }
  }

  func applied(to value: [UInt8]) -> [UInt8] {
    switch self {
    case .upper: changingCase(value, { $0.uppercased() }, \.uppercased)
    case .lower: changingCase(value, { $0.lowercased() }, \.lowercased)
    case .slug: slugged(value)
    case .replace(let old, let new): value.replacing(old, with: new)
    case .raw, .fallback: value
    }
  }
}

/// Bytes that are not UTF-8 change as ASCII.
private func changingCase(
  _ value: [UInt8], _ text: (String) -> String, _ byte: (UInt8) -> UInt8
) -> [UInt8] {
  if value.contains(where: { $0 >= 0x80 }), let whole = String(validating: value, as: UTF8.self) {
    return Array(text(whole).utf8)
  }
  return value.map(byte)
}

private func slugged(_ value: [UInt8]) -> [UInt8] {
  var result = ""
  for character in value.text.lowercased() {
    if character.isLetter || character.isNumber {
      result.append(character)
    } else if !result.isEmpty, result.last != "-" {
      result.append("-")
    }
  }
  if result.last == "-" { result.removeLast() }
  return Array(result.utf8)
}

/// `{version:03d}`: a number with at least so many digits, a minus included, zeros filling it up.
struct NumberFormat: Hashable, Sendable {
  let width: Int

  /// Without zeros in front.
  static let plain = NumberFormat(width: 1)
  private init(width: Int) { self.width = width }

  init(_ text: [Unicode.Scalar], offset: Int) throws(PatternError) {
    var digits = text
    if digits.last == "d" { digits.removeLast() }
    let isPadded = digits.first == "0"
    let width = digits.isEmpty ? 1 : Int(string(digits))
    guard let width, (1...18).contains(width), digits.isEmpty || isPadded, !text.isEmpty else {
      throw PatternError(
        offset, max(1, text.count), code: "format", "unknown format '\(string(text))'",
        hint: "03d: at least three digits, zeros before them")
    }
    self.width = width
  }

  /// - Returns: nil if the value is not a whole number. It may be longer than any `Int`.
  func applied(to value: [UInt8]) -> [UInt8]? {
    let isNegative = value.first == ASCII.minus
    let digits = value.dropFirst(isNegative ? 1 : 0)
    guard !digits.isEmpty, digits.allSatisfy(\.isDigit) else { return nil }
    let plain = digits.drop { $0 == ASCII.zero }
    let number = plain.isEmpty ? [ASCII.zero] : Array(plain)
    let sign = isNegative && !plain.isEmpty ? [ASCII.minus] : []
    let fill = max(0, width - number.count - sign.count)
    return sign + Array(repeating: ASCII.zero, count: fill) + number
  }
}
