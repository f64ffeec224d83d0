import Files
import Glibc
import Paths

/// Holds the entries of a manifest against the files beneath a directory.
///
/// All calls block while files are read: they belong on a thread of the caller's own. It has no state: to spread
/// entries over threads, call ``finding(_:)`` from each.
public struct ManifestCheck: Sendable {
  private let directory: Descriptor
  private let isStopped: @Sendable () -> Bool
  private let didRead: @Sendable (Int) -> Void

  /// - Parameters:
  ///   - directory: the one that ``Manifest/directory(whenAt:)`` tells. Nothing outside it is opened, and no symlink
  ///     followed.
  ///   - isStopped: asked before each file and each chunk of 1 MiB.
  ///   - didRead: told the bytes of each chunk.
  public init(
    in directory: Descriptor, isStopped: @escaping @Sendable () -> Bool = { false },
    didRead: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.directory = directory
    self.isStopped = isStopped
    self.didRead = didRead
  }

  /// Checks all entries: first that the files are there in their sizes, which is cheap, then the checksums of those.
  ///
  /// It does not end at the first finding.
  public func findings(_ entries: [Manifest.Entry]) throws(CheckError) -> Findings {
    var findings = Findings()
    var toRead: [Int] = []
    for (index, entry) in entries.enumerated() {
      if let finding = try presence(entry) {
        findings.add(finding)
      } else if entry.checksum != nil {
        toRead.append(index)
      }
    }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 4096)
    defer { buffer.deallocate() }
    for index in toRead {
      if let finding = try contents(entries[index], through: buffer) { findings.add(finding) }
    }
    return findings
  }

  /// Whether the file is there, in the listed size if there is one. Reads nothing of it.
  public func presence(_ entry: Manifest.Entry) throws(CheckError) -> Finding? {
    if isStopped() { throw .stopped }
    return try found(entry) { () throws(SystemError) in
      judge(entry, try directory.status(entry.path))
    }
  }

  /// Presence, size and checksum of one file.
  public func finding(_ entry: Manifest.Entry) throws(CheckError) -> Finding? {
    if let finding = try presence(entry) { return finding }
    if entry.checksum == nil { return nil }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 4096)
    defer { buffer.deallocate() }
    return try contents(entry, through: buffer)
  }

  private func contents(
    _ entry: Manifest.Entry, through buffer: UnsafeMutableRawBufferPointer
  ) throws(CheckError) -> Finding? {
    guard let listed = entry.checksum else { return nil }
    var file: Descriptor?
    // O_NONBLOCK: what was a file a moment ago may be a FIFO.
    let finding = try found(entry) { () throws(SystemError) in
      let opened = try directory.open(entry.path, O_RDONLY | O_NONBLOCK)
      file = opened
      return judge(entry, try opened.status())
    }
    guard finding == nil, let file else { return finding }

    posix_fadvise(file.raw, 0, 0, POSIX_FADV_SEQUENTIAL)
    var running = listed.algorithm.start()
    var offset = 0
    while true {
      if isStopped() { throw .stopped }
      let count: Int
      do throws(SystemError) {
        count = try file.read(into: buffer, at: offset)
      } catch {
        throw .system(error)
      }
      if count == 0 { break }
      running.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      offset += count
      didRead(count)
    }
    // It may have changed since the first look.
    if let size = entry.size, size != offset { return .size(entry.path, is: offset, should: size) }
    return running.finish() == listed.bytes ? nil : .checksum(entry.path, listed.algorithm)
  }

  private func judge(_ entry: Manifest.Entry, _ status: Status) -> Finding? {
    if status.kind != .file { return .notAFile(entry.path) }
    guard let size = entry.size, size != status.snapshot.size else { return nil }
    return .size(entry.path, is: status.snapshot.size, should: size)
  }

  /// Tells what the delivery lacks from what the system fails at.
  private func found(
    _ entry: Manifest.Entry, _ look: () throws(SystemError) -> Finding?
  ) throws(CheckError) -> Finding? {
    do throws(SystemError) {
      return try look()
    } catch {
      switch error.errno.rawValue {
      // A name too long for the file system cannot be there.
      case ENOENT, ENOTDIR, ENAMETOOLONG: return .missing(entry.path)
      // openat2(2) meets a symlink; open(2) a socket.
      case ELOOP, ENXIO: return .notAFile(entry.path)
      default: throw .system(error)
      }
    }
  }
}

private let chunk = 1 << 20
