/// What a file system has left for an ordinary user, and has in all; nil where it does not count.
public struct Room: Hashable, Sendable {
  /// `st_dev`, which counts within one life of its mount.
  public let volume: UInt64
  public var bytes: Int?
  /// Inodes.
  public var files: Int?
  public let totalBytes: Int?
  public let totalFiles: Int?
  /// Bytes; what a file takes is a multiple of it.
  public let block: Int
  /// Whether the directory that was asked may be written by this process.
  public let isWritable: Bool

  public init(
    volume: UInt64, bytes: Int?, files: Int? = nil, totalBytes: Int? = nil, totalFiles: Int? = nil,
    block: Int = 4096, isWritable: Bool = true
  ) {
    self.volume = volume
    self.bytes = bytes
    self.files = files
    self.totalBytes = totalBytes
    self.totalFiles = totalFiles
    self.block = block
    self.isWritable = isWritable
  }
}

extension Descriptor {
  /// The room on this directory's file system: `f_bavail` and `f_favail` of `statvfs(3)`, so that what is set aside for
  /// root stays so.
  ///
  /// File systems that make inodes as they go (Btrfs) say that they have none; they are taken not to count them. So are
  /// the bytes of those that say they have no blocks at all (some FUSE).
  public func room() throws(SystemError) -> Room {
    try placed("fstatvfs", shownPath) { () throws(Errno) in try kernel.room(raw) }
  }
}
