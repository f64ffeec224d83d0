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

  /// Takes over `raw`.
  public init(owning raw: Int32, shownPath: String) {
    self.raw = raw
    self.shownPath = shownPath
  }

  deinit { close(raw) }

  /// Opens a configured root. Symlinks in the path are followed: whoever configured it chose them.
  public static func directory(at path: String) throws(SystemError) -> Descriptor {
    let raw = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard raw >= 0 else { throw SystemError("open", shown(Array(path.utf8))) }
    return Descriptor(owning: raw, shownPath: shown(Array(path.utf8)))
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
    let raw = withBytes(path) { hp_open_beneath(self.raw, $0, flags, mode) }
    guard raw >= 0 else { throw error("openat2", path) }
    return Descriptor(owning: raw, shownPath: shownPath(path))
  }

  public func openDirectory(_ path: RelativePath) throws(SystemError) -> Descriptor {
    try open(path, O_RDONLY | O_DIRECTORY)
  }

  /// What lies at `path`, not following a symlink at its end; the root path asks about this descriptor itself.
  public func status(_ path: RelativePath = .root) throws(SystemError) -> Status {
    if path.isRoot {
      var status = hp_status()
      guard hp_status_at(raw, "", &status) == 0 else { throw SystemError("statx", shownPath) }
      return Status(status)
    }
    return try inDirectory(of: path) { (directory, name) throws(SystemError) in
      var status = hp_status()
      guard hp_status_at(directory, name, &status) == 0 else { throw error("statx", path) }
      return Status(status)
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
    try inDirectory(of: path) { (directory, name) throws(SystemError) in
      guard mkdirat(directory, name, mode) == 0 else { throw error("mkdir", path) }
    }
  }

  /// Removes a file, symlink or other non-directory.
  public func unlink(_ path: RelativePath) throws(SystemError) {
    try inDirectory(of: path) { (directory, name) throws(SystemError) in
      guard unlinkat(directory, name, 0) == 0 else { throw error("unlink", path) }
    }
  }

  /// Removes an empty directory.
  public func removeDirectory(_ path: RelativePath) throws(SystemError) {
    try inDirectory(of: path) { (directory, name) throws(SystemError) in
      guard unlinkat(directory, name, AT_REMOVEDIR) == 0 else { throw error("rmdir", path) }
    }
  }

  public enum RenameRule: Sendable { case noReplace, exchange, plain }

  /// `renameat2(2)` from beneath this directory to beneath another.
  ///
  /// - Throws: EEXIST with `.noReplace` where the new name stands; EINVAL where the file system lacks the flag.
  public func rename(
    _ path: RelativePath, to target: Descriptor, _ newPath: RelativePath, _ rule: RenameRule
  ) throws(SystemError) {
    let flags =
      switch rule {
      case .noReplace: hp_rename_noreplace
      case .exchange: hp_rename_exchange
      case .plain: UInt32(0)
      }
    try inDirectory(of: path) { (from, name) throws(SystemError) in
      try target.inDirectory(of: newPath) { (to, newName) throws(SystemError) in
        guard hp_rename(from, name, to, newName, flags) == 0 else {
          throw SystemError("renameat2", "\(shownPath(path)) → \(target.shownPath(newPath))")
        }
      }
    }
  }

  /// `linkat(2)`: a second name for the same file; a symlink is not followed.
  public func link(_ path: RelativePath, to target: Descriptor, _ newPath: RelativePath)
    throws(SystemError)
  {
    try inDirectory(of: path) { (from, name) throws(SystemError) in
      try target.inDirectory(of: newPath) { (to, newName) throws(SystemError) in
        guard linkat(from, name, to, newName, 0) == 0 else {
          throw SystemError("linkat", "\(shownPath(path)) → \(target.shownPath(newPath))")
        }
      }
    }
  }

  /// Makes this file or directory durable. After a failure nothing may be assumed of its pages: never call it again
  /// and take success for the first one's.
  public func sync() throws(SystemError) {
    guard fsync(raw) == 0 else { throw SystemError("fsync", shownPath) }
  }

  public func error(_ call: String, _ path: RelativePath) -> SystemError {
    SystemError(call, shownPath(path))
  }

  public func shownPath(_ path: RelativePath) -> String {
    path.isRoot ? shownPath : "\(shownPath)/\(path)"
  }

  /// Runs a call on the last component of `path` from its directory's descriptor, so that no symlink on the way is
  /// followed. Errno is untouched between `body` and its caller.
  func inDirectory<R>(
    of path: RelativePath, _ body: (Int32, UnsafePointer<CChar>) throws(SystemError) -> R
  ) throws(SystemError) -> R {
    let parent = path.parent
    let directory = parent.isRoot ? self : try open(parent, hp_o_path | O_DIRECTORY)
    guard let name = path.name else { throw SystemError("path", shownPath, errno: .invalid) }
    // Typed throws do not pass through the buffer's closure.
    let result: Result<R, SystemError> = withExtendedLifetime(directory) {
      withBytes(name.bytes) { pointer in
        do throws(SystemError) { return .success(try body(directory.raw, pointer)) } catch {
          return .failure(error)
        }
      }
    }
    return try result.get()
  }
}

func withBytes<R>(_ path: RelativePath, _ body: (UnsafePointer<CChar>) -> R) -> R {
  path.isRoot ? body(".") : withBytes(path.bytes, body)
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
