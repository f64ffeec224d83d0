import Files
import Glibc
import Paths
import ReadModel
import Synchronization

/// Which picture of which state of which file.
///
/// The file is named by its inode, size and times, so one that was replaced or written again has another key; the place
/// is not part of it, for a device's number counts for one life of a mount only.
struct PictureKey: Hashable, Sendable {
  let job: String
  let which: PictureChoice
  let file: Snapshot

  /// Of letters, digits, dashes and dots, below 255 bytes.
  var name: String {
    let id = job.utf8.prefix(64).map { isNameByte($0) ? Character(UnicodeScalar($0)) : "-" }
    return "\(String(id)).\(which.rawValue).\(file.inode).\(file.size).\(file.modified)"
      + ".\(file.changed).jpg"
  }
}

private func isNameByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
    UInt8(ascii: "A")...UInt8(ascii: "Z"):
    true
  default: false
  }
}

/// The pictures that were made, one file each, in a directory that only its owner may enter.
///
/// Losing it loses nothing. A file appears whole, by a rename; one that a power cut left half is known by its end and
/// made again. When they are more than the bound, those go first that nobody has asked for the longest. All calls block.
final class PictureCache: Sendable {
  let directory: Descriptor
  let path: String
  private let mostBytes: Int
  private let state = Mutex(State())

  private struct State {
    var pictures: [String: (bytes: Int, used: Int64)] = [:]
    var bytes = 0
    /// Rises with every use; starts above all times of files.
    var clock: Int64 = 0

    mutating func use(_ name: String, _ bytes: Int) {
      forget(name)
      clock += 1
      pictures[name] = (bytes, clock)
      self.bytes += bytes
    }

    mutating func forget(_ name: String) {
      if let old = pictures.removeValue(forKey: name) { bytes -= old.bytes }
    }
  }

  /// Makes the directory and takes stock of it; what a killed daemon left half is removed.
  init(at path: String, mostBytes: Int) throws(SystemError) {
    self.path = path
    self.mostBytes = mostBytes
    if mkdir(path, 0o700) != 0, errno != EEXIST {
      throw SystemError("mkdir", shown(Array(path.utf8)))
    }
    directory = try Descriptor.directory(at: path)
    guard fchmod(directory.raw, 0o700) == 0 else {
      throw SystemError("fchmod", directory.shownPath)
    }
    try Scratch.removeAll(in: directory)
    for (name, kind) in try directory.entries() where kind == .file || kind == .unknown {
      let file = RelativePath.root.appending(name)
      guard name.bytes.suffix(4) == Array(".jpg".utf8) else {
        try directory.unlink(file)
        continue
      }
      let status = try directory.status(file).snapshot
      state.withLock {
        $0.pictures[String(decoding: name.bytes, as: UTF8.self)] = (status.size, status.modified)
        $0.bytes += status.size
        $0.clock = max($0.clock, status.modified)
      }
    }
  }

  func holds(_ key: PictureKey) -> Bool { state.withLock { $0.pictures[key.name] != nil } }

  func picture(_ key: PictureKey) -> [UInt8]? {
    let name = key.name
    guard holds(key) else { return nil }
    // Whatever stands in the way, the picture can be made again.
    guard let file = try? directory.open(entry(name), O_RDONLY | O_NONBLOCK),
      let size = try? file.status().snapshot.size,
      let bytes = try? file.bytes(atMost: min(size, 1 << 20)), JPEGSize(bytes) != nil
    else {
      state.withLock { $0.forget(name) }
      return nil
    }
    state.withLock { $0.use(name, bytes.count) }
    // For the order after a restart. Only the owner's clock says when.
    futimens(file.raw, nil)
    return bytes
  }

  /// - Throws: ENOSPC and its like; nothing is kept then.
  func keep(_ picture: [UInt8], _ key: PictureKey) throws(SystemError) {
    let name = key.name
    let temporary = entry("\(name).new")
    do {
      let file = try directory.open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
      let result = picture.withUnsafeBytes { bytes in
        Result { () throws(SystemError) in try file.write(bytes, at: 0) }
      }
      try result.get()
      try directory.rename(temporary, to: directory, entry(name), .plain)
    } catch {
      try? directory.unlink(temporary)
      throw error
    }
    let surplus = state.withLock { state in
      state.use(name, picture.count)
      var surplus: [String] = []
      while state.bytes > mostBytes, let oldest = state.pictures.min(by: { $0.1.used < $1.1.used })
      {
        state.forget(oldest.key)
        surplus.append(oldest.key)
      }
      return surplus
    }
    for name in surplus { try? directory.unlink(entry(name)) }
  }
}
