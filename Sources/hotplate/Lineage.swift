import Foundation
import Glibc

/// A directory and every directory above it, by each path that mounts give them.
///
/// Paths alone do not tell that two folders overlap: a bind mount shows one directory, or a part of it, at a second
/// place. So each directory on the way up is also looked for where other mounts of its file system show it.
struct Lineage {
  /// A directory, whatever its paths.
  struct Node: Hashable {
    let device: UInt
    let inode: UInt
  }

  let path: String
  /// nil if it is gone.
  let own: Node?
  /// All above it, each with one path that leads there; those that cannot be looked at are left out.
  private(set) var above: [Node: String] = [:]

  /// - Parameter path: from the root, without symlinks.
  init(of path: String, mounts: MountTable = MountTable()) {
    self.path = path
    let own = Self.node(at: path)
    self.own = own
    var seen: Set<String> = []
    var pending = [path]
    while let next = pending.popLast() {
      guard seen.insert(next).inserted, let node = Self.node(at: next) else { continue }
      if node != own, above[node] == nil { above[node] = next }
      if next != "/" { pending.append((next as NSString).deletingLastPathComponent) }
      // What has been mounted over meanwhile is not the same directory.
      pending += mounts.otherPaths(of: next).filter { Self.node(at: $0) == node }
    }
  }

  /// Whether one of the two is the other, or lies in it.
  func overlaps(_ other: Lineage) -> Bool {
    guard let own, let others = other.own else { return false }
    return own == others || above[others] != nil || other.above[own] != nil
  }

  private static func node(at path: String) -> Node? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
    return Node(device: UInt(status.st_dev), inode: UInt(status.st_ino))
  }
}

/// The mounts that this process sees, as `/proc/self/mountinfo` tells them; see `proc_pid_mountinfo(5)`.
struct MountTable {
  private struct Mount {
    /// Major and minor, as the file writes them.
    let device: Substring
    /// The directory of the file system that is shown, from that file system's root.
    let root: String
    let point: String
  }

  private let mounts: [Mount]

  init() {
    // Without it, paths are all there is to go by.
    self.init(text: (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? "")
  }

  init(text: String) {
    mounts = text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 4 else { return nil }
      return Mount(
        device: fields[2], root: Self.unescaped(fields[3]), point: Self.unescaped(fields[4]))
    }
  }

  /// Where else the directory at `path` may be seen; a later mount may hide it there.
  func otherPaths(of path: String) -> [String] {
    // Of several mounts on one point the last one is on top.
    let holders = mounts.filter { below($0.point, path) != nil }
    guard let longest = holders.map(\.point.utf8.count).max(),
      let mount = holders.last(where: { $0.point.utf8.count == longest }),
      let inside = below(mount.point, path)
    else { return [] }
    let place = joined(mount.root, inside)
    return mounts.filter { $0.device == mount.device }.compactMap { other in
      below(other.root, place).map { joined(other.point, $0) }
    }.filter { $0 != path }
  }

  /// The path from `directory` to `path`; empty for itself, nil if it does not lie there.
  private func below(_ directory: String, _ path: String) -> String? {
    if path == directory { return "" }
    let start = directory == "/" ? directory : directory + "/"
    return path.hasPrefix(start) ? String(path.dropFirst(start.count)) : nil
  }

  private func joined(_ directory: String, _ rest: String) -> String {
    if rest.isEmpty { return directory }
    return directory == "/" ? "/" + rest : directory + "/" + rest
  }

  /// Spaces, tabs, newlines and backslashes are written as three octal digits.
  private static func unescaped(_ field: Substring) -> String {
    guard field.contains("\\") else { return String(field) }
    var bytes: [UInt8] = []
    var rest = Array(field.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"),
        let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
