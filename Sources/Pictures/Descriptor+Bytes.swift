import Files
import Glibc
import Paths

extension Descriptor {
  /// Opens a published frame, absolute, for reading. A symlink at its end is refused; what is no file does not hang.
  ///
  /// - Throws: ELOOP for a symlink, besides the errors of `open(2)`.
  static func frame(at path: [UInt8]) throws(SystemError) -> Descriptor {
    var directory = AT_FDCWD
    defer { if directory >= 0 { close(directory) } }
    var rest = path[...]
    // The kernel takes less than PATH_MAX at once.
    while rest.count >= Int(PATH_MAX), let cut = rest.prefix(Int(PATH_MAX) - 1).lastIndex(of: 0x2f),
      cut > rest.startIndex
    {
      let next = openAt(directory, rest[..<cut], O_RDONLY | O_DIRECTORY)
      guard next >= 0 else { throw SystemError("openat", shown(path)) }
      if directory >= 0 { close(directory) }
      directory = next
      rest = rest[(cut + 1)...]
    }
    let file = openAt(directory, rest, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    guard file >= 0 else { throw SystemError("openat", shown(path)) }
    return Descriptor(owning: file, shownPath: shown(path))
  }

  /// The file from its start to its end, or to the limit.
  func bytes(atMost limit: Int) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: limit)
    var done = 0
    while done < limit {
      let result: Result<Int, SystemError> = bytes.withUnsafeMutableBytes { buffer in
        Result { () throws(SystemError) in
          try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]), at: done)
        }
      }
      let count = try result.get()
      if count == 0 { break }
      done += count
    }
    bytes.removeLast(limit - done)
    return bytes
  }
}

private func openAt(_ directory: Int32, _ path: ArraySlice<UInt8>, _ flags: Int32) -> Int32 {
  (path.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer {
    openat(directory, $0.baseAddress!, flags | O_CLOEXEC)
  }
}

/// A name that the program itself gives: one component, never empty.
func entry(_ name: String) -> RelativePath { RelativePath.root.appending(FileName(name)) }
