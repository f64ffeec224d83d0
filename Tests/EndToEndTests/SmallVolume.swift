import Foundation
import TestSupport
import Testing

/// Of tests that fill, remount or wear out file systems of their own; without root they are skipped, by their names.
let needsMounts: ConditionTrait = .enabled(
  if: geteuid() == 0, "needs root: mounts small file systems")

/// A small file system of one test's own.
struct SmallVolume: Sendable {
  let path: String

  /// - Parameter options: as for `mount -o`, such as `size=1m,nr_inodes=20`.
  static func tmpfs(at path: String, _ options: String, in folder: TemporaryFolder) throws
    -> SmallVolume
  {
    try shell("mount", "-t", "tmpfs", "-o", options, "none", path)
    return SmallVolume(mountedAt: path, in: folder)
  }

  /// On a loop device, with 4 KiB blocks and none set aside for root.
  static func ext4(at path: String, megabytes: Int, in folder: TemporaryFolder) throws
    -> SmallVolume
  {
    let image = "\(folder.path)/\((path as NSString).lastPathComponent).ext4"
    try shell("truncate", "-s", "\(megabytes)M", image)
    try shell("mkfs.ext4", "-q", "-b", "4096", "-m", "0", image)
    try shell("mount", "-o", "loop", image, path)
    return SmallVolume(mountedAt: path, in: folder)
  }

  private init(mountedAt path: String, in folder: TemporaryFolder) {
    self.path = path
    folder.cleanUp { _ = try? Command.run(["umount", "-l", path]) }
  }

  func remount(_ options: String) throws {
    try shell("mount", "-o", "remount,\(options)", path)
  }

  /// Writes a file as large as the file system lets it become.
  func fill(_ name: String) throws {
    let outcome = try Command.run(["dd", "if=/dev/zero", "of=\(path)/\(name)", "bs=4096"])
    guard outcome.err.contains("No space left") else { throw Failure(outcome.err) }
  }
}

private func shell(_ words: String...) throws {
  let outcome = try Command.run(words)
  guard outcome.status == 0 else { throw Failure("\(words): \(outcome.err)") }
}
