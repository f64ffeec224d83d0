import Foundation
import Synchronization

/// A program on a terminal of its own, and what stands on that terminal.
public final class TerminalSession: Sendable {
  private let child: pid_t
  private let main: Int32
  private let window: Mutex<ScreenModel>
  private let exit = Mutex<Int32?>(nil)

  /// Starts `arguments[0]`, looked up in PATH, as the leader of a session whose terminal is its input and its outputs.
  ///
  /// - Parameter environment: on top of this process's, with `TERM=xterm`.
  public init(
    _ arguments: [String], width: Int = 80, height: Int = 24, environment: [String: String] = [:]
  ) throws {
    // As posix_openpt(3), unlockpt(3) and ptsname(3) do, which Swift's Glibc does not show.
    main = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var (lock, number) = (Int32(0), UInt32(0))
    guard main >= 0, ioctl(main, 0x4004_5431, &lock) == 0, ioctl(main, 0x8004_5430, &number) == 0
    else { throw Failure("no terminal: \(String(cString: strerror(errno)))") }
    let name = "/dev/pts/\(number)"
    window = Mutex(ScreenModel(width: width, height: height))
    var size = winsize(
      ws_row: UInt16(height), ws_col: UInt16(width), ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(main, UInt(TIOCSWINSZ), &size)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // The first terminal that the leader of a new session opens is its controlling one.
    posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0)
    posix_spawn_file_actions_adddup2(&actions, 0, 1)
    posix_spawn_file_actions_adddup2(&actions, 0, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // POSIX_SPAWN_SETSID of <spawn.h>.
    posix_spawnattr_setflags(&attributes, 0x80)
    var variables = ProcessInfo.processInfo.environment
    variables["NO_COLOR"] = nil
    variables["TERM"] = "xterm"
    variables.merge(environment) { $1 }
    let words = (["setpriv", "--pdeathsig", "KILL", "--"] + arguments).map { strdup($0) } + [nil]
    let settings = variables.map { strdup("\($0)=\($1)") } + [nil]
    defer { for word in words + settings { free(word) } }
    var child = pid_t()
    let code = posix_spawnp(&child, "setpriv", &actions, &attributes, words, settings)
    guard code == 0 else { throw Failure("\(arguments): \(String(cString: strerror(code)))") }
    self.child = child
    Thread.detachNewThread { [self] in
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = read(main, &buffer, buffer.count)
        if count < 0 && errno == EINTR { continue }
        // EIO: the program has ended and with it the other side.
        if count <= 0 { break }
        window.withLock { $0.write(buffer[..<count]) }
      }
    }
  }

  /// The window as it is now.
  public var screen: ScreenModel { window.withLock { $0 } }

  /// Makes the window another size, as a person does who pulls its corner.
  public func resize(width: Int, height: Int) {
    window.withLock { $0.resize(width: width, height: height) }
    var size = winsize(
      ws_row: UInt16(height), ws_col: UInt16(width), ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(main, UInt(TIOCSWINSZ), &size)
  }

  /// Types a key.
  public func type(_ text: String) {
    let bytes = Array(text.utf8)
    _ = write(main, bytes, bytes.count)
  }

  public func signal(_ number: Int32) { kill(child, number) }

  /// Whether it stands still, by SIGSTOP.
  public var isStopped: Bool {
    let text = (try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8)) ?? ""
    return text.split(separator: ")").last?.hasPrefix(" T") ?? false
  }

  /// Waits until the window shows what it is to show.
  public func waitUntil(_ what: String, _ condition: (ScreenModel) throws -> Bool) throws {
    do {
      try TestSupport.waitUntil(what) { try condition(screen) }
    } catch {
      throw Failure("\(error); the window:\n\(screen.text)")
    }
  }

  /// Waits until it has ended, and gives its exit code.
  public func waitForExit() throws -> Int32 {
    try TestSupport.waitUntil("the program to end; its window:\n\(screen.text)") {
      exit.withLock { exit in
        var status: Int32 = 0
        if exit == nil, waitpid(child, &status, WNOHANG) == child {
          exit = Command.exitCode(status)
        }
        return exit != nil
      }
    }
    return exit.withLock { $0! }
  }

  /// kill -9, unless it has ended.
  public func end() {
    exit.withLock { exit in
      if exit != nil { return }
      kill(child, SIGKILL)
      exit = try? Command.wait(for: child)
    }
  }
}
