import Foundation

/// One run of another program, to its end.
public enum Command {
  public struct Outcome: Sendable {
    /// The exit code; 128 + the signal's number when a signal ended it, as a shell says it.
    public let status: Int32
    public let out: String
    public let err: String
  }

  /// Runs `arguments[0]`, looked up in PATH, and waits. The words reach it as they are: there is no shell.
  ///
  /// Its output goes through files, not pipes, so that no amount of it can block the program.
  public static func run(_ arguments: [String]) throws -> Outcome {
    let out = try OutputFile()
    let err = try OutputFile()
    let child = try spawn(arguments, out: out.descriptor, err: err.descriptor)
    let status = try wait(for: child)
    return Outcome(status: status, out: out.text(), err: err.text())
  }

  /// Starts a program with the given descriptors as its standard output and error, and nothing to read.
  static func spawn(_ arguments: [String], out: Int32, err: Int32) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, out, 1)
    posix_spawn_file_actions_adddup2(&actions, err, 2)
    keepDescriptors()

    let words = arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var child = pid_t()
    let code = posix_spawnp(&child, arguments[0], &actions, nil, words, environ)
    guard code == 0 else {
      throw Failure("\(arguments[0]) did not start: \(String(cString: strerror(code)))")
    }
    return child
  }

  /// Whatever else this process has open is no business of its children, some of which may open few files only.
  private static func keepDescriptors() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    for file in names.compactMap({ Int32($0) }) where file > 2 {
      _ = fcntl(file, F_SETFD, FD_CLOEXEC)
    }
  }

  /// Waits for a child of this process to end and takes its exit code.
  static func wait(for child: pid_t) throws -> Int32 {
    var status: Int32 = 0
    while waitpid(child, &status, 0) != child {
      guard errno == EINTR else { throw Failure("waitpid: \(String(cString: strerror(errno)))") }
    }
    return exitCode(status)
  }

  /// What a shell would show in `$?` for a status of `waitpid(2)`.
  static func exitCode(_ status: Int32) -> Int32 {
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : 128 + signal
  }
}

/// A nameless file that takes a program's output.
private final class OutputFile {
  let descriptor: Int32

  init() throws {
    var template = Array("\(FileManager.default.temporaryDirectory.path)/out-XXXXXX".utf8CString)
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw Failure("mkstemp: \(String(cString: strerror(errno)))") }
    unlink(template)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  deinit { close(descriptor) }

  func text() -> String {
    lseek(descriptor, 0, SEEK_SET)
    let bytes = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).readDataToEndOfFile()
    return String(decoding: bytes, as: UTF8.self)
  }
}
