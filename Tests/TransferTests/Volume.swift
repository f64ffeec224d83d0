import Foundation
import Glibc
import Testing

/// A mounted volume, unmounted when the last reference goes.
final class Volume: Sendable {
  private let path: String
  private init(_ path: String) { self.path = path }
  deinit { run("umount", "-l", path) }

  static func tmpfs(at path: String, size: String) -> Volume? {
    run("mount", "-t", "tmpfs", "-o", "size=\(size)", "none", path) == 0 ? Volume(path) : nil
  }

  static func image(_ type: String, _ image: String, at path: String) -> Volume? {
    guard run("truncate", "-s", "400M", image) == 0, run("mkfs.\(type)", "-q", image) == 0,
      run("mount", "-o", "loop", image, path) == 0
    else { return nil }
    return Volume(path)
  }

  /// A volume that folds case and spelling; the test is skipped where the machine has no FUSE.
  static func requireFolding(in arena: Arena) throws -> (Volume, mountedAt: String) {
    let (backing, mounted) = ("\(arena.path)/unfolded", "\(arena.path)/folding")
    mkdir(backing, 0o755)
    mkdir(mounted, 0o755)
    let program = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "foldingfs/foldingfs").path
    guard access("/dev/fuse", R_OK | W_OK) == 0, run("/usr/bin/python3", "-c", "import fuse") == 0
    else { try Test.cancel("this machine has no FUSE for Python") }
    try #require(run(program, backing, mounted) == 0)
    return (Volume(mounted), mounted)
  }

  /// Copies what the file system of `requireImage` has sent to its device by now, which is what a power cut would leave.
  static func cutPower(_ type: String, in arena: Arena) throws {
    try #require(run("cp", "--sparse=always", image(type, arena), "\(image(type, arena)).cut") == 0)
  }

  /// Mounts that copy in the place of its original, which must be gone by then.
  static func afterCut(_ type: String, in arena: Arena) throws -> Volume {
    let mounted = "\(arena.path)/\(type)"
    try #require(run("mount", "-o", "loop", "\(image(type, arena)).cut", mounted) == 0)
    return Volume(mounted)
  }

  private static func image(_ type: String, _ arena: Arena) -> String {
    "\(arena.path)/\(type).image"
  }

  /// A volume of this type in a loop device; the test is skipped where the machine has no tools for it.
  static func requireImage(_ type: String, in arena: Arena) throws -> (Volume, mountedAt: String) {
    let mounted = "\(arena.path)/\(type)"
    mkdir(mounted, 0o755)
    guard let volume = image(type, image(type, arena), at: mounted) else {
      try Test.cancel("this machine cannot make and mount a \(type) volume")
    }
    return (volume, mounted)
  }
}
