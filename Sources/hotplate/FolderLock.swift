import CLinux
import Files
import Foundation
import Glibc
import Paths

/// Keeps another daemon away from a hot folder for as long as this one runs.
///
/// Exclusive on the folder, shared on every directory above it: daemons on one folder, or on nested ones, meet in a
/// lock, through bind mounts too, whatever their state directories. Gone with the process. A volume can be unmounted all
/// the same: what is held on it are locks on files that stand for its directories.
final class FolderLock: Sendable {
  private let held: [Descriptor]

  /// - Throws: `Failure` with exit code 75, naming the process that holds the folder.
  init(_ folder: String) throws {
    let lineage = Lineage(of: folder)
    var held: [Descriptor] = []
    for path in [folder] + lineage.above.values.sorted() {
      let raw = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      // A parent that this user cannot read cannot be a hot folder of this user either.
      guard raw >= 0 else { continue }
      let directory = Descriptor(owning: raw, shownPath: shown(Array(path.utf8)))
      let isFolder = path == folder
      let file = LockFile.open(for: directory)
      for lock in [directory, file].compactMap(\.self) {
        if (isFolder ? hp_flock_exclusive(lock.raw) : hp_flock_shared(lock.raw)) != 0,
          Errno.current == .tryAgain
        {
          throw Failure(
            .tryAgain,
            "another daemon\(Self.holder(of: lock)) watches \(directory.shownPath)"
              + (isFolder ? " or a part of it" : ", which holds \(shown(Array(folder.utf8)))"),
            remedy: "stop it, or watch another folder")
        }
      }
      if let file { held.append(file) }
      if file == nil || !LockFile.mayStandFor(directory) { held.append(directory) }
    }
    self.held = held
  }

  /// ` (process N on HOST since TIME)` from `/proc/locks`, where this machine's locks stand by device and inode; nothing
  /// for a process of another PID namespace.
  private static func holder(of directory: Descriptor) -> String {
    guard let status = try? directory.status(),
      let locks = try? String(contentsOfFile: "/proc/locks", encoding: .utf8)
    else { return "" }
    let inode = ":\(status.snapshot.inode)"
    // As makedev(3) puts the two together.
    let major = status.device >> 8 & 0xfff | status.device >> 32 & ~0xfff
    let minor = status.device & 0xff | status.device >> 12 & ~0xff
    let device = String(format: "%02x:%02x", major, minor)
    var byInode: Int32?
    for line in locks.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 5, fields[1] == "FLOCK", let process = Int32(fields[4]), process > 0,
        process != getpid()
      else { continue }
      if fields[5] == device + inode { return " (\(named(process)))" }
      // Where subvolumes have device numbers of their own, locks bear that of the whole.
      if fields[5].hasSuffix(inode) { byInode = process }
    }
    return byInode.map { " (\(named($0)))" } ?? ""
  }

  private static func named(_ process: Int32) -> String {
    let since = start(of: process).map { " since \(ISO8601DateFormatter().string(from: $0))" } ?? ""
    return "process \(process) on \(ProcessInfo.processInfo.hostName)\(since)"
  }

  /// When a process began: its clock ticks since the boot, after the boot's time; see `proc_pid_stat(5)`.
  private static func start(of process: Int32) -> Date? {
    guard let own = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      let all = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
      let boot = all.split(separator: "\n").first(where: { $0.hasPrefix("btime ") })
        .flatMap({ Double($0.dropFirst(6)) }),
      // The name before it is in brackets and may hold anything.
      let fields = own.split(separator: ")").last?.split(separator: " "), fields.count > 19,
      let ticks = Double(fields[19])
    else { return nil }
    return Date(timeIntervalSince1970: boot + ticks / Double(sysconf(Int32(_SC_CLK_TCK))))
  }
}
