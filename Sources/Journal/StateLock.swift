import CLinux
import Foundation
import Glibc
import Synchronization

/// The exclusive hold on a state directory, for as long as the process lives.
///
/// The kernel gives an `flock` back when its holder dies, so a stale file never bars a start; the file only names the
/// holder. It is never unlinked: two daemons could then each hold a lock on a file of that name.
final class StateLock: Sendable {
  private let descriptor: Mutex<Int32?>

  /// Makes the directory (0700, its missing parents too) if need be and locks it.
  init(directory: String) throws(JournalError) {
    try makeDirectory(directory)
    try refuseNetworkFileSystem(directory)
    let path = directory + "/lock"
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
    guard file >= 0 else { throw .lastCall("open", path) }
    guard hp_flock_exclusive(file) == 0 else {
      defer { Glibc.close(file) }
      guard errno == EWOULDBLOCK else { throw .lastCall("flock", path) }
      throw .locked(directory: directory, holder: Holder.read(from: file))
    }
    descriptor = Mutex(file)
    Ballast.makeWay(in: directory)
    do {
      try Holder.current.write(to: file, path: path)
    } catch {
      release()
      throw error
    }
  }

  func release() {
    descriptor.withLock { file in
      if let file { Glibc.close(file) }
      file = nil
    }
  }

  deinit { release() }
}

/// Who holds the lock, as its file tells the next one.
private struct Holder: Codable {
  var pid: Int32
  var host: String
  var since: Date

  static var current: Holder {
    Holder(pid: getpid(), host: ProcessInfo.processInfo.hostName, since: Date())
  }

  func write(to file: Int32, path: String) throws(JournalError) {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .iso8601
    encoder.outputFormatting = .sortedKeys
    guard let text = try? encoder.encode(self) else {
      preconditionFailure("a number, a text and a date are always JSON")
    }
    guard ftruncate(file, 0) == 0 else { throw .lastCall("ftruncate", path) }
    let written = text.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) }
    guard written == text.count else { throw .lastCall("write", path) }
  }

  /// The file may be half written: the holder is then real but nameless.
  static func read(from file: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = pread(file, &bytes, bytes.count, 0)
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    guard count > 0, let holder = try? decoder.decode(Holder.self, from: Data(bytes[..<count]))
    else { return "a process that has not given its name yet" }
    let since = ISO8601DateFormatter().string(from: holder.since)
    return "process \(holder.pid) on \(holder.host) since \(since)"
  }
}

/// `mkdir -p` with 0700, each new entry synced: a power cut must not take the journal's directory from under it.
private func makeDirectory(_ path: String) throws(JournalError) {
  if mkdir(path, 0o700) != 0 {
    if errno == EEXIST { return }
    guard errno == ENOENT, parent(of: path) != path else { throw .lastCall("mkdir", path) }
    try makeDirectory(parent(of: path))
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .lastCall("mkdir", path) }
  }
  try sync(directory: parent(of: path))
}

private func parent(of path: String) -> String {
  var path = path[...]
  while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
  guard let cut = path.lastIndex(of: "/") else { return "." }
  return cut == path.startIndex ? "/" : String(path[..<cut])
}

private func sync(directory: String) throws(JournalError) {
  let file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard file >= 0 else { throw .lastCall("open", directory) }
  defer { Glibc.close(file) }
  guard fsync(file) == 0 else { throw .lastCall("fsync", directory) }
}

/// WAL keeps its index in memory shared through `mmap`, which ends at the host.
/// - SeeAlso: https://www.sqlite.org/wal.html, "all processes … must be on the same host computer".
func refuseNetworkFileSystem(_ directory: String) throws(JournalError) {
  let file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard file >= 0 else { throw .lastCall("open", directory) }
  defer { Glibc.close(file) }
  let type = hp_filesystem_type(file)
  guard type >= 0 else { throw .lastCall("fstatfs", directory) }
  if isNetworkFileSystem(type) { throw .networkFileSystem(directory: directory) }
}

/// NFS, SMB and CIFS by the numbers of statfs(2).
func isNetworkFileSystem(_ type: Int64) -> Bool {
  [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42].contains(type)
}

extension JournalError {
  /// Read at once after the failed call.
  static func lastCall(_ call: String, _ path: String) -> JournalError {
    .system(call: call, path: path, message: String(cString: strerror(errno)))
  }
}
