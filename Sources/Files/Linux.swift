import CLinux
import Glibc
import Paths

/// The kernel that this process runs on.
public struct Linux: Kernel {
  public init() {}

  // MARK: Opening

  public func openDirectory(at path: String) throws(Errno) -> Int32 {
    try descriptor(withFreeDescriptor { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
  }

  public func open(_ directory: Int32, _ path: [UInt8], _ flags: Int32, _ mode: mode_t)
    throws(Errno) -> Int32
  {
    try descriptor(
      withBytes(path) { path in
        withFreeDescriptor { hp_open_beneath(directory, path, flags, mode) }
      })
  }

  public func close(_ file: Int32) { Glibc.close(file) }

  public func closeCopy(_ file: Int32) throws(Errno) {
    try done(Glibc.close(try descriptor(withFreeDescriptor { fcntl(file, F_DUPFD_CLOEXEC, 0) })))
  }

  // MARK: Names

  public func status(_ file: Int32, _ name: [UInt8]?) throws(Errno) -> Status {
    var status = hp_status()
    try done(withBytes(name ?? []) { hp_status_at(file, $0, &status) })
    return Status(status)
  }

  public func entries(_ directory: Int32, _ body: (FileName, FileKind) -> Bool) throws(Errno) {
    // A stream of its own: reading moves the offset that all duplicates of a descriptor share.
    let copy = try descriptor(
      withFreeDescriptor { openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
    guard let stream = fdopendir(copy) else {
      let error = Errno.current
      Glibc.close(copy)
      throw error
    }
    defer { closedir(stream) }
    while true {
      Glibc.errno = 0
      guard let entry = readdir(stream) else {
        if Glibc.errno != 0 { throw Errno.current }
        return
      }
      let name = entryName(entry)
      if name == [UInt8(ascii: ".")] || name == [UInt8(ascii: "."), UInt8(ascii: ".")] { continue }
      if !body(FileName(name), FileKind(directoryEntry: entry.pointee.d_type)) { return }
    }
  }

  public func makeDirectory(_ directory: Int32, _ name: [UInt8], _ mode: mode_t) throws(Errno) {
    try done(withBytes(name) { mkdirat(directory, $0, mode) })
  }

  public func unlink(_ directory: Int32, _ name: [UInt8]) throws(Errno) {
    try done(withBytes(name) { unlinkat(directory, $0, 0) })
  }

  public func removeDirectory(_ directory: Int32, _ name: [UInt8]) throws(Errno) {
    try done(withBytes(name) { unlinkat(directory, $0, AT_REMOVEDIR) })
  }

  public func rename(
    _ directory: Int32, _ name: [UInt8], _ newDirectory: Int32, _ newName: [UInt8],
    _ rule: Descriptor.RenameRule
  ) throws(Errno) {
    let flags =
      switch rule {
      case .noReplace: hp_rename_noreplace
      case .exchange: hp_rename_exchange
      case .plain: UInt32(0)
      }
    try done(
      withBytes(name) { old in
        withBytes(newName) { new in hp_rename(directory, old, newDirectory, new, flags) }
      })
  }

  public func link(_ directory: Int32, _ name: [UInt8], _ newDirectory: Int32, _ newName: [UInt8])
    throws(Errno)
  {
    try done(
      withBytes(name) { old in
        withBytes(newName) { new in linkat(directory, old, newDirectory, new, 0) }
      })
  }

  public func makeSymlink(_ directory: Int32, _ name: [UInt8], to target: [UInt8]) throws(Errno) {
    try done(
      withBytes(target) { target in withBytes(name) { symlinkat(target, directory, $0) } })
  }

  public func symlinkTarget(_ directory: Int32, _ name: [UInt8]) throws(Errno) -> [UInt8] {
    // No longer target can be made: `symlink(2)` takes less than PATH_MAX.
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = target.withUnsafeMutableBytes { buffer in
      withBytes(name) { readlinkat(directory, $0, buffer.baseAddress!, buffer.count) }
    }
    guard count >= 0 else { throw Errno.current }
    return Array(target[..<count])
  }

  // MARK: Bytes

  public func read(_ file: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int)
    throws(Errno) -> Int
  {
    try counted(pread(file, buffer.baseAddress, buffer.count, off_t(offset)))
  }

  public func write(_ file: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(Errno)
    -> Int
  {
    try counted(pwrite(file, bytes.baseAddress, bytes.count, off_t(offset)))
  }

  public func clone(_ file: Int32, from source: Int32) throws(Errno) {
    try done(hp_clone(file, source))
  }

  public func allocate(_ file: Int32, _ size: Int) throws(Errno) {
    try done(hp_allocate(file, 0, 0, off_t(size)))
  }

  public func truncate(_ file: Int32, to size: Int) throws(Errno) {
    try done(ftruncate(file, off_t(size)))
  }

  public func data(_ file: Int32, from offset: Int) throws(Errno) -> Range<Int> {
    let start = try counted(Int(lseek(file, off_t(offset), seekData)))
    return start..<(try counted(Int(lseek(file, off_t(start), seekHole))))
  }

  public func setModified(_ file: Int32, _ nanoseconds: Int64) throws(Errno) {
    let second: Int64 = 1_000_000_000
    var rest = nanoseconds % second
    if rest < 0 { rest += second }
    // UTIME_OMIT, a macro that Swift does not import.
    let omit = timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2)
    let times = [omit, timespec(tv_sec: Int((nanoseconds - rest) / second), tv_nsec: Int(rest))]
    try done(futimens(file, times))
  }

  public func sync(_ file: Int32) throws(Errno) { try done(fsync(file)) }
  public func syncData(_ file: Int32) throws(Errno) { try done(fdatasync(file)) }

  public func dropCached(_ file: Int32) throws(Errno) {
    let status = posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
    guard status == 0 else { throw Errno(rawValue: status) }
  }

  public func lease(_ file: Int32) throws(Errno) { try done(hp_has_no_writer(file)) }

  // MARK: What is mounted, and since when

  public func fileSystemType(_ file: Int32) throws(Errno) -> Int64 {
    let type = hp_filesystem_type(file)
    guard type != -1 else { throw Errno.current }
    return type
  }

  public func room(_ directory: Int32) throws(Errno) -> Room {
    var answer = statvfs()
    try done(fstatvfs(directory, &answer))
    let block = max(1, Int(answer.f_frsize))
    let countsBytes = answer.f_blocks > 0
    let countsFiles = answer.f_files > 0
    return Room(
      volume: try status(directory, nil).device,
      bytes: countsBytes ? Int(clamping: answer.f_bavail).clampedProduct(block) : nil,
      files: countsFiles ? Int(clamping: answer.f_favail) : nil,
      totalBytes: countsBytes ? Int(clamping: answer.f_blocks).clampedProduct(block) : nil,
      totalFiles: countsFiles ? Int(clamping: answer.f_files) : nil,
      block: block, isWritable: faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) == 0)
  }

  public func bootID() throws(SystemError) -> String {
    let path = "/proc/sys/kernel/random/boot_id"
    let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw SystemError("open", path) }
    defer { Glibc.close(file) }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = Glibc.read(file, &bytes, bytes.count)
    guard count > 0 else { throw SystemError("read", path) }
    return String(decoding: bytes[..<count].prefix { $0 > 0x20 }, as: UTF8.self)
  }
}

extension Int {
  fileprivate func clampedProduct(_ other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}

// Each reads errno at once after the call.

private func done(_ status: Int32) throws(Errno) { if status != 0 { throw Errno.current } }

private func descriptor(_ file: Int32) throws(Errno) -> Int32 {
  guard file >= 0 else { throw Errno.current }
  return file
}

private func counted(_ count: Int) throws(Errno) -> Int {
  guard count >= 0 else { throw Errno.current }
  return count
}

private func entryName(_ entry: UnsafeMutablePointer<dirent>) -> [UInt8] {
  let offset = MemoryLayout<dirent>.offset(of: \.d_name)!
  let start = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: UInt8.self)
  return Array(
    UnsafeBufferPointer(
      start: start, count: strlen(UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self))))
}

extension FileKind {
  fileprivate init(directoryEntry type: UInt8) {
    self =
      switch Int(type) {
      case DT_REG: .file
      case DT_DIR: .directory
      case DT_LNK: .symlink
      case DT_FIFO: .fifo
      case DT_SOCK: .socket
      case DT_CHR, DT_BLK: .device
      default: .unknown
      }
  }
}

// SEEK_DATA and SEEK_HOLE of lseek(2); Glibc shows them under _GNU_SOURCE only.
private let seekData: Int32 = 3
private let seekHole: Int32 = 4
