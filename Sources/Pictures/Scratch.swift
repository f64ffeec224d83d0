import Files
import Glibc
import Paths

/// A directory of one child's own: the frame under a harmless name, and what the tool makes of it.
///
/// The frame is a symlink to `/proc/self/fd/0`, its own descriptor in the child. So no name of a published file reaches
/// the tool, which would take `#`, `%04d` and a leading `-` for more than letters, and what the child reads is the very
/// file that was looked at here, whatever stands under its name now.
struct Scratch: Sendable {
  let path: String
  let directory: Descriptor
  /// What the child says on standard error.
  let errors: Descriptor
  private let parent: Descriptor
  private let name: RelativePath

  /// - Parameter suffix: as the tool's readers want it, without the dot.
  init(in parent: Descriptor, at parentPath: String, frameSuffix suffix: String)
    throws(SystemError)
  {
    self.parent = parent
    name = entry("\(Self.prefix)\(UInt64.random(in: 0...UInt64.max))")
    path = "\(parentPath)/\(name)"
    try parent.makeDirectory(name, mode: 0o700)
    directory = try parent.openDirectory(name)
    do {
      try directory.makeSymlink(entry("frame.\(suffix)"), to: Array("/proc/self/fd/0".utf8))
      errors = try directory.open(
        entry("errors"), O_RDWR | O_CREAT | O_EXCL | O_APPEND, mode: 0o600)
    } catch {
      Self.remove(name, in: parent)
      throw error
    }
  }

  /// The JPEG that the tool made; nil if there is none, or something else.
  func picture(width: Int, atMost bytes: Int) throws(SystemError) -> [UInt8]? {
    let file: Descriptor
    do { file = try directory.open(entry("picture.jpg"), O_RDONLY | O_NONBLOCK) } catch {
      if error.errno == .notFound || error.errno == .symlink { return nil }
      throw error
    }
    let status = try file.status()
    guard status.kind == .file, status.snapshot.size <= bytes else { return nil }
    let picture = try file.bytes(atMost: status.snapshot.size)
    return JPEGSize(picture)?.width == width ? picture : nil
  }

  /// The first sentence that the tool said, safe to show; nil if it said nothing.
  func firstError() throws(SystemError) -> String? {
    let said = try errors.bytes(atMost: 4096)
    let line = said.split(separator: UInt8(ascii: "\n")).first { !$0.allSatisfy { $0 <= 0x20 } }
    guard let line else { return nil }
    return shown(Array(line.prefix(300)))
  }

  /// Whatever the tool left there is removed as well; what cannot be is found at the next start.
  func remove() { Self.remove(name, in: parent) }

  private static let prefix = "making-"

  /// Removes what a daemon that was killed left behind.
  static func removeAll(in parent: Descriptor) throws(SystemError) {
    for (name, kind) in try parent.entries()
    where kind != .file && name.bytes.starts(with: Array(prefix.utf8)) {
      remove(.root.appending(name), in: parent)
    }
  }

  private static func remove(_ name: RelativePath, in parent: Descriptor) {
    if let directory = try? parent.openDirectory(name) {
      for (entry, _) in (try? directory.entries()) ?? [] {
        let entry = RelativePath.root.appending(entry)
        do { try directory.unlink(entry) } catch { try? directory.removeDirectory(entry) }
      }
    }
    try? parent.removeDirectory(name)
  }
}
