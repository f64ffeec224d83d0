import CLinux
import Glibc
import Paths

/// An open file or directory, closed when the last reference goes.
///
/// All calls take paths beneath it: whatever stands in the tree, they neither follow a symlink nor leave it
/// (`openat2(2)` with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS).
public final class Descriptor: Sendable {
  public let raw: Int32
  /// What this is, for error messages; safe to show.
  public let shownPath: String
  let kernel: any Kernel

  /// Takes over `raw`.
  public init(owning raw: Int32, shownPath: String, kernel: any Kernel = Linux()) {
    self.raw = raw
    self.shownPath = shownPath
    self.kernel = kernel
  }

  deinit { kernel.close(raw) }

  /// Opens a configured root. Symlinks in the path are followed: whoever configured it chose them.
  public static func directory(at path: String) throws(SystemError) -> Descriptor {
    let (kernel, shownPath) = (Kernels.current, shown(Array(path.utf8)))
    let raw = try placed("open", shownPath) { () throws(Errno) in
      try kernel.openDirectory(at: path)
    }
    return Descriptor(owning: raw, shownPath: shownPath, kernel: kernel)
  }

  /// Opens something beneath this directory; `path` may be longer than PATH_MAX.
  ///
  /// - Parameter flags: `O_…` of `open(2)`; O_CLOEXEC is added.
  /// - Throws: ELOOP where a symlink stands in the way, besides the errors of `openat2(2)`.
  public func open(_ path: RelativePath, _ flags: Int32, mode: mode_t = 0) throws(SystemError)
    -> Descriptor
  {
    if path.bytes.count >= Int(PATH_MAX) {
      let middle = try open(path.firstHalf.0, hp_o_path | O_DIRECTORY)
      return try middle.open(path.firstHalf.1, flags, mode: mode)
    }
    let bytes = path.isRoot ? [UInt8(ascii: ".")] : path.bytes
    let opened: Int32
    do throws(Errno) { opened = try kernel.open(raw, bytes, flags, mode) } catch {
      throw SystemError("openat2", shownPath(path), errno: error)
    }
    return Descriptor(owning: opened, shownPath: shownPath(path), kernel: kernel)
  }

  public func openDirectory(_ path: RelativePath) throws(SystemError) -> Descriptor {
    try open(path, O_RDONLY | O_DIRECTORY)
  }

  /// What lies at `path`, not following a symlink at its end; the root path asks about this descriptor itself.
  public func status(_ path: RelativePath = .root) throws(SystemError) -> Status {
    if path.isRoot {
      return try placed("statx", shownPath) { () throws(Errno) in try kernel.status(raw, nil) }
    }
    return try inDirectory(of: path, "statx") { (directory, name) throws(Errno) in
      try kernel.status(directory, name)
    }
  }

  /// Whether anything lies at `path`, a dangling symlink included.
  public func holds(_ path: RelativePath) throws(SystemError) -> Bool {
    do {
      _ = try status(path)
      return true
    } catch  where error.errno == .notFound || error.errno == .notADirectory {
      return false
    } catch {
      throw error
    }
  }

  public func makeDirectory(_ path: RelativePath, mode: mode_t = 0o777) throws(SystemError) {
    try inDirectory(of: path, "mkdir") { (directory, name) throws(Errno) in
      try kernel.makeDirectory(directory, name, mode)
    }
  }

  /// Removes a file, symlink or other non-directory.
  public func unlink(_ path: RelativePath) throws(SystemError) {
    try inDirectory(of: path, "unlink") { (directory, name) throws(Errno) in
      try kernel.unlink(directory, name)
    }
  }

  /// Removes an empty directory.
  public func removeDirectory(_ path: RelativePath) throws(SystemError) {
    try inDirectory(of: path, "rmdir") { (directory, name) throws(Errno) in
      try kernel.removeDirectory(directory, name)
    }
  }

  public enum RenameRule: Sendable { case noReplace, exchange, plain }

  /// `renameat2(2)` from beneath this directory to beneath another.
  ///
  /// - Throws: EEXIST with `.noReplace` where the new name stands; EINVAL where the file system lacks the flag.
  public func rename(
    _ path: RelativePath, to target: Descriptor, _ newPath: RelativePath, _ rule: RenameRule
  ) throws(SystemError) {
    try inDirectories(of: path, target, newPath, "renameat2") {
      (directory, name, newDirectory, newName) throws(Errno) in
      try kernel.rename(directory, name, newDirectory, newName, rule)
    }
  }

  /// `linkat(2)`: a second name for the same file; a symlink is not followed.
  public func link(_ path: RelativePath, to target: Descriptor, _ newPath: RelativePath)
    throws(SystemError)
  {
    try inDirectories(of: path, target, newPath, "linkat") {
      (directory, name, newDirectory, newName) throws(Errno) in
      try kernel.link(directory, name, newDirectory, newName)
    }
  }

  /// Makes this file or directory durable. After a failure nothing may be assumed of its pages: never call it again
  /// and take success for the first one's.
  public func sync() throws(SystemError) {
    try placed("fsync", shownPath) { () throws(Errno) in try kernel.sync(raw) }
  }

  public func shownPath(_ path: RelativePath) -> String {
    path.isRoot ? shownPath : "\(shownPath)/\(path)"
  }

  /// Runs a call on the last component of `path` from its directory's descriptor, so that no symlink on the way is
  /// followed.
  func inDirectory<R>(
    of path: RelativePath, _ call: String, _ body: (Int32, [UInt8]) throws(Errno) -> R
  ) throws(SystemError) -> R {
    let (directory, name) = try parent(of: path)
    return try withExtendedLifetime(directory) { () throws(SystemError) in
      try placed(call, shownPath(path)) { () throws(Errno) in try body(directory.raw, name) }
    }
  }

  private func inDirectories(
    of path: RelativePath, _ target: Descriptor, _ newPath: RelativePath, _ call: String,
    _ body: (Int32, [UInt8], Int32, [UInt8]) throws(Errno) -> Void
  ) throws(SystemError) {
    let (directory, name) = try parent(of: path)
    let (newDirectory, newName) = try target.parent(of: newPath)
    do throws(Errno) {
      try body(directory.raw, name, newDirectory.raw, newName)
    } catch {
      throw SystemError(
        call, "\(shownPath(path)) → \(target.shownPath(newPath))", errno: error)
    }
    withExtendedLifetime((directory, newDirectory)) {}
  }

  private func parent(of path: RelativePath) throws(SystemError) -> (Descriptor, [UInt8]) {
    guard let name = path.name else { throw SystemError("path", shownPath, errno: .invalid) }
    let parent = path.parent
    return (parent.isRoot ? self : try open(parent, hp_o_path | O_DIRECTORY), name.bytes)
  }
}

/// Runs a call; its error is told with what it was for.
func placed<R>(_ call: String, _ path: @autoclosure () -> String, _ body: () throws(Errno) -> R)
  throws(SystemError) -> R
{
  do throws(Errno) { return try body() } catch {
    throw SystemError(call, path(), errno: error)
  }
}

func withBytes<R>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> R) -> R {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
    for (i, byte) in bytes.enumerated() { buffer[i] = CChar(bitPattern: byte) }
    buffer[bytes.count] = 0
    return body(buffer.baseAddress!)
  }
}

extension RelativePath {
  /// This path cut at a slash near its middle.
  fileprivate var firstHalf: (RelativePath, RelativePath) {
    let parts = components
    let cut = max(1, parts.count / 2)
    let join = { (names: ArraySlice<FileName>) in
      names.reduce(RelativePath.root) { $0.appending($1) }
    }
    return (join(parts[..<cut]), join(parts[cut...]))
  }
}
