import Glibc
import Paths

/// The system calls that everything in this module comes down to, each named after its manual page.
///
/// The one seam beneath ``Descriptor``: the program talks to ``Linux``. The simulation puts a file system of its own here,
/// so that the code that stages, publishes and recovers meets crashes and errors that no disk shows on demand.
///
/// Descriptors are numbers that the kernel itself gave; names are bytes without a NUL, single components but for
/// ``open(_:_:_:_:)``.
public protocol Kernel: Sendable {
  /// `open(2)` of a directory by its absolute path, symlinks followed.
  func openDirectory(at path: String) throws(Errno) -> Int32
  /// `openat2(2)`, beneath a directory and through no symlink.
  func open(_ directory: Int32, _ path: [UInt8], _ flags: Int32, _ mode: mode_t) throws(Errno)
    -> Int32
  func close(_ file: Int32)
  /// Closes a second descriptor of the same file, which brings out late write errors.
  func closeCopy(_ file: Int32) throws(Errno)

  /// `statx(2)`, not following a symlink; without a name it asks about the descriptor itself.
  func status(_ file: Int32, _ name: [UInt8]?) throws(Errno) -> Status
  /// `readdir(3)`, without `.` and `..`.
  ///
  /// - Parameter body: says whether to go on.
  func entries(_ directory: Int32, _ body: (FileName, FileKind) -> Bool) throws(Errno)
  func makeDirectory(_ directory: Int32, _ name: [UInt8], _ mode: mode_t) throws(Errno)
  func unlink(_ directory: Int32, _ name: [UInt8]) throws(Errno)
  func removeDirectory(_ directory: Int32, _ name: [UInt8]) throws(Errno)
  func rename(
    _ directory: Int32, _ name: [UInt8], _ newDirectory: Int32, _ newName: [UInt8],
    _ rule: Descriptor.RenameRule
  ) throws(Errno)
  func link(_ directory: Int32, _ name: [UInt8], _ newDirectory: Int32, _ newName: [UInt8])
    throws(Errno)
  func makeSymlink(_ directory: Int32, _ name: [UInt8], to target: [UInt8]) throws(Errno)
  func symlinkTarget(_ directory: Int32, _ name: [UInt8]) throws(Errno) -> [UInt8]

  /// - Returns: bytes read, 0 at the end; may be fewer than asked for.
  func read(_ file: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(Errno)
    -> Int
  /// - Returns: bytes written; may be fewer than given.
  func write(_ file: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(Errno) -> Int
  func clone(_ file: Int32, from source: Int32) throws(Errno)
  func allocate(_ file: Int32, _ size: Int) throws(Errno)
  func truncate(_ file: Int32, to size: Int) throws(Errno)
  /// The next range that is not a hole (`lseek(2)`, SEEK_DATA, SEEK_HOLE); ENXIO where only a hole is left.
  func data(_ file: Int32, from offset: Int) throws(Errno) -> Range<Int>
  /// Nanoseconds since 1970; the access time is left alone.
  func setModified(_ file: Int32, _ nanoseconds: Int64) throws(Errno)
  func sync(_ file: Int32) throws(Errno)
  func syncData(_ file: Int32) throws(Errno)
  func dropCached(_ file: Int32) throws(Errno)
  /// A read lease, given back at once: EAGAIN where there is a writer, another error where leases do not tell.
  func lease(_ file: Int32) throws(Errno)

  /// `f_type` of `statfs(2)`.
  func fileSystemType(_ file: Int32) throws(Errno) -> Int64
  /// `statvfs(3)`.
  func room(_ directory: Int32) throws(Errno) -> Room
  /// This boot of the kernel, in letters, digits and dashes.
  func bootID() throws(SystemError) -> String
}

/// Where ``Descriptor/directory(at:)`` and ``currentBootID()`` turn to.
public enum Kernels {
  /// The kernel of this machine, unless a simulation runs this task.
  @TaskLocal public static var current: any Kernel = Linux()
}
