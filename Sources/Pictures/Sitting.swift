import Files
import Glibc
import Paths
import ReadModel

/// A frame that is open to have its picture made.
struct Sitting: Sendable {
  let key: PictureKey
  let file: Descriptor
  let format: PictureFormat
  let facts: PictureFacts
  /// nil unless it is an EXR.
  let look: EXRHeader.Look?

  /// Opens the frame and reads its header. Blocks.
  init(_ frame: PictureFrame, _ job: String) throws(NoSitting) {
    do throws(SystemError) {
      file = try Descriptor.frame(at: frame.file)
      let status = try file.status()
      guard status.kind == .file else { throw SystemError("open", file.shownPath, errno: .invalid) }
      let size = status.snapshot.size
      key = PictureKey(job: job, which: frame.which, file: status.snapshot)
      let start = try file.bytes(atMost: PictureFormat.longestMagic)
      guard let format = PictureFormat.of(start: start, named: frame.file) else {
        throw SystemError("magic", file.shownPath, errno: .invalid)
      }
      self.format = format
      let header = format == .openEXR ? try EXRHeader(file, size: size) : nil
      facts = header?.facts ?? PictureFacts(format: format.name)
      look = header?.look
    } catch {
      throw NoSitting(error)
    }
  }
}

/// Why a frame cannot be looked at.
struct NoSitting: Error {
  let sentence: String

  init(_ error: SystemError) {
    sentence =
      switch (error.errno, error.call) {
      case (.notFound, _), (.notADirectory, _): "it is not there any more"
      case (.symlink, _): "a symlink is in its place now"
      case (.invalid, "open"): "what is in its place now is not a file"
      case (.invalid, "magic"): "it does not begin like a picture"
      default: "it cannot be read: \(error.errno.message)"
      }
  }
}
