import Files
import Foundation
import Paths
import Synchronization

/// A folder of one test's own, gone when the test is.
///
/// What is registered with ``cleanUp(_:)`` runs last in, first out, and before the folder goes: a daemon ends before
/// its folders do, a mount is taken down before what lies under it.
public final class TemporaryFolder: Sendable {
  /// Absolute, without symlinks.
  public let path: String
  private let cleanUps = Mutex<[@Sendable () -> Void]>([])

  /// Makes the folder in `HOTPLATE_TEST_FOLDER` or, without it, in `place`, or in the system's temporary directory.
  public init(in place: String? = nil) throws {
    let place =
      ProcessInfo.processInfo.environment["HOTPLATE_TEST_FOLDER"] ?? place
      ?? FileManager.default.temporaryDirectory.path
    var template = Array("\(place)/hotplate-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil, let resolved = realpath(template, nil) else {
      throw SystemError("mkdtemp", place)
    }
    defer { free(resolved) }
    path = String(cString: resolved)
  }

  /// Registers what has to happen before the folder is removed.
  public func cleanUp(_ body: @escaping @Sendable () -> Void) {
    cleanUps.withLock { $0.append(body) }
  }

  /// Runs the clean-ups, newest first, and removes the folder.
  public func remove() throws {
    for body in cleanUps.withLock({ $0.reversed() }) { body() }
    let outcome = try Command.run(["rm", "-rf", "--one-file-system", "--", path])
    guard outcome.status == 0 else { throw Failure("\(path) was not removed: \(outcome.err)") }
  }

  public func makeDirectory(_ name: String) throws -> String {
    let full = "\(path)/\(name)"
    try FileManager.default.createDirectory(
      atPath: full, withIntermediateDirectories: true)
    return full
  }
}

/// Runs a test's blocking body on a thread of its own, in a temporary folder that is removed whatever happens.
///
/// Swift's cooperative threads are few and must never wait for a child process; this one may.
public func inTemporaryFolder<R: Sendable>(
  in place: String? = nil, _ body: @escaping @Sendable (TemporaryFolder) throws -> R
) async throws -> R {
  try await onOwnThread {
    let folder = try TemporaryFolder(in: place)
    let result = Result { try body(folder) }
    try folder.remove()
    return try result.get()
  }
}

/// Runs `body` on a thread of its own and waits for it without blocking this one.
///
/// It stays the same task: what `#expect` finds there is this test's.
public func onOwnThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
  try await withTaskExecutorPreference(OwnThread()) { try body() }
}

/// Gives each piece of a task a new thread, which may block.
private final class OwnThread: TaskExecutor {
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    Thread.detachNewThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

/// Something the test needed and did not get.
public struct Failure: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
