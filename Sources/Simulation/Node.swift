import Files
import Paths

/// A file, directory or symlink of a volume.
final class Node {
  let id: Int
  let kind: FileKind
  /// Its inode number, which others may have had before it.
  let number: UInt64
  let birth: Int64
  /// Of a file its content, of a symlink its target.
  var bytes: [UInt8] = []
  var entries: [FileName: Node] = [:]
  var modified: Int64 = 1
  var changed: Int64 = 1
  /// Under which names it can be found.
  var places: [Name] = []
  /// Descriptors that are open.
  var openings = 0
  /// Those of other programs that may write.
  var writers = 0

  var durableBytes: [UInt8] = []
  var durableModified: Int64 = 1
  var durableEntries: [FileName: Node] = [:]
  var durableLinks = 0

  init(id: Int, kind: FileKind, number: UInt64, birth: Int64) {
    self.id = id
    self.kind = kind
    self.number = number
    self.birth = birth
  }

  func leave(_ name: Name) {
    if let index = places.firstIndex(where: { $0.parent === name.parent && $0.name == name.name }) {
      places.remove(at: index)
    }
  }

  var snapshot: Snapshot {
    Snapshot(inode: number, birth: birth, size: bytes.count, modified: modified, changed: changed)
  }
}

/// A name in a directory.
struct Name {
  let parent: Node
  let name: FileName
  init(_ parent: Node, _ name: FileName) {
    self.parent = parent
    self.name = name
  }
  func isSame(as other: Name) -> Bool { parent === other.parent && name == other.name }
}

/// One change of names.
enum NameChange {
  case make(Node, Name)
  case link(Node, Name)
  case unlink(Node, Name)
  case rename(Node, Name, Name, replacing: Node?)
  case exchange(Node, Name, Node, Name)

  var names: [Name] {
    switch self {
    case .make(_, let name), .link(_, let name), .unlink(_, let name): [name]
    case .rename(_, let from, let to, _), .exchange(_, let from, _, let to): [from, to]
    }
  }

  /// Names that hold something no more, and what they held.
  var gone: [(Name, Node)] {
    switch self {
    case .make, .link: []
    case .unlink(let node, let name): [(name, node)]
    case .rename(let node, let from, let to, let replaced):
      [(from, node)] + (replaced.map { [(to, $0)] } ?? [])
    case .exchange(let a, let from, let b, let to): [(from, a), (to, b)]
    }
  }

  /// Names that hold something from here on.
  var come: [(Name, Node)] {
    switch self {
    case .make(let node, let name), .link(let node, let name): [(name, node)]
    case .unlink: []
    case .rename(let node, _, let to, _): [(to, node)]
    case .exchange(let a, let from, let b, let to): [(to, a), (from, b)]
    }
  }

  /// Whether it could not be without the earlier one: it is about the same name, or about what that one made.
  func buildsOn(_ earlier: NameChange) -> Bool {
    if names.contains(where: { name in earlier.names.contains { $0.isSame(as: name) } }) {
      return true
    }
    guard case .make(let made, _) = earlier else { return false }
    return names.contains { $0.parent === made } || come.contains { $0.1 === made }
  }
}
