import Glibc

/// One line of the kernel's list of processes, from `/proc/PID/stat` (`proc_pid_stat(5)`).
struct ProcessEntry: Hashable, Sendable {
  let id: pid_t
  let parent: pid_t
  let session: pid_t
  /// Has ended, and waits for its parent to take note.
  let isZombie: Bool
  /// Clock ticks after boot: a number that is given again has another.
  let start: UInt64

  /// - Returns: nil if there is no such process any more.
  init?(_ id: pid_t) {
    guard let text = contents(of: "/proc/\(id)/stat", atMost: 4096),
      // The name in parentheses may hold anything, parentheses included.
      let end = text.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let fields = text[(end + 1)...].split(separator: UInt8(ascii: " "))
    func number(_ field: Int) -> Int64? {
      // The third field of the manual page is the first after the name.
      fields.indices.contains(field - 3)
        ? Int64(String(decoding: fields[field - 3], as: UTF8.self)) : nil
    }
    guard let state = fields.first?.first, let parent = number(4), let session = number(6),
      let start = number(22)
    else { return nil }
    self.id = id
    self.parent = pid_t(truncatingIfNeeded: parent)
    self.session = pid_t(truncatingIfNeeded: session)
    isZombie = state == UInt8(ascii: "Z") || state == UInt8(ascii: "X")
    self.start = UInt64(clamping: start)
  }

  /// All there are now; those that come or go meanwhile may or may not be among them.
  static func all() -> [ProcessEntry] {
    guard let stream = opendir("/proc") else { return [] }
    defer { closedir(stream) }
    var entries: [ProcessEntry] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if let id = pid_t(name), let entry = ProcessEntry(id) { entries.append(entry) }
    }
    return entries
  }

  /// The value of a variable in the environment that its program was started with; nil if that is not to be read.
  func variable(_ name: String) -> String? {
    let start = Array("\(name)=".utf8)
    guard
      let line = contents(of: "/proc/\(id)/environ", atMost: 1 << 20)?
        .split(separator: 0).first(where: { $0.starts(with: start) })
    else { return nil }
    return String(decoding: line.dropFirst(start.count), as: UTF8.self)
  }
}

/// Bytes of a file of `/proc`, which has no size beforehand.
private func contents(of path: String, atMost limit: Int) -> [UInt8]? {
  let file = open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { return nil }
  defer { close(file) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 4096)
  while bytes.count < limit {
    let count = read(file, &buffer, buffer.count)
    if count < 0 { return nil }
    if count == 0 { break }
    bytes += buffer[..<count]
  }
  return bytes
}
