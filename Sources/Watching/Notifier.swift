import CInotifyTools
import Files
import Glibc

/// One event as the kernel told it, copied out of the library's buffer.
struct RawEvent {
  let watch: Int32
  let mask: UInt32
  /// Joins the two halves of a rename.
  let cookie: UInt32
  let name: [UInt8]

  var isDirectory: Bool { has(IN_ISDIR) }

  func has(_ bit: Int32) -> Bool { mask & UInt32(bitPattern: bit) != 0 }
}

/// libinotifytools' one inotify descriptor of this process.
///
/// The library initialises and reads; watches are added to its descriptor directly, because its own table of watches
/// goes stale with renames and grows with every directory that comes and goes.
struct Notifier: Sendable {
  let descriptor: Int32
  /// Where /proc links to what is open. Not by way of `/proc/self`, which costs a lookup more for each directory.
  private let links: String

  /// Call once in a process, and early: the library reads with `select(2)`, which cannot serve descriptors from 1024 up.
  init() throws(WatchError) {
    let before = inotifyDescriptors()
    guard inotifytools_initialize() != 0 else {
      let error = SystemError(
        "inotify_init", "inotify", errno: Errno(rawValue: inotifytools_error()))
      throw error.errno.rawValue == EMFILE ? .limit(.instances()) : .system(error)
    }
    // The library keeps its descriptor to itself.
    let made = inotifyDescriptors().subtracting(before)
    guard let descriptor = made.first, made.count == 1, descriptor < FD_SETSIZE else {
      throw .system(SystemError("inotify_init", "inotify", errno: Errno(rawValue: EMFILE)))
    }
    self.descriptor = descriptor
    links = descriptorLinks()
    // Children of the daemon must not inherit it, and a read must never block the thread.
    guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0,
      fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0
    else { throw .system(SystemError("fcntl", "inotify")) }
  }

  /// Watches the open directory `directory`, whatever name it has by now.
  ///
  /// - Returns: the watch; the one that stands already if this directory (inode) is watched.
  /// - Throws: `.noMoreWatches` at the limit.
  func watch(_ directory: OpenDirectory, isRoot: Bool) throws(SystemError) -> Int32 {
    // Of the other directories their parents tell.
    let own = isRoot ? IN_DELETE_SELF | IN_MOVE_SELF : 0
    let events = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | own
    // MASK_ADD: a directory that is a root and below another keeps what the root asked for.
    let mask = UInt32(events) | UInt32(IN_ONLYDIR) | UInt32(IN_EXCL_UNLINK) | UInt32(IN_MASK_ADD)
    // The link in /proc leads to the open directory itself, so nothing can be swapped in between.
    let watch = inotify_add_watch(descriptor, "\(links)/\(directory.raw)", mask)
    guard watch >= 0 else { throw SystemError("inotify_add_watch", ".") }
    return watch
  }

  /// Takes a watch away; one that went with its directory is gone already, which is no error.
  func unwatch(_ watch: Int32) { _ = inotify_rm_watch(descriptor, watch) }

  /// The next event; nil once the kernel's queue and the library's buffer are both empty. Only for the watch thread.
  func next() -> RawEvent? {
    // One event at a time: for more, the library spins until they are there.
    guard let event = inotifytools_next_events(0, 1) else { return nil }
    let raw = UnsafeRawPointer(event)
    let start = raw.advanced(by: MemoryLayout<inotify_event>.size)
    let padded = UnsafeRawBufferPointer(start: start, count: Int(event.pointee.len))
    return RawEvent(
      watch: event.pointee.wd, mask: event.pointee.mask, cookie: event.pointee.cookie,
      name: Array(padded.prefix { $0 != 0 }))
  }
}

private func descriptorLinks() -> String {
  var target = [UInt8](repeating: 0, count: 32)
  let length = target.withUnsafeMutableBytes { buffer in
    readlink("/proc/self", buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
  }
  guard length > 0 else { return "/proc/self/fd" }
  return "/proc/\(String(decoding: target.prefix(length), as: UTF8.self))/fd"
}

private func inotifyDescriptors() -> Set<Int32> {
  var found: Set<Int32> = []
  guard let stream = opendir("/proc/self/fd") else { return found }
  defer { closedir(stream) }
  while let entry = readdir(stream) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    var target = [UInt8](repeating: 0, count: 64)
    let length = target.withUnsafeMutableBytes { buffer in
      readlinkat(
        dirfd(stream), name, buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    if length > 0, String(decoding: target.prefix(length), as: UTF8.self) == "anon_inode:inotify",
      let number = Int32(name)
    {
      found.insert(number)
    }
  }
  return found
}
