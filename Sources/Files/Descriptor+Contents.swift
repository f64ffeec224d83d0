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
      let count = pread(raw, buffer.baseAddress, buffer.count, off_t(offset))
      if count >= 0 { return count }
      if Errno.current == .interrupted { continue }
      throw SystemError("pread", "\(shownPath) at byte \(offset)")
    }
  }

  /// Writes all of `buffer` at `offset`, again after EINTR and after short writes.
  public func write(_ buffer: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) {
    var done = 0
    while done < buffer.count {
      let count = pwrite(
        raw, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if count >= 0 {
        done += count
      } else if Errno.current != .interrupted {
        throw SystemError("pwrite", "\(shownPath) at byte \(offset + done)")
      }
    }
  }

  /// Makes this file share the blocks of `source`, without copying (`ioctl_ficlone(2)`).
  public func clone(from source: Descriptor) throws(SystemError) {
    guard hp_clone(raw, source.raw) == 0 else { throw SystemError("ioctl FICLONE", shownPath) }
  }

  /// Sets the space aside and the size with it. EOPNOTSUPP where the file system cannot, which never writes zeros
  /// (unlike `posix_fallocate(3)`).
  public func allocate(_ size: Int) throws(SystemError) {
    while hp_allocate(raw, 0, 0, off_t(size)) != 0 {
      let error = SystemError("fallocate", shownPath)
      if error.errno != .interrupted { throw error }
    }
  }

  public func truncate(to size: Int) throws(SystemError) {
    guard ftruncate(raw, off_t(size)) == 0 else { throw SystemError("ftruncate", shownPath) }
  }

  /// The next range at or after `offset` that is not a hole; nil when only a hole is left.
  ///
  /// File systems that know no holes answer with the whole rest.
  public func nextData(from offset: Int, size: Int) throws(SystemError) -> Range<Int>? {
    let start = lseek(raw, off_t(offset), seekData)
    guard start >= 0 else {
      let error = SystemError("lseek", shownPath)
      if error.errno.rawValue == ENXIO { return nil }
      if error.errno == .invalid { return offset..<size }
      throw error
    }
    if Int(start) >= size { return nil }
    let end = lseek(raw, start, seekHole)
    guard end >= 0 else { throw SystemError("lseek", shownPath) }
    return Int(start)..<min(Int(end), size)
  }

  /// Sets the time of the last modification, nanoseconds since 1970; the access time is left alone.
  public func setModified(_ nanoseconds: Int64) throws(SystemError) {
    let second: Int64 = 1_000_000_000
    var rest = nanoseconds % second
    if rest < 0 { rest += second }
    // UTIME_OMIT, a macro that Swift does not import.
    let omit = timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2)
    let times = [omit, timespec(tv_sec: Int((nanoseconds - rest) / second), tv_nsec: Int(rest))]
    guard futimens(raw, times) == 0 else { throw SystemError("futimens", shownPath) }
  }

  /// Makes the bytes and the size durable. As for ``sync()``, a failure is final.
  public func syncData() throws(SystemError) {
    guard fdatasync(raw) == 0 else { throw SystemError("fdatasync", shownPath) }
  }

  /// Lets go of the cached pages, so that the next read asks the storage. What is not synced, is mapped or is being
  /// read by others stays (`posix_fadvise(2)`, POSIX_FADV_DONTNEED).
  public func dropCached() throws(SystemError) {
    let status = posix_fadvise(raw, 0, 0, POSIX_FADV_DONTNEED)
    guard status == 0 else {
      throw SystemError("posix_fadvise", shownPath, errno: Errno(rawValue: status))
    }
  }

  /// Brings out the write errors that some file systems (NFS) keep until a close.
  public func checkClose() throws(SystemError) {
    let copy = fcntl(raw, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { throw SystemError("dup", shownPath) }
    guard close(copy) == 0 else { throw SystemError("close", shownPath) }
  }

  /// Whether a process has this file, opened for reading by us, open for writing; nil where leases do not tell.
  public func hasWriter() -> Bool? {
    if hp_has_no_writer(raw) == 0 { return false }
    return Errno.current == .tryAgain ? true : nil
  }

  /// Opens a directory beneath this one as a place only, which needs no permission to list it.
  public func openPlace(_ name: RelativePath) throws(SystemError) -> Descriptor {
    try open(name, hp_o_path | O_DIRECTORY)
  }
}

// SEEK_DATA and SEEK_HOLE of lseek(2); Glibc shows them under _GNU_SOURCE only.
private let seekData: Int32 = 3
private let seekHole: Int32 = 4
