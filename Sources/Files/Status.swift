import CLinux
import Glibc

/// What kind of thing a name stands for.
public enum FileKind: String, Sendable, Hashable {
  case file, directory, symlink, fifo, socket, device, unknown
}

/// What `statx(2)` tells of one file. Times are nanoseconds since 1970, UTC.
public struct Status: Sendable, Hashable {
  public let kind: FileKind
  public let snapshot: Snapshot
  /// Counts only within one life of a mount.
  public let device: UInt64
  public let mountID: UInt64
  public let links: UInt32
  /// Bytes in blocks on disk; less than the size for a sparse file.
  public let allocatedBytes: Int
  public let owner: UInt32
  /// The permission bits.
  public let permissions: UInt32

  public init(
    kind: FileKind, snapshot: Snapshot, device: UInt64, mountID: UInt64, links: UInt32,
    allocatedBytes: Int, owner: UInt32, permissions: UInt32
  ) {
    self.kind = kind
    self.snapshot = snapshot
    self.device = device
    self.mountID = mountID
    self.links = links
    self.allocatedBytes = allocatedBytes
    self.owner = owner
    self.permissions = permissions
  }

  init(_ raw: hp_status) {
    kind =
      switch raw.mode & UInt32(S_IFMT) {
      case UInt32(S_IFREG): .file
      case UInt32(S_IFDIR): .directory
      case UInt32(S_IFLNK): .symlink
      case UInt32(S_IFIFO): .fifo
      case UInt32(S_IFSOCK): .socket
      case UInt32(S_IFCHR), UInt32(S_IFBLK): .device
      default: .unknown
      }
    snapshot = Snapshot(
      inode: raw.inode, birth: raw.birth_ns, size: Int(raw.size), modified: raw.modified_ns,
      changed: raw.changed_ns)
    device = raw.device
    mountID = raw.mount_id
    links = raw.links
    allocatedBytes = Int(raw.blocks) * 512
    owner = raw.owner
    permissions = raw.mode & 0o7777
  }
}

/// What tells one state of a file from another: the same snapshot, the same bytes.
///
/// Neither part suffices alone: copies keep `modified`, inodes are used again, a rewrite may keep the size.
public struct Snapshot: Sendable, Hashable {
  public let inode: UInt64
  /// 0 where the file system keeps no birth time.
  public let birth: Int64
  /// Bytes.
  public let size: Int
  public let modified: Int64
  public let changed: Int64

  public init(inode: UInt64, birth: Int64, size: Int, modified: Int64, changed: Int64) {
    self.inode = inode
    self.birth = birth
    self.size = size
    self.modified = modified
    self.changed = changed
  }
}
