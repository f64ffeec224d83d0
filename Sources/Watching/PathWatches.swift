import CInotifyTools
import Glibc

/// The watches that a handful of paths need, on one inotify descriptor.
struct PathWatches {
  let notifier: Int32
  private var paths: [String] = []
  /// By watch: the names that count; nil for all.
  private var names: [Int32: Set<String>?] = [:]

  init(notifier: Int32) { self.notifier = notifier }

  mutating func watch(_ paths: [String]) {
    self.paths = paths
    renew()
  }

  /// Resolves the paths again. New watches are added before old ones go, so that nothing falls between.
  mutating func renew() {
    var wanted: [Int32: Set<String>?] = [:]
    for path in paths {
      for step in steps(of: path) {
        guard let watch = add(step.directory) else { continue }
        wanted[watch, default: .some([])]?.insert(step.name)
      }
      if let watch = add(path) { wanted[watch] = .some(nil) }
    }
    for old in names.keys where wanted[old] == nil { inotify_rm_watch(notifier, old) }
    names = wanted
  }

  private func add(_ directory: String) -> Int32? {
    let events =
      IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB
      | IN_DELETE_SELF | IN_MOVE_SELF
    let watch = inotify_add_watch(
      notifier, directory, UInt32(bitPattern: events) | UInt32(IN_ONLYDIR))
    return watch >= 0 ? watch : nil
  }

  /// Reads what there is.
  ///
  /// - Returns: whether anything of it concerns the paths. Events that were lost do.
  func readEvents() -> Bool {
    var isConcerned = false
    withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 8) { buffer in
      while true {
        let count = read(notifier, buffer.baseAddress, buffer.count)
        guard count > 0 else { return }
        var at = 0
        while at < count {
          let event = (buffer.baseAddress! + at).load(as: inotify_event.self)
          let start = at + MemoryLayout<inotify_event>.size
          let bytes = UnsafeRawBufferPointer(rebasing: buffer[start..<(start + Int(event.len))])
          let name = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
          isConcerned = isConcerned || concerns(event, name)
          at = start + Int(event.len)
        }
      }
    }
    return isConcerned
  }

  private func concerns(_ event: inotify_event, _ name: String) -> Bool {
    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { return true }
    if event.mask & UInt32(IN_IGNORED) != 0 { return false }
    guard let wanted = names[event.wd] else { return false }
    // Of the directory itself, or of one of its names.
    if name.isEmpty { return event.mask & UInt32(IN_DELETE_SELF | IN_MOVE_SELF) != 0 }
    return wanted.map { $0.contains(name) } ?? true
  }

  /// The directories that decide what a path means, each with the name looked up there, symlinks followed one by one.
  private func steps(of path: String) -> [(directory: String, name: String)] {
    var steps: [(directory: String, name: String)] = []
    var pending = Array(components(path).reversed())
    var place = "/"
    // As many as the kernel follows.
    var links = 0
    while let name = pending.popLast() {
      if name == "." { continue }
      if name == ".." {
        place = String(place.prefix(upTo: place.lastIndex(of: "/") ?? place.endIndex))
        if place.isEmpty { place = "/" }
        continue
      }
      steps.append((place, name))
      let next = place == "/" ? "/" + name : place + "/" + name
      if let target = destination(ofSymlink: next) {
        links += 1
        if links > 40 { break }
        if target.hasPrefix("/") { place = "/" }
        pending += components(target).reversed()
      } else {
        place = next
      }
    }
    return steps
  }

  private func components(_ path: String) -> [String] {
    path.split(separator: "/").map(String.init)
  }

  private func destination(ofSymlink path: String) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
      let count = readlink(path, buffer.baseAddress!, buffer.count)
      guard count > 0, count < buffer.count else { return nil }
      return String(
        decoding: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]),
        as: UTF8.self)
    }
  }
}
