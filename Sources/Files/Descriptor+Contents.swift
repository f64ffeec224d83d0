import CLinux
import Glibc
import Paths

/// What is done to the bytes of an open file. All offsets and lengths are bytes.
extension Descriptor {
  /// Reads at `offset`, again after EINTR.
  ///
  /// - Returns: the bytes read; 0 at the end of the file.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(SystemError)
    -> Int
  {
    while true {
      do throws(Errno) {
        return try kernel.read(raw, buffer, at: offset)
      } catch {
        if error == .interrupted { continue }
        throw SystemError("pread", "\(shownPath) at byte \(offset)", errno: error)
      }
    }
  }

  /// Writes all of `buffer` at `offset`, again after EINTR and after short writes.
  public func write(_ buffer: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) {
    var done = 0
    while done < buffer.count {
      do throws(Errno) {
        done += try kernel.write(
          raw, UnsafeRawBufferPointer(rebasing: buffer[done...]), at: offset + done)
      } catch {
        if error == .interrupted { continue }
        throw SystemError("pwrite", "\(shownPath) at byte \(offset + done)", errno: error)
      }
    }
  }

  /// Makes this file share the blocks of `source`, without copying (`ioctl_ficlone(2)`).
  public func clone(from source: Descriptor) throws(SystemError) {
    try placed("ioctl FICLONE", shownPath) { () throws(Errno) in
      try kernel.clone(raw, from: source.raw)
    }
  }

  /// Sets the space aside and the size with it. EOPNOTSUPP where the file system cannot, which never writes zeros
  /// (unlike `posix_fallocate(3)`).
  public func allocate(_ size: Int) throws(SystemError) {
    while true {
      do throws(Errno) {
        return try kernel.allocate(raw, size)
      } catch {
        if error == .interrupted { continue }
        throw SystemError("fallocate", shownPath, errno: error)
      }
    }
  }

  public func truncate(to size: Int) throws(SystemError) {
    try placed("ftruncate", shownPath) { () throws(Errno) in try kernel.truncate(raw, to: size) }
  }

  /// The next range at or after `offset` that is not a hole; nil when only a hole is left.
  ///
  /// File systems that know no holes answer with the whole rest.
  public func nextData(from offset: Int, size: Int) throws(SystemError) -> Range<Int>? {
    do throws(Errno) {
      let data = try kernel.data(raw, from: offset)
      return data.lowerBound >= size ? nil : data.lowerBound..<min(data.upperBound, size)
    } catch {
      if error.rawValue == ENXIO { return nil }
      if error == .invalid { return offset..<size }
      throw SystemError("lseek", shownPath, errno: error)
    }
  }

  /// Sets the time of the last modification, nanoseconds since 1970; the access time is left alone.
  public func setModified(_ nanoseconds: Int64) throws(SystemError) {
    try placed("futimens", shownPath) { () throws(Errno) in
      try kernel.setModified(raw, nanoseconds)
    }
  }

  /// Makes the bytes and the size durable. As for ``sync()``, a failure is final.
  public func syncData() throws(SystemError) {
    try placed("fdatasync", shownPath) { () throws(Errno) in try kernel.syncData(raw) }
  }

  /// Lets go of the cached pages, so that the next read asks the storage. What is not synced, is mapped or is being
  /// read by others stays (`posix_fadvise(2)`, POSIX_FADV_DONTNEED).
  public func dropCached() throws(SystemError) {
    try placed("posix_fadvise", shownPath) { () throws(Errno) in try kernel.dropCached(raw) }
  }

  /// Brings out the write errors that some file systems (NFS) keep until a close.
  public func checkClose() throws(SystemError) {
    try placed("close", shownPath) { () throws(Errno) in try kernel.closeCopy(raw) }
  }

  /// Whether a process has this file, opened for reading by us, open for writing; nil where leases do not tell.
  public func hasWriter() -> Bool? {
    do throws(Errno) {
      try kernel.lease(raw)
      return false
    } catch {
      return error == .tryAgain ? true : nil
    }
  }

  /// Opens a directory beneath this one as a place only, which needs no permission to list it.
  public func openPlace(_ name: RelativePath) throws(SystemError) -> Descriptor {
    try open(name, hp_o_path | O_DIRECTORY)
  }
}
