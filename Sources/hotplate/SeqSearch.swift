import Files
import Glibc
import Paths
import Sequences

/// Looks through directories, files and lists of names for sequences.
struct SeqSearch {
  let isRecursive: Bool
  let includesSingles: Bool
  /// Sizes cost a look at every file.
  let measuresBytes: Bool

  private(set) var rows: [SeqRow] = []
  /// Single files left out, for want of `includesSingles`.
  private(set) var singlesLeftOut = 0
  /// What lies below a given directory and could not be read.
  private(set) var failures: [SystemError] = []

  /// Names given one by one, by directory.
  private var named: [[UInt8]: [FileName]] = [:]
  private var listed: Set<[UInt8]> = []

  init(isRecursive: Bool, includesSingles: Bool, measuresBytes: Bool) {
    self.isRecursive = isRecursive
    self.includesSingles = includesSingles
    self.measuresBytes = measuresBytes
  }

  /// Takes a directory's names, or the one name of anything else.
  ///
  /// - Throws: nothing lies at `path`, or it cannot be read.
  mutating func look(at path: [UInt8]) throws(SystemError) {
    guard let root = try openDirectory(path) else {
      if try isFileOrLink(path) { addName(path) }
      return
    }
    var waiting = [RelativePath.root]
    while let next = waiting.popLast() {
      do throws(SystemError) {
        let directory = next.isRoot ? root : try root.openDirectory(next)
        waiting += try list(directory, named: joined(path, next)).map { next.appending($0) }
      } catch {
        if next.isRoot { throw error }
        failures.append(error)
      }
    }
  }

  /// Takes a name as text alone, with or without a directory before it; nothing need lie there.
  mutating func addName(_ path: [UInt8]) {
    let path = withoutTrailingSlashes(path)
    let cut = path.lastIndex(of: slash)
    let name = FileName(cut.map { Array(path[($0 + 1)...]) } ?? path)
    guard name.isValidComponent else { return }
    let directory = cut.map { withoutTrailingSlashes(Array(path[...$0])) } ?? [UInt8(ascii: ".")]
    named[directory, default: []].append(name)
  }

  /// Groups the names that were given one by one. Sizes are looked up where `onDisk`.
  mutating func finishNames(onDisk: Bool) {
    for (path, names) in named where !listed.contains(path) {
      var finder = SequenceFinder()
      for name in names { finder.add(name) }
      var directory: Descriptor?
      if onDisk, measuresBytes {
        do throws(SystemError) { directory = try openDirectory(path) } catch {
          failures.append(error)
        }
      }
      take(finder, in: path, directory)
    }
    named = [:]
  }

  /// - Returns: the directories in it that are to be looked through as well.
  private mutating func list(_ directory: Descriptor, named path: [UInt8]) throws(SystemError)
    -> [FileName]
  {
    guard listed.insert(path).inserted else { return [] }
    var finder = SequenceFinder()
    var below: [FileName] = []
    try directory.forEachEntry { (name, kind) throws(SystemError) in
      switch try kind == .unknown ? directory.kind(of: name) : kind {
      case .file, .symlink: finder.add(name)
      case .directory where isRecursive && !isHidden(name): below.append(name)
      default: break
      }
    }
    take(finder, in: path, directory)
    return below
  }

  private mutating func take(
    _ finder: SequenceFinder, in path: [UInt8], _ directory: Descriptor?
  ) {
    let (sequences, singles) = finder.finish()
    let measured = measuresBytes ? directory : nil
    for sequence in sequences {
      rows.append(
        SeqRow(
          directory: path, content: .sequence(sequence), bytes: measured?.bytes(of: sequence.names))
      )
    }
    guard includesSingles else {
      singlesLeftOut += singles.count
      return
    }
    for name in singles {
      rows.append(
        SeqRow(
          directory: path, content: .single(name), bytes: measured?.bytes(of: CollectionOfOne(name))
        ))
    }
  }
}

extension Descriptor {
  /// The bytes of files in this directory; a symlink, and what has gone meanwhile, counts nothing.
  fileprivate func bytes(of names: some Swift.Sequence<FileName>) -> Int {
    var sum = 0
    for name in names {
      guard let path = RelativePath(name.bytes) else { continue }
      do throws(SystemError) {
        let status = try status(path)
        if status.kind == .file { sum += status.snapshot.size }
      } catch {
        continue
      }
    }
    return sum
  }

  /// For file systems that do not say in their directories.
  fileprivate func kind(of name: FileName) throws(SystemError) -> FileKind {
    guard let path = RelativePath(name.bytes) else { return .unknown }
    do throws(SystemError) { return try status(path).kind } catch {
      if error.errno == .notFound { return .unknown }
      throw error
    }
  }
}

/// Opens what the user named, symlinks followed; nil if it is no directory, a dangling symlink perhaps.
private func openDirectory(_ path: [UInt8]) throws(SystemError) -> Descriptor? {
  let raw = (path + [0]).withUnsafeBufferPointer {
    $0.withMemoryRebound(to: CChar.self) {
      Glibc.open($0.baseAddress!, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }
  }
  if raw >= 0 { return Descriptor(owning: raw, shownPath: shown(path)) }
  let error = SystemError("open", shown(path))
  if error.errno == .notADirectory { return nil }
  if error.errno == .notFound, try isFileOrLink(path) { return nil }
  throw error
}

private func isFileOrLink(_ path: [UInt8]) throws(SystemError) -> Bool {
  var status = stat()
  let result = (path + [0]).withUnsafeBufferPointer {
    $0.withMemoryRebound(to: CChar.self) { lstat($0.baseAddress!, &status) }
  }
  guard result == 0 else { throw SystemError("lstat", shown(path)) }
  return [S_IFREG, S_IFLNK].contains(status.st_mode & S_IFMT)
}

private func joined(_ root: [UInt8], _ path: RelativePath) -> [UInt8] {
  let root = withoutTrailingSlashes(root)
  if path.isRoot { return root }
  return root + (root.last == slash ? [] : [slash]) + path.bytes
}

private func withoutTrailingSlashes(_ path: [UInt8]) -> [UInt8] {
  var path = path
  while path.count > 1, path.last == slash { path.removeLast() }
  return path
}

private func isHidden(_ name: FileName) -> Bool { name.bytes.first == UInt8(ascii: ".") }

private let slash = UInt8(ascii: "/")
