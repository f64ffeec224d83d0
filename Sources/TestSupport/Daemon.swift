import Foundation
import Synchronization

/// The real `hotplate watch`, run as a user runs it.
///
/// It is asked through the commands and watched through its files. It dies with this process, and no later than its
/// test's folder.
public final class Daemon: Sendable {
  private let child: pid_t
  private let errorText: ErrorText
  private let exit = Mutex<Int32?>(nil)
  private let state: String

  /// - Parameters:
  ///   - wrapper: a program with its arguments that runs the daemon, as `strace … --` does.
  ///   - program: the `hotplate` to run; without it the one beside the tests.
  ///   - state: the state directory that `arguments` name.
  public init(
    under wrapper: [String] = [], program: String? = nil, arguments: [String], state: String
  ) throws {
    self.state = state
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw Failure("pipe: \(String(cString: strerror(errno)))") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    // A test process that crashes takes its daemons with it.
    let words =
      ["setpriv", "--pdeathsig", "KILL", "--"] + wrapper
      + [try program ?? Self.program] + arguments
    child = try Command.spawn(words, out: ends[1], err: ends[1])
    close(ends[1])
    errorText = ErrorText(reading: ends[0])
  }

  /// The built `hotplate` beside the test bundle.
  public static var program: String {
    get throws {
      // The tests run as …/debug/hotplatePackageTests.xctest; CommandLine names it, /proc/self/exe may be swiftpm's.
      let places = CommandLine.arguments + [(try? link("/proc/self/exe")) ?? ""]
      for place in places where place.contains("/") {
        let program = (place as NSString).deletingLastPathComponent + "/hotplate"
        if access(program, X_OK) == 0 { return program }
      }
      throw Failure("no hotplate beside the tests: build all targets first (swift build)")
    }
  }

  private static func link(_ path: String) throws -> String {
    try FileManager.default.destinationOfSymbolicLink(atPath: path)
  }

  /// Waits for the line that says every watch stands and the first look is done.
  public func waitUntilReady() throws {
    guard errorText.waitForReadyLine(within: .seconds(60)) else {
      throw Failure("the daemon did not get ready: \(errors)")
    }
  }

  /// Its process, or that of the wrapper it runs under.
  public var process: Int32 { child }

  /// All it has said on standard error so far.
  public var errors: String { errorText.text }

  /// Runs another subcommand against this daemon's state directory.
  public func hotplate(_ arguments: [String]) throws -> Command.Outcome {
    try Command.run([try Self.program] + arguments + ["--state", state])
  }

  /// All jobs, newest first.
  public func jobs() throws -> [JobView] {
    let outcome = try hotplate(["jobs", "--json"])
    guard outcome.status == 0 else {
      throw Failure("jobs --json ended with \(outcome.status): \(outcome.err)\n\(errors)")
    }
    return try JSONDecoder().decode([JobView].self, from: Data(outcome.out.utf8))
  }

  /// Waits until a job that `matches` is in one of the states, and gives it.
  ///
  /// - Throws: at once when such a job ended in another state.
  @discardableResult
  public func waitForJob(
    in states: String..., within limit: Duration = .seconds(60),
    where matches: (JobView) -> Bool = { _ in true }
  ) throws -> JobView {
    var found: JobView?
    var seen: [JobView] = []
    do {
      try waitUntil("a job \(states.joined(separator: " or "))", within: limit) {
        guard isRunning else { throw Failure("the daemon ended") }
        seen = try jobs().filter(matches)
        found = seen.first { states.contains($0.state) }
        if found == nil, let other = seen.first(where: \.hasEnded) {
          throw Failure("a job ended as \(other.state)")
        }
        return found != nil
      }
    } catch {
      throw Failure("\(error); jobs: \(seen.map(\.summary)); the daemon said:\n\(errors)")
    }
    return found!
  }

  /// Whether it has neither ended nor been waited for.
  public var isRunning: Bool {
    exit.withLock { exit in
      if exit != nil { return false }
      var status: Int32 = 0
      guard waitpid(child, &status, WNOHANG) == child else { return true }
      exit = Command.exitCode(status)
      return false
    }
  }

  /// Waits until it ends by itself, and gives its exit code.
  public func waitForExit(within limit: Duration = .seconds(60)) throws -> Int32 {
    do {
      try waitUntil("the daemon to end", within: limit) { !isRunning }
    } catch {
      throw Failure("\(error); it said:\n\(errors)")
    }
    return exit.withLock { $0! }
  }

  /// Asks it to end, as a service manager does, and waits.
  @discardableResult
  public func terminate() throws -> Int32 {
    if isRunning { Foundation.kill(child, SIGTERM) }
    return try waitForExit()
  }

  /// Ctrl-C, and waits.
  @discardableResult
  public func interrupt() throws -> Int32 {
    if isRunning { Foundation.kill(child, SIGINT) }
    return try waitForExit()
  }

  /// SIGSTOP: it does nothing until ``goOn()``.
  public func stopForNow() { Foundation.kill(child, SIGSTOP) }

  public func goOn() { Foundation.kill(child, SIGCONT) }

  /// The most memory that it has had resident; 0 once it has ended.
  public var peakBytes: Int {
    let text = (try? String(contentsOfFile: "/proc/\(child)/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    return 1024 * (Int(line.filter(\.isNumber)) ?? 0)
  }

  /// kill -9, and waits until it is gone.
  public func kill() {
    guard isRunning else { return }
    Foundation.kill(child, SIGKILL)
    exit.withLock { $0 = try? Command.wait(for: child) }
  }
}

/// What comes out of a pipe, gathered by a thread.
private final class ErrorText: Sendable {
  private let bytes = Mutex<[UInt8]>([])
  private let isReady = DispatchSemaphore(value: 0)

  init(reading pipe: Int32) {
    Thread.detachNewThread { [self] in
      var buffer = [UInt8](repeating: 0, count: 4096)
      var saidReady = false
      while true {
        let count = read(pipe, &buffer, buffer.count)
        if count < 0 && errno == EINTR { continue }
        if count <= 0 { break }
        bytes.withLock { $0.append(contentsOf: buffer[..<count]) }
        if !saidReady, hasReadyLine {
          saidReady = true
          isReady.signal()
        }
      }
      close(pipe)
      // At the end of the text nobody waits in vain.
      isReady.signal()
    }
  }

  var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }

  private var hasReadyLine: Bool {
    text.split(separator: "\n").contains { $0.contains("ready:") }
  }

  func waitForReadyLine(within limit: Duration) -> Bool {
    _ = isReady.wait(timeout: .now() + .seconds(Int(limit.components.seconds)))
    return hasReadyLine
  }
}
