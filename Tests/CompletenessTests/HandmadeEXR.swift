import Glibc
import Paths
import TestSupport

/// An EXR file of one half channel and no pixels but zeros: header, offset table and leaders, put together by hand.
///
/// It holds what oiiotool does not write (ripmaps) or nobody should (tables of 2^31 chunks).
struct HandmadeEXR {
  var width: Int32 = 64
  var height: Int32 = 64
  var compression: UInt8 = 0
  var tiles: (size: UInt32, mode: UInt8)?

  var header: [UInt8] {
    let window = le(Int32(0)) + le(Int32(0)) + le(width - 1) + le(height - 1)
    let channel = cString("R") + le(Int32(1)) + le(Int32(0)) + le(Int32(1)) + le(Int32(1)) + [0]
    var bytes: [UInt8] = [0x76, 0x2f, 0x31, 0x01, 2, tiles == nil ? 0 : 2, 0, 0]
    bytes += attribute("channels", "chlist", channel)
    bytes += attribute("compression", "compression", [compression])
    bytes += attribute("dataWindow", "box2i", window) + attribute("displayWindow", "box2i", window)
    bytes += attribute("lineOrder", "lineOrder", [0])
    bytes += attribute("pixelAspectRatio", "float", le(Float(1).bitPattern))
    bytes += attribute("screenWindowCenter", "v2f", [UInt8](repeating: 0, count: 8))
    bytes += attribute("screenWindowWidth", "float", le(Float(1).bitPattern))
    if let tiles {
      bytes += attribute("tiles", "tiledesc", le(tiles.size) + le(tiles.size) + [tiles.mode])
    }
    return bytes + [0]
  }

  /// Writes the file with a chunk for each of `places`, sparse.
  ///
  /// - Parameter places: the coordinates of each chunk as its leader has them, and the bytes of its data.
  func write(_ places: [(coordinates: [Int32], bytes: Int)], to sample: Sample) throws {
    var bytes = header
    var offset = bytes.count + 8 * places.count
    for place in places {
      bytes += le(UInt64(offset))
      offset += 4 * place.coordinates.count + 4 + place.bytes
    }
    try sample.descriptor.truncate(to: offset)
    try sample.write(bytes, at: 0)
    offset = bytes.count
    for place in places {
      let leader = place.coordinates.flatMap { le($0) } + le(Int32(place.bytes))
      try sample.write(leader, at: offset)
      offset += leader.count + place.bytes
    }
  }

  private func attribute(_ name: String, _ type: String, _ value: [UInt8]) -> [UInt8] {
    cString(name) + cString(type) + le(Int32(value.count)) + value
  }

  private func cString(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }
}

func le(_ number: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: number.littleEndian) { Array($0) }
}
