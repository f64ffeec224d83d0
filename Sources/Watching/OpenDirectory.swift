import CLinux
import Files
import Glibc
import Paths

/// An open directory of a watched tree; one descriptor serves for watching, listing and opening what lies in it.
///
/// Lighter than `Files.Descriptor`, which knows a path to show: a walk opens 100,000 of these, and the tree knows the paths.
final class OpenDirectory {
  let raw: Int32
  /// Once it is listed; it owns the descriptor then.
  private var stream: OpaquePointer?

  private init(owning raw: Int32) { self.raw = raw }

  deinit {
    if let stream { closedir(stream) } else { close(raw) }
  }

  /// A configured root. Symlinks in the path are followed: whoever configured it chose them.
  static func root(at path: String) throws(SystemError) -> OpenDirectory {
    let raw = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard raw >= 0 else { throw SystemError("open", shown(Array(path.utf8))) }
    return OpenDirectory(owning: raw)
  }

  enum Purpose { case passing, listing }

  /// A directory in this one; a symlink is not followed.
  func open(_ name: FileName, for purpose: Purpose) throws(SystemError) -> OpenDirectory {
    // O_NONBLOCK: nothing that may have taken the name can hang the thread.
    let access = purpose == .passing ? hp_o_path : O_RDONLY | O_NONBLOCK
    let raw = withBytes(name) { hp_open_beneath(self.raw, $0, access | O_DIRECTORY, 0) }
    guard raw >= 0 else { throw SystemError("openat2", "\(name)") }
    return OpenDirectory(owning: raw)
  }

  /// The same directory once more, to be listed from its beginning.
  func reopened() throws(SystemError) -> OpenDirectory {
    let raw = openat(self.raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard raw >= 0 else { throw SystemError("openat", ".") }
    return OpenDirectory(owning: raw)
  }

  /// What tells this directory from another while it is open.
  func identity() throws(SystemError) -> Identity {
    var status = hp_status()
    guard hp_status_at(raw, "", &status) == 0 else { throw SystemError("statx", ".") }
    return Identity(device: status.device, inode: status.inode)
  }

  /// The number of the mount that it was opened through.
  func mount() throws(SystemError) -> UInt64 {
    var status = hp_status()
    guard hp_status_at(raw, "", &status) == 0 else { throw SystemError("statx", ".") }
    return status.mount_id
  }

  /// What a caller may expect of a root.
  func mountIdentity() throws(SystemError) -> MountIdentity {
    var status = hp_status()
    guard hp_status_at(raw, "", &status) == 0 else { throw SystemError("statx", ".") }
    let type = hp_filesystem_type(raw)
    guard type != -1 else { throw SystemError("fstatfs", ".") }
    return MountIdentity(filesystem: type, inode: status.inode, birth: status.birth_ns)
  }

  struct Identity: Equatable {
    let device: UInt64
    let inode: UInt64
  }

  /// What `name` in this directory is; nil if nothing is there or it cannot be looked at.
  func kind(of name: FileName) -> FileKind? {
    var status = hp_status()
    guard withBytes(name, { hp_status_at(raw, $0, &status) }) == 0 else { return nil }
    return switch status.mode & UInt32(S_IFMT) {
    case UInt32(S_IFREG): .file
    case UInt32(S_IFDIR): .directory
    case UInt32(S_IFLNK): .symlink
    case UInt32(S_IFIFO): .fifo
    case UInt32(S_IFSOCK): .socket
    default: .device
    }
  }

  /// The next entries but `.` and `..`, `count` at most; fewer only at the end. A listing can pause: a directory of a million
  /// entries is read in pieces, with events served in between.
  func next(_ count: Int) throws(SystemError) -> [(name: FileName, kind: FileKind)] {
    if stream == nil { stream = fdopendir(raw) }
    guard let stream else { throw SystemError("fdopendir", ".") }
    var entries: [(name: FileName, kind: FileKind)] = []
    while entries.count < count {
      Glibc.errno = 0
      guard let entry = readdir(stream) else {
        if Glibc.errno != 0 { throw SystemError("readdir", ".") }
        break
      }
      let start = UnsafeRawPointer(entry).advanced(by: MemoryLayout<dirent>.offset(of: \.d_name)!)
      let length = strlen(start.assumingMemoryBound(to: CChar.self))
      let bytes = UnsafeRawBufferPointer(start: start, count: length)
      if isDots(bytes) { continue }
      let name = FileName([UInt8](bytes))
      entries.append((name, kind(entry.pointee.d_type, name)))
    }
    return entries
  }

  /// The file system tells the kind with the name, where it keeps it there; that saves a look at each file.
  private func kind(_ type: UInt8, _ name: FileName) -> FileKind {
    switch Int(type) {
    case DT_REG: .file
    case DT_DIR: .directory
    case DT_LNK: .symlink
    case DT_FIFO: .fifo
    case DT_SOCK: .socket
    case DT_CHR, DT_BLK: .device
    default: kind(of: name) ?? .unknown
    }
  }
}

private func isDots(_ name: UnsafeRawBufferPointer) -> Bool {
  name.count <= 2 && name.allSatisfy { $0 == UInt8(ascii: ".") }
}

private func withBytes<R>(_ name: FileName, _ body: (UnsafePointer<CChar>) -> R) -> R {
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: name.bytes.count + 1) { buffer in
    let end = buffer.update(fromContentsOf: name.bytes)
    buffer[end] = 0
    return buffer.withMemoryRebound(to: CChar.self) { body($0.baseAddress!) }
  }
}
