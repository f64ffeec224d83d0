import COpenEXR
import Files
import Glibc

/// What the header of an EXR file says of one part: where its chunks stand in the picture.
struct EXRPart {
  let chunkCount: Int
  let isDeep: Bool
  let compression: UInt32
  let layout: Layout
  let channels: [Channel]

  enum Layout {
    case scanlines(Window, perChunk: Int)
    case tiles([TileLevel])
  }

  struct Channel {
    let bytes: Int
    let isHalf: Bool
    let xSampling: Int
    let ySampling: Int
  }

  /// The pixels from min to max, both included.
  struct Window {
    let x: ClosedRange<Int>
    let y: ClosedRange<Int>
  }

  /// One resolution of a tiled part.
  struct TileLevel {
    let x: Int32
    let y: Int32
    let width: Int
    let height: Int
    let tileWidth: Int
    let tileHeight: Int

    var columns: Int { (width + tileWidth - 1) / tileWidth }
    var rows: Int { (height + tileHeight - 1) / tileHeight }
    var tileCount: UInt64 { UInt64(columns).multipliedClamped(UInt64(rows)) }
  }
}

/// The parts of an EXR file, as OpenEXRCore reads its header; nil if it refuses.
func exrParts(of image: ImageFile) throws(Stop) -> [EXRPart]? {
  try withEXRHeader(of: image) { (context, count) -> [EXRPart]? in
    var parts: [EXRPart] = []
    for index in 0..<count {
      guard let part = EXRPart(context, index) else { return nil }
      parts.append(part)
    }
    return parts
  }
}

/// Calls `body` with the header of an EXR file as OpenEXRCore reads it, and how many parts it has, at least 1.
///
/// It reads from the file at most 64 MiB in 500,000 calls, allocates at most 16 MiB at once, and says nothing on standard
/// error.
///
/// - Parameter size: bytes, as the file's status has it.
/// - Returns: nil also if the library refuses the file, or it would take more.
/// - Throws: when the file cannot be read (EIO, ESTALE). Nothing that stands in the file throws.
/// - SeeAlso: openexr_context.h
package func withEXRHeader<R>(
  of file: Descriptor, size: Int, _ body: (exr_context_t, Int32) -> R?
) throws(SystemError) -> R? {
  do throws(Stop) {
    return try withEXRHeader(of: ImageFile(file, size: size), body)
  } catch {
    switch error {
    case .verdict: return nil
    case .failed(let error): throw error
    }
  }
}

private func withEXRHeader<R>(of image: ImageFile, _ body: (exr_context_t, Int32) -> R?)
  throws(Stop) -> R?
{
  let source = Source(image)
  var setup = exr_context_initializer_t()
  setup.size = MemoryLayout<exr_context_initializer_t>.size
  setup.zip_level = -2
  setup.dwa_quality = -1
  setup.flags = Int32(
    EXR_CONTEXT_FLAG_SILENT_HEADER_PARSE | EXR_CONTEXT_FLAG_DISABLE_CHUNK_RECONSTRUCTION)
  setup.error_handler_fn = { _, _, _ in }
  setup.alloc_fn = { $0 > 16 << 20 ? nil : malloc($0) }
  setup.free_fn = { free($0) }
  setup.user_data = Unmanaged.passUnretained(source).toOpaque()
  setup.size_fn = { _, source in Int64(Source.from(source).image.size) }
  setup.read_fn = { _, source, buffer, count, offset, _ in
    Source.from(source).read(buffer, count, offset)
  }

  var context: exr_context_t?
  let result = withExtendedLifetime(source) { () -> R? in
    // The name is for the library's messages.
    guard exr_start_read(&context, "frame", &setup) == 0, let context else { return nil }
    var count: Int32 = 0
    guard exr_get_count(context, &count) == 0, count > 0 else { return nil }
    return body(context, count)
  }
  if context != nil { exr_finish(&context) }
  if let stop = source.stop { throw stop }
  return result
}

/// What the library reads from.
private final class Source {
  let image: ImageFile
  /// Why a read failed.
  private(set) var stop: Stop?

  init(_ image: ImageFile) { self.image = image }

  static func from(_ pointer: UnsafeMutableRawPointer?) -> Source {
    Unmanaged<Source>.fromOpaque(pointer!).takeUnretainedValue()
  }

  /// The bytes read; -1 for an error, as `pread(2)`.
  func read(_ buffer: UnsafeMutableRawPointer?, _ count: UInt64, _ offset: UInt64) -> Int64 {
    guard let buffer, let size = Int(exactly: count), image.holds(offset, 0) else { return 0 }
    let wanted = min(size, image.size - Int(offset))
    do throws(Stop) {
      return Int64(
        try image.read(into: .init(start: buffer, count: wanted), at: Int(offset)))
    } catch {
      stop = error
      return -1
    }
  }
}

extension EXRPart {
  fileprivate init?(_ context: exr_context_t, _ index: Int32) {
    var storage = EXR_STORAGE_LAST_TYPE
    var compression = EXR_COMPRESSION_NONE
    var window = exr_attr_box2i_t()
    var count: Int32 = 0
    var list: UnsafePointer<exr_attr_chlist_t>?
    guard exr_get_storage(context, index, &storage) == 0,
      exr_get_compression(context, index, &compression) == 0,
      exr_get_data_window(context, index, &window) == 0,
      exr_get_chunk_count(context, index, &count) == 0, count > 0,
      exr_get_channels(context, index, &list) == 0, let list
    else { return nil }

    let (x0, x1) = (Int(window.min.x), Int(window.max.x))
    let (y0, y1) = (Int(window.min.y), Int(window.max.y))
    guard x0 <= x1, y0 <= y1 else { return nil }
    chunkCount = Int(count)
    isDeep = storage == EXR_STORAGE_DEEP_SCANLINE || storage == EXR_STORAGE_DEEP_TILED
    self.compression = compression.rawValue
    channels = UnsafeBufferPointer(
      start: list.pointee.entries, count: Int(max(0, list.pointee.num_channels))
    ).map {
      Channel(
        bytes: $0.pixel_type == EXR_PIXEL_HALF ? 2 : 4, isHalf: $0.pixel_type == EXR_PIXEL_HALF,
        xSampling: max(1, Int($0.x_sampling)), ySampling: max(1, Int($0.y_sampling)))
    }

    if storage == EXR_STORAGE_TILED || storage == EXR_STORAGE_DEEP_TILED {
      guard let levels = tileLevels(context, index, width: x1 - x0 + 1, height: y1 - y0 + 1) else {
        return nil
      }
      layout = .tiles(levels)
    } else {
      var lines: Int32 = 0
      guard exr_get_scanlines_per_chunk(context, index, &lines) == 0, lines > 0 else { return nil }
      layout = .scanlines(Window(x: x0...x1, y: y0...y1), perChunk: Int(lines))
    }
  }
}

/// The levels of a tiled part in the order of its offset table.
private func tileLevels(_ context: exr_context_t, _ index: Int32, width: Int, height: Int)
  -> [EXRPart.TileLevel]?
{
  var (tileWidth, tileHeight) = (UInt32(0), UInt32(0))
  var mode = EXR_TILE_LAST_TYPE
  var rounding = EXR_TILE_ROUND_LAST_TYPE
  var (across, down) = (Int32(0), Int32(0))
  guard
    exr_get_tile_descriptor(context, index, &tileWidth, &tileHeight, &mode, &rounding) == 0,
    exr_get_tile_levels(context, index, &across, &down) == 0,
    tileWidth > 0, tileHeight > 0, (1...32).contains(across), (1...32).contains(down)
  else { return nil }
  let up = rounding == EXR_TILE_ROUND_UP
  let size = { (whole: Int, level: Int32) in
    max(1, (whole + (up ? (1 << Int(level)) - 1 : 0)) >> Int(level))
  }
  let level = { (x: Int32, y: Int32) in
    EXRPart.TileLevel(
      x: x, y: y, width: size(width, x), height: size(height, y), tileWidth: Int(tileWidth),
      tileHeight: Int(tileHeight))
  }
  if mode == EXR_TILE_RIPMAP_LEVELS {
    return (0..<down).flatMap { y in (0..<across).map { x in level(x, y) } }
  }
  return (0..<across).map { level($0, $0) }
}
