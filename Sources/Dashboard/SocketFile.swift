import Glibc
import NIOPosix

/// The file of the unix socket, from before it is bound until it is gone.
///
/// It is bound in a directory that only its owner may enter, set to 0600 there, and then renamed to its name: nobody
/// else can connect at any moment, without touching the process's umask, and a socket file left by a crash is replaced
/// in one step. The path to bind goes through the directory's descriptor, so that a long state directory does not meet
/// the limit of 107 bytes for socket paths (`unix(7)`).
struct SocketFile: Sendable {
  static let name = "hotplate.sock"

  /// For people; not what is bound.
  let path: String
  let bindPath: String
  private let directory: Int32

  /// - Throws: `.stateDirectory` if the directory is not there or not writable.
  init(in stateDirectory: String) throws(DashboardError) {
    path = stateDirectory + "/" + Self.name
    directory = open(stateDirectory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    bindPath = "/proc/self/fd/\(directory)/\(nursery)/s"
    guard directory >= 0 else { throw .stateDirectory(stateDirectory, because: lastError()) }
    clearNursery()
    guard mkdirat(directory, nursery, 0o700) == 0 else {
      let error = DashboardError.stateDirectory(stateDirectory, because: lastError())
      close(directory)
      throw error
    }
  }

  /// Makes the bound socket reachable under its name.
  func publish() throws(DashboardError) {
    guard fchmodat(directory, nursery + "/s", 0o600, 0) == 0,
      renameat(directory, nursery + "/s", directory, Self.name) == 0
    else { throw .cannotListen(at: path, because: lastError()) }
    clearNursery()
  }

  /// Called once, at the end: the file is gone and the descriptor closed.
  func remove() {
    unlinkat(directory, Self.name, 0)
    clearNursery()
    close(directory)
  }

  private func clearNursery() {
    unlinkat(directory, nursery + "/s", 0)
    unlinkat(directory, nursery, AT_REMOVEDIR)
  }
}

private let nursery = ".\(SocketFile.name).new"

private func lastError() -> String {
  strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
}

/// Runs calls that may block on NIO's threads for that, never on Swift's cooperative ones.
func offPool<Value: Sendable, Failure: Error>(
  _ body: @escaping @Sendable () throws(Failure) -> Value
) async throws(Failure) -> Value {
  let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
    NIOThreadPool.singleton.submit { _ in
      continuation.resume(returning: Result { () throws(Failure) in try body() })
    }
  }
  return try result.get()
}
