import CXXHash
import Files
import Foundation
import Paths

/// Everything a user could tell apart in a tree, taken at one moment, to compare with another.
///
/// Of directories it holds the names alone: their times change with every staging that comes and goes.
public struct TreeDigest: Equatable, Sendable, CustomStringConvertible {
  public struct Entry: Equatable, Sendable {
    public let kind: FileKind
    /// Bytes; 0 for what is not a file.
    public let size: Int
    /// Nanoseconds since 1970; 0 for directories.
    public let modified: Int64
    /// Tells a file that was replaced by an equal one; 0 for directories.
    public let inode: UInt64
    /// XXH3-64 of a file's bytes.
    public let digest: UInt64
  }

  public private(set) var entries: [RelativePath: Entry] = [:]

  /// Walks the tree at `path`, its hidden entries included, following no symlink. What goes while it is walked has it
  /// walked anew: a file renamed in that moment would be missed in both places.
  public init(of path: String) throws {
    let root = try Descriptor.directory(at: path)
    while try !walk(root) {}
  }

  /// - Returns: false if something went meanwhile.
  private mutating func walk(_ root: Descriptor) throws -> Bool {
    entries = [:]
    do {
      try add(.root, of: root)
      return true
    } catch let error as SystemError where error.errno == .notFound {
      return false
    }
  }

  private mutating func add(_ directory: RelativePath, of root: Descriptor) throws {
    for (name, _) in try root.openDirectory(directory).entries() {
      let path = directory.appending(name)
      let status = try root.status(path)
      let isFile = status.kind == .file
      entries[path] = Entry(
        kind: status.kind, size: isFile ? status.snapshot.size : 0,
        modified: status.kind == .directory ? 0 : status.snapshot.modified,
        inode: status.kind == .directory ? 0 : status.snapshot.inode,
        digest: isFile ? try contentDigest(root.open(path, O_RDONLY)) : 0)
      if status.kind == .directory { try add(path, of: root) }
    }
  }

  /// The files' paths and bytes alone, to compare a copy with what it was made from.
  public var contents: [RelativePath: UInt64] {
    entries.filter { $0.value.kind == .file }.mapValues(\.digest)
  }

  /// What another digest has that this one has not, and the other way round, as lines for a failure.
  public func difference(from other: TreeDigest) -> [String] {
    Set(entries.keys).union(other.entries.keys).sorted()
      .filter { entries[$0] != other.entries[$0] }
      .map { path in
        switch (other.entries[path], entries[path]) {
        case (nil, _): "+ \(path)"
        case (_, nil): "- \(path)"
        default: "≠ \(path)"
        }
      }
  }

  public var description: String {
    entries.keys.sorted().map(\.description).joined(separator: "\n")
  }
}

/// XXH3-64 of a file's bytes; 0 frames' worth of memory, whatever its size.
private func contentDigest(_ file: Descriptor) throws -> UInt64 {
  let size = try file.status().snapshot.size
  if size == 0 { return XXH3_64bits(nil, 0) }
  let map = mmap(nil, size, PROT_READ, MAP_PRIVATE, file.raw, 0)
  guard let map, map != MAP_FAILED else { throw SystemError("mmap", file.shownPath) }
  defer { munmap(map, size) }
  return XXH3_64bits(map, size)
}

/// The digest of bytes in memory, to compare with ``TreeDigest/contents``.
public func contentDigest(_ bytes: [UInt8]) -> UInt64 {
  bytes.withUnsafeBytes { XXH3_64bits($0.baseAddress, $0.count) }
}
