import Files
import Foundation
import Glibc
import Ingest
import Paths
import Synchronization

/// The locks of this daemon's hot folders, by path.
final class FolderLocks: Sendable {
  private let locks = Mutex<[String: FolderLock]>([:])

  /// Takes the lock of a folder; a volume that was away and is back is another directory to the kernel than before.
  func take(_ folder: HotFolder) throws {
    locks.withLock { $0[folder.path] = nil }
    let lock = try FolderLock(folder.path)
    locks.withLock { $0[folder.path] = lock }
  }
}

/// A file that stands for a directory, so that a lock on the directory can be held without holding the directory.
///
/// A descriptor on a directory makes a plain `umount` of its volume fail as busy. So daemons lock both, and then let the
/// directory go.
enum LockFile {
  /// Opens the file of a directory, by its device and inode; nil where no place is common to all users.
  static func open(for directory: Descriptor) -> Descriptor? {
    guard let status = try? directory.status(), let place else { return nil }
    let path = "\(place)/hotplate-\(status.device)-\(status.snapshot.inode).lock"
    // Made exclusively: a kernel that guards sticky directories lets nobody else's file be opened for making it.
    for flags in [O_RDONLY, O_RDONLY | O_CREAT | O_EXCL, O_RDONLY] {
      let raw = Glibc.open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o644)
      if raw < 0 { continue }
      // Whatever this user's mask is, others must be able to lock it.
      if flags & O_CREAT != 0 { fchmod(raw, 0o644) }
      return Descriptor(owning: raw, shownPath: directory.shownPath)
    }
    return nil
  }

  /// Whether a directory may be let go: nobody unmounts the file system that the system runs on.
  static func mayStandFor(_ directory: Descriptor) -> Bool {
    guard let mount = try? directory.status().mountID,
      let system = try? Descriptor.directory(at: "/").status().mountID
    else { return false }
    return mount != system
  }

  /// The same for all users of this machine: where anybody may make files and nobody may remove another's.
  private static let place = ["/run/lock", "/dev/shm", "/tmp"].first { path in
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & 0o1777 == 0o1777
  }
}
