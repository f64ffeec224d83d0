import CLinux
import Files
import Foundation
import Glibc
import Paths

/// Keeps another daemon away from a hot folder for as long as this one runs.
///
/// Exclusive on the folder, shared on every directory above it: daemons on one folder, or on nested ones, meet in a
/// lock, through bind mounts too, whatever their state directories. Gone with the process. A volume can be unmounted all
/// the same: what is held on it are locks on files that stand for its directories.
final class FolderLock: Sendable {
  private let held: [Descriptor]

  /// - Throws: `Failure` with exit code 75, naming the process that holds the folder.
  init(_ folder: String) throws {
    var held: [Descriptor] = []
    var path = folder
    while true {
      let raw = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      // A parent that this user cannot read cannot be a hot folder of this user either.
      if raw >= 0 {
        let directory = Descriptor(owning: raw, shownPath: shown(Array(path.utf8)))
        let isFolder = path == folder
        let file = LockFile.open(for: directory)
        for lock in [directory, file].compactMap(\.self) {
          if (isFolder ? hp_flock_exclusive(lock.raw) : hp_flock_shared(lock.raw)) != 0,
            Errno.current == .tryAgain
          {
            throw Failure(
              .tryAgain,
              "another daemon\(Self.holder(of: lock)) watches \(directory.shownPath)"
                + (isFolder ? "" : ", which holds \(shown(Array(folder.utf8)))"),
              remedy: "stop it, or watch another folder")
          }
        }
        if let file { held.append(file) }
        if file == nil || !LockFile.mayStandFor(directory) { held.append(directory) }
      }
      if path == "/" { break }
      path = (path as NSString).deletingLastPathComponent
    }
    self.held = held
  }

  /// ` (process N)` from `/proc/locks`, where this machine's locks stand by device and inode.
  private static func holder(of directory: Descriptor) -> String {
    guard let inode = try? directory.status().snapshot.inode,
      let locks = try? String(contentsOfFile: "/proc/locks", encoding: .utf8)
    else { return "" }
    for line in locks.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 5, fields[1] == "FLOCK", fields[5].hasSuffix(":\(inode)"),
        fields[4] != "\(getpid())"
      else { continue }
      return " (process \(fields[4]))"
    }
    return ""
  }
}
