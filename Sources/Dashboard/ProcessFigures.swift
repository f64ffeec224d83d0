import Glibc

/// What this process takes of the machine.
struct ProcessFigures: Sendable {
  var residentBytes: Int?
  var cpuSeconds: Double
  var openDescriptors: Int?

  /// Reads `/proc/self` (`proc(5)`): blocks for a moment.
  static func now() -> ProcessFigures {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return ProcessFigures(
      residentBytes: residentPages().map { $0 * sysconf(Int32(_SC_PAGESIZE)) },
      cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
      openDescriptors: entries(of: "/proc/self/fd"))
  }

  private static func residentPages() -> Int? {
    guard let file = fopen("/proc/self/statm", "re") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, 128, file) != nil else { return nil }
    let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return text.split(separator: " ").dropFirst().first.flatMap { Int($0) }
  }

  private static func entries(of path: String) -> Int? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    // Itself, `.` and `..`.
    return max(0, count - 3)
  }
}
