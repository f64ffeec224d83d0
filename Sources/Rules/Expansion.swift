import Paths
import Sequences

/// A path made from a template, not yet checked as a whole.
struct Expansion {
  var path: [UInt8] = []
  /// Where the number of the frame or tile stands in `path`.
  var slots: [Range<Int>] = []
  /// Where `{version}` stands, its least number of digits, and the number that the source has.
  var versions: [(range: Range<Int>, padding: Int, source: Int?)] = []
}

/// The values that one file gives to a template.
struct FileValues {
  let rule: String
  let file: RelativePath
  let tokens: TokenValues
  let slot: Slot?
  /// The number as the destination has it, if the file has a slot.
  var number: [UInt8]?
  let delivery: RelativePath?
  var day = Day.today
  /// Takes the place of the version that the source has.
  var version: Int?

  var name: [UInt8] { file.name?.bytes ?? [] }

  func expanded(_ template: Template) throws(DestinationError) -> Expansion {
    var expansion = Expansion()
    for piece in template.pieces {
      if let missing = try append(piece, to: &expansion) {
        throw error(.noValue(missing))
      }
    }
    return expansion
  }

  /// - Returns: the token that has no value, and with it nothing that counts in `expansion`.
  private func append(_ piece: Template.Piece, to expansion: inout Expansion)
    throws(DestinationError) -> String?
  {
    switch piece {
    case .literal(let literal): expansion.path += literal
    case .optional(let inner):
      let before = expansion
      for piece in inner where try append(piece, to: &expansion) != nil {
        expansion = before
        break
      }
    case .value(let value):
      let start = expansion.path.count
      if value.name == slot?.tokenName, let number {
        expansion.path += value.format?.applied(to: number) ?? number
        expansion.slots.append(start..<expansion.path.count)
        return nil
      }
      guard var bytes = try bytes(of: value) else { return value.name }
      if ["name", "below"].contains(value.name), value.filters.isEmpty, let slot {
        let shift = start + bytes.count - name.count
        expansion.slots.append(slot.range.lowerBound + shift..<slot.range.upperBound + shift)
      }
      if value.name == Token.versionName {
        let source = bytes.allSatisfy(\.isDigit) ? Int(bytes.text) : nil
        // Without a format as wide as the source's, if that begins with a zero.
        let padding = value.format?.width ?? (bytes.first == ASCII.zero ? bytes.count : 1)
        if let version, source != nil {
          let digits = Array(String(version).utf8)
          let zeros = max(0, padding - digits.count)
          bytes = Array(repeating: ASCII.zero, count: zeros) + digits
        }
        expansion.versions.append((start..<start + bytes.count, padding, source))
      }
      expansion.path += bytes
    }
    return nil
  }

  private func bytes(of value: Template.Value) throws(DestinationError) -> [UInt8]? {
    var (current, raw) = source(of: value.name)
    for filter in value.filters {
      switch filter {
      case .fallback(let text): if current?.isEmpty ?? true { current = text }
      case .raw: if let raw { current = raw }
      default: current = current.map(filter.applied)
      }
    }
    // A filter may leave nothing: `slug` of signs alone.
    guard var result = current, !result.isEmpty else { return nil }
    if let format = value.format {
      guard let number = format.applied(to: result) else {
        throw error(.notANumber(value.name, result))
      }
      result = number
    }
    try check(result, of: value.name)
    return result
  }

  /// A value with and without its alias resolved; an empty one is none.
  private func source(of name: String) -> (value: [UInt8]?, raw: [UInt8]?) {
    let computed: [UInt8]
    switch name {
    case "name": computed = self.name
    case "stem": computed = stem(of: FileName(self.name), slot: slot)
    case "below":
      computed = delivery.flatMap { file.relative(to: $0) }?.bytes ?? []
    case "today": computed = Array(day.description.utf8)
    case "parent": computed = file.parent.name?.bytes ?? []
    default:
      guard let known = tokens[name], !known.raw.isEmpty else { return (nil, nil) }
      return (known.value, known.raw)
    }
    return computed.isEmpty ? (nil, nil) : (computed, computed)
  }

  private func check(_ value: [UInt8], of token: String) throws(DestinationError) {
    if value.contains(ASCII.slash), token != "below" {
      throw error(.unsafe(token, value, "holds a '/'"))
    }
    if value.contains(0) { throw error(.unsafe(token, value, "holds a NUL")) }
    if value == [ASCII.dot] || value == [ASCII.dot, ASCII.dot] {
      throw error(.unsafe(token, value, "is no name for a file"))
    }
  }

  func error(_ reason: DestinationError.Reason) -> DestinationError {
    DestinationError(rule: rule, source: file, reason: reason)
  }
}

extension Slot {
  /// The token that stands for this slot in a rule.
  var tokenName: String {
    switch kind {
    case .frame: Token.frameName
    case .udim: Token.udimName
    }
  }
}

/// The stem of a name, as in `STEM.cancel`: what stands before the slot, without the separators there; for a name
/// without slot, what stands before the extension.
public func stem(of name: FileName, slot: Slot?) -> [UInt8] {
  var stem: ArraySlice<UInt8>
  if let slot {
    stem = slot.head(in: name)
    while let last = stem.last, separators.contains(last) {
      stem.removeLast()
    }
  } else {
    let cut = name.bytes.lastIndex(of: ASCII.dot) ?? 0
    stem = cut > 0 ? name.bytes[..<cut] : name.bytes[...]
  }
  return Array(stem)
}

/// The same as those before which `STEM.cancel` may be cut.
private let separators = Array("._- ".utf8)
