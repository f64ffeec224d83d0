/// What tells one mounted file system from another that stands, or stood, at the same path.
///
/// `st_dev` does not: it is given anew at each mount. A directory left bare by an unmount has another identity than
/// the root that was mounted over it.
public struct MountIdentity: Codable, Hashable, Sendable {
  /// `f_type` of `statfs(2)`.
  public let filesystem: Int64
  /// Of the directory that was asked about.
  public let inode: UInt64
  /// Nanoseconds since 1970; 0 where the file system keeps no birth time.
  public let birth: Int64

  public init(filesystem: Int64, inode: UInt64, birth: Int64) {
    self.filesystem = filesystem
    self.inode = inode
    self.birth = birth
  }

  /// No mount has it.
  public static let none = MountIdentity(filesystem: -1, inode: 0, birth: 0)

  /// The identity of the mount below `directory`, as seen from that directory.
  public init(of directory: Descriptor) throws(SystemError) {
    let status = try directory.status()
    filesystem = try placed("fstatfs", directory.shownPath) { () throws(Errno) in
      try directory.kernel.fileSystemType(directory.raw)
    }
    inode = status.snapshot.inode
    birth = status.snapshot.birth
  }
}

/// This boot of the kernel: what was not synced before another one may be gone.
public func currentBootID() throws(SystemError) -> String { try Kernels.current.bootID() }
