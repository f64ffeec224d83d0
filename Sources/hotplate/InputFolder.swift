import ArgumentParser
import Files
import Glibc
import Ingest
import Paths
import Sequences

/// A hot folder as `plan` and `explain` look at it: no symlink is followed, nothing is opened but directories.
struct InputFolder {
  let directory: Descriptor
  /// As the user named it, without a slash at the end.
  let given: [UInt8]
  /// What rules call it: as a configuration says, else the last component of the real path.
  let name: String
  private let real: [UInt8]

  var shownPath: String { shown(given) }

  /// - Parameter name: as a configuration has it; nil without one.
  /// - Throws: exit 66 if there is no such directory; standard error says so.
  init(_ path: [UInt8], named name: String? = nil) throws {
    var given = path
    while given.count > 1, given.last == slash { given.removeLast() }
    self.given = given
    let text = (given + [0]).map { CChar(bitPattern: $0) }
    let raw = text.withUnsafeBufferPointer {
      open($0.baseAddress!, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }
    guard raw >= 0, let resolved = text.withUnsafeBufferPointer({ realpath($0.baseAddress!, nil) })
    else {
      throw Failure(
        .noSuchInput, "\(SystemError("open", shown(given)))",
        remedy: "name a directory that exists, or mount its volume")
    }
    defer { free(resolved) }
    directory = Descriptor(owning: raw, shownPath: shown(given))
    let real = String(cString: resolved)
    self.real = Array(UnsafeRawBufferPointer(start: resolved, count: strlen(resolved)))
    self.name = name ?? real.split(separator: "/").last.map(String.init) ?? "/"
  }

  /// The path below this folder that `path` means, as its text says or, if it exists, as the symlinks before it lead.
  func relative(_ path: [UInt8]) -> RelativePath? {
    if let inside = below(tidied(given), tidied(path)) { return inside }
    let path = tidied(path)
    let cut = path.lastIndex(of: slash)
    let parent = cut.map { $0 == 0 ? [slash] : Array(path[..<$0]) } ?? [UInt8(ascii: ".")]
    guard
      let resolved = (parent + [0]).map({ CChar(bitPattern: $0) })
        .withUnsafeBufferPointer({ realpath($0.baseAddress!, nil) })
    else { return nil }
    defer { free(resolved) }
    let directory = Array(UnsafeRawBufferPointer(start: resolved, count: strlen(resolved)))
    return below(real, directory + [slash] + (cut.map { Array(path[($0 + 1)...]) } ?? path))
  }

  /// The path below this folder of a directory that exists, wherever symlinks lead; nil if it lies elsewhere.
  func relative(toDirectory other: InputFolder) -> RelativePath? {
    other.real == real ? .root : below(real, other.real)
  }

  /// A path as the user would name it.
  func named(_ path: RelativePath) -> [UInt8] {
    if path.isRoot { return given }
    return given + (given.last == slash ? [] : [slash]) + path.bytes
  }

  /// The files in the directory of `path` that could be of one sequence with it; none if there is no such directory.
  func files(beside path: RelativePath) throws(SystemError) -> [RelativePath] {
    let parent = path.parent
    let entries: [(name: FileName, kind: FileKind)]
    do throws(SystemError) {
      entries = try (parent.isRoot ? directory : directory.openDirectory(parent)).entries()
    } catch {
      if error.errno == .notFound || error.errno == .notADirectory { return [] }
      throw error
    }
    return entries.filter { ($0.kind == .file || $0.kind == .unknown) && !isInFlight($0.name) }
      .map { parent.appending($0.name) }
  }
}

/// What lies in a hot folder, or in a part of it: what the rules are asked about, and what they are not.
struct FolderListing {
  let folder: InputFolder
  /// Regular files that count.
  private(set) var files: [RelativePath] = []
  /// What is left out, by path, and why.
  private(set) var skipped: [(path: RelativePath, why: String)] = []
  private(set) var sentinels: [(path: RelativePath, sentinel: Sentinel)] = []
  /// Files that count once they are renamed; not the system's own hidden ones.
  private(set) var inFlight: [RelativePath] = []
  /// Directories that could not be read.
  private(set) var failures: [SystemError] = []

  /// - Parameter part: the directory to list with all below it; sentinels above it count as well.
  init(of folder: InputFolder, below part: RelativePath = .root) {
    self.folder = folder
    for above in part.ancestors { lookForSentinels(in: above) }
    var waiting = [part]
    while let next = waiting.popLast() {
      do throws(SystemError) {
        let directory = next.isRoot ? folder.directory : try folder.directory.openDirectory(next)
        try directory.forEachEntry { (name, kind) throws(SystemError) in
          let path = next.appending(name)
          let kind = kind == .unknown ? try folder.directory.status(path).kind : kind
          if take(path, name, kind) { waiting.append(path) }
        }
      } catch {
        failures.append(error)
      }
    }
    files.sort()
    skipped.sort { $0.path < $1.path }
  }

  /// Whether something has this name; what cannot be looked at counts as absent.
  func holds(_ path: RelativePath) -> Bool {
    do throws(SystemError) { return try folder.directory.holds(path) } catch { return false }
  }

  /// The sentinel that holds what begins with `head` in `directory`, if there is one.
  func sentinel(over directory: RelativePath, head: [UInt8], isSingleFile: Bool) -> RelativePath? {
    sentinels.first { path, sentinel in
      switch sentinel {
      case .tree: directory.isAtOrBelow(path.parent)
      case .stem:
        path.parent == directory && sentinel.covers(head: head, isSingleFile: isSingleFile)
      }
    }?.path
  }

  /// Counts files as such that rules are not asked about, each for its reason.
  mutating func leaveOut(_ reasons: [RelativePath: String]) {
    files.removeAll { reasons[$0] != nil }
    skipped = (skipped + reasons.map { ($0, $1) }).sorted { $0.path < $1.path }
  }

  private mutating func lookForSentinels(in directory: RelativePath) {
    do throws(SystemError) {
      let entries = try
        (directory.isRoot ? folder.directory : folder.directory.openDirectory(directory)).entries()
      for (name, _) in entries {
        if let sentinel = Sentinel(name) { sentinels.append((directory.appending(name), sentinel)) }
      }
    } catch {
      failures.append(error)
    }
  }

  /// - Returns: whether to look into it.
  private mutating func take(_ path: RelativePath, _ name: FileName, _ kind: FileKind) -> Bool {
    if name.bytes.starts(with: ownNames) { return false }
    if let sentinel = Sentinel(name) {
      sentinels.append((path, sentinel))
      return false
    }
    switch kind {
    case .directory: return true
    case .file where isInFlight(name):
      if name.bytes.first != UInt8(ascii: ".") || isTemporaryCopy(name) { inFlight.append(path) }
      skipped.append((path, "in flight: it counts when it is renamed"))
    case .file: files.append(path)
    case .symlink: skipped.append((path, "a symlink, which is not followed"))
    case .fifo: skipped.append((path, "a FIFO"))
    case .socket: skipped.append((path, "a socket"))
    case .device: skipped.append((path, "a device"))
    case .unknown: skipped.append((path, "of a kind that the file system does not tell"))
    }
    return false
  }
}

extension RelativePath {
  /// The directories above it, from the root on; none for the root.
  fileprivate var ancestors: [RelativePath] {
    isRoot ? [] : parent.ancestors + [parent]
  }
}

private func below(_ folder: [UInt8], _ path: [UInt8]) -> RelativePath? {
  let start = folder == [slash] ? folder : folder + [slash]
  guard path.starts(with: start) else { return nil }
  return RelativePath(path.dropFirst(start.count))
}

/// Without `.` components and doubled slashes.
private func tidied(_ path: [UInt8]) -> [UInt8] {
  let parts = path.split(separator: slash).filter { $0 != [UInt8(ascii: ".")] }
  return (path.first == slash ? [slash] : []) + parts.joined(separator: [slash])
}

private let slash = UInt8(ascii: "/")
/// What Hotplate makes in hot folders itself.
private let ownNames = Array(".hotplate-".utf8)
