import Files
import Paths

/// What a look at an image file says about whether all of it is there.
///
/// The look reads headers, tables and the end, not the pixels. It finds a file that was cut off, one whose tables a
/// renderer has yet to write, and one whose space was set aside and is zeros from some point on. It does not find:
///
/// - zeros where zeros may be pixels: DPX, TIFF that is not compressed or in runs, the last chunk of an EXR that is not
///   compressed may be black;
/// - zeros at the end that are fewer than the 16 bytes by which they are known (4 in most EXR files);
/// - a hole, or other damage, amid compressed data with whole data after it: that takes decoding, or a digest.
public enum Completeness: Hashable, Sendable {
  case whole
  /// What is missing, as a sentence for a person: "chunk 812 of 1080 lies beyond the end of the file".
  case incomplete(String)
  /// Not a format that is known here, or a file that this look cannot judge: no objection.
  case unjudged
}

/// Looks at an open file: EXR, DPX, PNG, JPEG, TIFF and BigTIFF.
///
/// Its first bytes tell the format. The name counts only where they tell nothing yet: a file that is named as one of
/// these and is empty, or starts with zeros, is incomplete.
///
/// Reads with `pread(2)` alone, at most 64 MiB in 500,000 calls, and 4 MiB at once; a file that would take more is
/// `.unjudged`. The answer is of the moment: whoever needs it to stay true compares snapshots.
///
/// - Parameter size: bytes, as the file's status has it.
/// - Throws: when the file cannot be read (EIO, ESTALE). Nothing that stands in the file throws.
public func completeness(of file: Descriptor, named name: FileName, size: Int) throws(SystemError)
  -> Completeness
{
  try look(at: ImageFile(file, size: size), named: name)
}

func look(at image: ImageFile, named name: FileName) throws(SystemError) -> Completeness {
  do throws(Stop) {
    let start = try image.available(at: 0, count: longestMagic)
    guard let format = formats.first(where: { $0.begins(start) }) else {
      return named(name) ? beginning(start) : .unjudged
    }
    let verdict = try format.look(image)
    if verdict == .whole {
      _ = try image.bytes(at: image.size - 1, count: 1, "what its status counted")
    }
    return verdict
  } catch {
    switch error {
    case .verdict(let verdict): return verdict
    case .failed(let error): throw error
    }
  }
}

/// An image format: how its files begin, how they are named, and how to look at one.
struct Format: Sendable {
  let magics: [[UInt8]]
  let extensions: [String]
  let look: @Sendable (ImageFile) throws(Stop) -> Completeness

  func begins(_ start: [UInt8]) -> Bool { magics.contains { start.starts(with: $0) } }
}

private let formats = [
  Format(magics: [[0x76, 0x2f, 0x31, 0x01]], extensions: ["exr"], look: lookAtEXR),
  Format(magics: [Array("SDPX".utf8), Array("XPDS".utf8)], extensions: ["dpx"], look: lookAtDPX),
  Format(magics: [pngSignature], extensions: ["png"], look: lookAtPNG),
  Format(magics: [[0xff, 0xd8, 0xff]], extensions: ["jpg", "jpeg"], look: lookAtJPEG),
  Format(
    magics: [
      Array("II".utf8) + [42, 0], Array("MM".utf8) + [0, 42],
      Array("II".utf8) + [43, 0], Array("MM".utf8) + [0, 43],
    ], extensions: ["tif", "tiff"], look: lookAtTIFF),
]

private let longestMagic = 16

private func named(_ name: FileName) -> Bool {
  guard let dot = name.bytes.lastIndex(of: UInt8(ascii: ".")) else { return false }
  let suffix = String(decoding: name.bytes[(dot + 1)...], as: UTF8.self).lowercased()
  return formats.contains { $0.extensions.contains(suffix) }
}

/// The verdict on a file that is named as an image and does not begin as one.
private func beginning(_ start: [UInt8]) -> Completeness {
  if start.isEmpty { return .incomplete("it is empty") }
  guard let last = start.lastIndex(where: { $0 != 0 }) else {
    return .incomplete("it starts with zeros")
  }
  let written = start[...last]
  let isCut = formats.contains { $0.magics.contains { $0.starts(with: written) } }
  return isCut ? .incomplete("only its first \(written.count) bytes are there") : .unjudged
}
