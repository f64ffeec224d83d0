import CLinux
import Glibc
import Synchronization

/// Room held on the journal's disk and given up when that is full: the last rows of jobs under way find a place.
///
/// A file of `size` bytes beside the journal, or a quarter of what is free where that is less; it holds nothing.
final class Ballast: Sendable {
  /// Some two hundred transactions.
  static let size = 8 << 20
  /// Less would not carry one job to its end.
  static let least = 256 << 10

  private let path: String
  private let directory: String
  private let isHeld = Mutex(false)

  init(directory: String) {
    self.directory = directory
    path = directory + "/ballast"
    _ = hold()
  }

  /// On a full disk a daemon that was stopped there can be started again, in the room that the last one held.
  static func makeWay(in directory: String) {
    let file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard file >= 0 else { return }
    defer { close(file) }
    if (0..<Int64(least)).contains(hp_free_bytes(file)) { unlinkat(file, "ballast", 0) }
  }

  var isStanding: Bool { isHeld.withLock { $0 } }

  /// Sets the room aside, where there is as much again for the journal itself.
  ///
  /// - Returns: whether it stands.
  func hold() -> Bool {
    isHeld.withLock { isHeld in
      if isHeld { return true }
      isHeld = make()
      if !isHeld { unlink(path) }
      return isHeld
    }
  }

  /// Gives the room up.
  ///
  /// - Returns: whether this call did.
  func release() -> Bool {
    isHeld.withLock { isHeld in
      guard isHeld else { return false }
      isHeld = false
      return unlink(path) == 0
    }
  }

  private func make() -> Bool {
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
    guard file >= 0 else { return false }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
    let held = Int(status.st_blocks) * 512
    if held >= Self.least, held >= Int(status.st_size) { return true }
    let free = Int(clamping: hp_free_bytes(file))
    let size = min(Self.size, free / 4)
    guard size >= Self.least else { return false }
    if hp_allocate(file, 0, 0, off_t(size)) == 0 { return true }
    guard errno == EOPNOTSUPP || errno == ENOSYS else { return false }
    let zeros = [UInt8](repeating: 0, count: 1 << 16)
    for offset in stride(from: 0, to: size, by: zeros.count)
    where pwrite(file, zeros, min(zeros.count, size - offset), off_t(offset)) < 0 {
      return false
    }
    return true
  }
}
