import COpenEXR
import Completeness
import Files
import ReadModel

/// What the header of an EXR file says, and which of its channels to look at.
struct EXRHeader: Hashable, Sendable {
  let facts: PictureFacts
  let look: Look

  /// The channels that make a picture.
  struct Look: Hashable, Sendable {
    /// Which part, from 0.
    var part = 0
    /// One, or red, green and blue; nil if their names cannot stand on a command line.
    var channels: [String]?
    /// Has samples at several depths, which must be merged first.
    var isDeep = false
  }

  /// - Returns: nil for a file that OpenEXRCore refuses.
  /// - Throws: when the file cannot be read.
  init?(_ file: Descriptor, size: Int) throws(SystemError) {
    let header = try withEXRHeader(of: file, size: size) { (context, count) -> EXRHeader? in
      let parts = (0..<min(count, mostParts)).map { Part(context, $0) }
      return EXRHeader(
        facts: readFacts(context, parts, isMultipart: count > 1), look: choose(parts) ?? Look())
    }
    guard let header else { return nil }
    self = header
  }

  private init(facts: PictureFacts, look: Look) {
    self.facts = facts
    self.look = look
  }
}

// Headers are not bounded in these; answers are.
private let mostParts: Int32 = 200
private let mostChannels = 1000

private struct Part {
  let name: String?
  let channels: [String]
  let isDeep: Bool

  init(_ context: exr_context_t, _ index: Int32) {
    var text: UnsafePointer<CChar>?
    name = exr_get_name(context, index, &text) == 0 ? text.map { String(cString: $0) } : nil
    var list: UnsafePointer<exr_attr_chlist_t>?
    if exr_get_channels(context, index, &list) == 0, let list {
      channels = UnsafeBufferPointer(
        start: list.pointee.entries, count: Int(max(0, list.pointee.num_channels))
      ).prefix(mostChannels).map { entry in
        entry.name.str.map { String(cString: $0) } ?? ""
      }
    } else {
      channels = []
    }
    var storage = EXR_STORAGE_LAST_TYPE
    isDeep =
      exr_get_storage(context, index, &storage) == 0
      && (storage == EXR_STORAGE_DEEP_SCANLINE || storage == EXR_STORAGE_DEEP_TILED)
  }
}

private func readFacts(_ context: exr_context_t, _ parts: [Part], isMultipart: Bool) -> PictureFacts
{
  var facts = PictureFacts(format: PictureFormat.openEXR.name)
  var window = exr_attr_box2i_t()
  if exr_get_display_window(context, 0, &window) == 0 {
    facts.width = Int(window.max.x) - Int(window.min.x) + 1
    facts.height = Int(window.max.y) - Int(window.min.y) + 1
  }
  facts.channels = Array(
    parts.flatMap { part -> [String] in
      part.channels.sorted { rank($0) < rank($1) }.map { channel in
        guard isMultipart, let name = part.name, !channel.hasPrefix("\(name).") else {
          return channel
        }
        return "\(name).\(channel)"
      }
    }.prefix(mostChannels))
  var compression = EXR_COMPRESSION_NONE
  if exr_get_compression(context, 0, &compression) == 0 {
    facts.compression = compressionNames[compression.rawValue]
  }
  // The second spelling is that of files that OpenImageIO wrote.
  for name in ["framesPerSecond", "FramesPerSecond"] where facts.frameRate == nil {
    var rate = exr_attr_rational_t()
    if exr_attr_get_rational(context, 0, name, &rate) == 0, rate.num > 0, rate.denom > 0 {
      facts.frameRate = Double(rate.num) / Double(rate.denom)
    }
  }
  var code = exr_attr_timecode_t()
  if exr_attr_get_timecode(context, 0, "timeCode", &code) == 0 {
    facts.timeCode = timeCode(code.time_and_flags)
  }
  return facts
}

private let compressionNames: [UInt32: String] = [
  0: "none", 1: "rle", 2: "zips", 3: "zip", 4: "piz", 5: "pxr24", 6: "b44", 7: "b44a", 8: "dwaa",
  9: "dwab",
]

/// R, G, B and A before the others, which keep their order.
private func rank(_ channel: String) -> Int {
  ["R", "G", "B", "A"].firstIndex(of: channel) ?? 4
}

/// Time and flags as OpenEXR packs them: digits in four bits each, drop-frame in bit 6.
///
/// - Returns: nil for digits that are none.
/// - SeeAlso: SMPTE ST 12-1; ImfTimeCode.h
func timeCode(_ packed: UInt32) -> String? {
  func digits(_ shift: UInt32, _ tens: UInt32) -> String? {
    let (ten, unit) = (packed >> (shift + 4) & tens, packed >> shift & 0xf)
    return ten < 10 && unit < 10 ? "\(ten)\(unit)" : nil
  }
  guard let hours = digits(24, 3), let minutes = digits(16, 7), let seconds = digits(8, 7),
    let frames = digits(0, 3), hours < "24", minutes < "60", seconds < "60"
  else { return nil }
  return "\(hours):\(minutes):\(seconds)\(packed & 0x40 != 0 ? ";" : ":")\(frames)"
}

/// Red, green and blue of the first part and layer that has them, plain names first; else a luminance; else the first
/// channel there is.
private func choose(_ parts: [Part]) -> EXRHeader.Look? {
  let layers = parts.enumerated().flatMap { (index, part) in
    part.channels.filter { isLast("R", in: $0) }.map { red in
      (index, ["R", "G", "B"].map { String(red.dropLast()) + $0 })
    }.filter { (_, names) in names.allSatisfy(part.channels.contains) }
  }
  if let (index, names) = layers.first(where: { $1[0] == "R" }) ?? layers.first {
    return parts[index].look(index, names)
  }
  for name in ["Y", parts.first?.channels.first ?? ""] {
    if let index = parts.firstIndex(where: { $0.channels.contains(name) }) {
      return parts[index].look(index, [name])
    }
  }
  return nil
}

private func isLast(_ component: String, in channel: String) -> Bool {
  channel == component || channel.hasSuffix(".\(component)")
}

extension Part {
  fileprivate func look(_ index: Int, _ names: [String]) -> EXRHeader.Look {
    // A comma, colon or equals sign would mean something to the tool.
    let arePlain = names.allSatisfy { name in
      !name.isEmpty && name.utf8.count < 256
        && name.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2e || $0 == 0x5f }
    }
    return EXRHeader.Look(part: index, channels: arePlain ? names : nil, isDeep: isDeep)
  }
}

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
    UInt8(ascii: "A")...UInt8(ascii: "Z"):
    true
  default: false
  }
}
