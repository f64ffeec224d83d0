import Paths

/// A format that has pictures.
struct PictureFormat: Hashable, Sendable {
  /// As people call it.
  let name: String
  /// Lower case; the first is the one that tools are given.
  let extensions: [String]
  fileprivate let magics: [Magic]
  /// Pixels are proportional to light, so they need a curve before anyone can look at them.
  var isLinear = false
  /// A movie: only ffmpeg reads it.
  var isMovie = false

  fileprivate struct Magic: Hashable {
    var offset = 0
    let bytes: [UInt8]
  }

  /// How many bytes ``begins(_:)`` wants to see.
  static let longestMagic = 16

  func begins(_ start: [UInt8]) -> Bool {
    magics.contains { start.dropFirst($0.offset).starts(with: $0.bytes) }
  }

  /// The format that the extension tells, whatever its case; nil for files that are no pictures.
  static func named(_ path: [UInt8]) -> PictureFormat? {
    guard let dot = path.lastIndex(of: UInt8(ascii: ".")) else { return nil }
    let suffix = String(decoding: path[(dot + 1)...], as: UTF8.self).lowercased()
    return all.first { $0.extensions.contains(suffix) }
  }

  /// The format of a file: what its first bytes say.
  ///
  /// Only those decide which reader a tool takes, so that no name leads it to another one. The name counts for TGA, which
  /// has no magic, and for whether a movie is wanted at all.
  static func of(start: [UInt8], named path: [UInt8]) -> PictureFormat? {
    let byName = named(path)
    if byName?.isMovie == true { return all.first { $0.isMovie && $0.begins(start) } }
    if let format = all.first(where: { !$0.isMovie && $0.begins(start) }) { return format }
    return byName?.magics.isEmpty == true ? byName : nil
  }

  static let openEXR = PictureFormat(
    name: "OpenEXR", extensions: ["exr"], magics: [Magic(bytes: [0x76, 0x2f, 0x31, 0x01])],
    isLinear: true)

  private static let all = [
    openEXR,
    PictureFormat(name: "DPX", extensions: ["dpx"], magics: texts("SDPX", "XPDS")),
    PictureFormat(
      name: "TIFF", extensions: ["tif", "tiff"],
      magics: texts("II*\0", "MM\0*", "II+\0", "MM\0+")),
    PictureFormat(
      name: "JPEG", extensions: ["jpg", "jpeg"], magics: [Magic(bytes: [0xff, 0xd8, 0xff])]),
    PictureFormat(
      name: "PNG", extensions: ["png"], magics: [Magic(bytes: [0x89] + Array("PNG\r\n".utf8))]),
    PictureFormat(name: "TGA", extensions: ["tga"], magics: []),
    PictureFormat(
      name: "Cineon", extensions: ["cin"],
      magics: [
        Magic(bytes: [0x80, 0x2a, 0x5f, 0xd7]), Magic(bytes: [0xd7, 0x5f, 0x2a, 0x80]),
      ]),
    PictureFormat(name: "Radiance HDR", extensions: ["hdr"], magics: texts("#?"), isLinear: true),
    PictureFormat(name: "SGI", extensions: ["sgi"], magics: [Magic(bytes: [0x01, 0xda])]),
    PictureFormat(name: "PSD", extensions: ["psd"], magics: texts("8BPS")),
    PictureFormat(
      name: "QuickTime", extensions: ["mov", "mp4"],
      magics: ["ftyp", "moov", "mdat", "wide", "free", "skip"].map {
        Magic(offset: 4, bytes: Array($0.utf8))
      }, isMovie: true),
    PictureFormat(
      name: "MXF", extensions: ["mxf"], magics: [Magic(bytes: [0x06, 0x0e, 0x2b, 0x34])],
      isMovie: true),
  ]

  private static func texts(_ texts: String...) -> [Magic] {
    texts.map { Magic(bytes: Array($0.utf8)) }
  }
}
