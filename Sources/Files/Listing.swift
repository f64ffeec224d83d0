import CLinux
import Glibc
import Paths

extension Descriptor {
  /// Calls `body` with each entry of this directory but `.` and `..`, in the file system's order.
  ///
  /// The kind comes from the directory itself where the file system keeps it there, which saves a look at each file;
  /// else it is `.unknown`. Entries that come or go meanwhile may or may not be seen.
  public func forEachEntry(_ body: (FileName, FileKind) throws(SystemError) -> Void)
    throws(SystemError)
  {
    // A stream of its own: reading moves the offset that all duplicates of a descriptor share.
    let copy = openat(raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { throw SystemError("open", shownPath) }
    guard let stream = fdopendir(copy) else {
      close(copy)
      throw SystemError("fdopendir", shownPath)
    }
    defer { closedir(stream) }
    while true {
      Glibc.errno = 0
      guard let entry = readdir(stream) else {
        if Glibc.errno != 0 { throw SystemError("readdir", shownPath) }
        return
      }
      let name = entryName(entry)
      if name == [UInt8(ascii: ".")] || name == [UInt8(ascii: "."), UInt8(ascii: ".")] { continue }
      let kind: FileKind =
        switch Int(entry.pointee.d_type) {
        case DT_REG: .file
        case DT_DIR: .directory
        case DT_LNK: .symlink
        case DT_FIFO: .fifo
        case DT_SOCK: .socket
        case DT_CHR, DT_BLK: .device
        default: .unknown
        }
      try body(FileName(name), kind)
    }
  }

  /// All entries at once, for directories known to be small.
  public func entries() throws(SystemError) -> [(name: FileName, kind: FileKind)] {
    var result: [(name: FileName, kind: FileKind)] = []
    try forEachEntry { (name, kind) in result.append((name, kind)) }
    return result
  }
}

private func entryName(_ entry: UnsafeMutablePointer<dirent>) -> [UInt8] {
  let offset = MemoryLayout<dirent>.offset(of: \.d_name)!
  let start = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: UInt8.self)
  return Array(
    UnsafeBufferPointer(
      start: start, count: strlen(UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self))))
}
