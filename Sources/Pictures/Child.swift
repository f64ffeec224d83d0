import CLinux
import Files
import Glibc
import Subprocess
import SystemPackage

/// One run of a tool on a file that nobody vouches for: bounded in time, memory and output, and whole at its end: when
/// it returns, no process of it is left.
struct Child: Sendable {
  let tool: String
  let arguments: [String]
  /// Where it runs and writes.
  let directory: String
  /// Its standard input, which `/proc/self/fd/0` opens again.
  let input: Descriptor
  /// What it says on standard error; on standard output it says nothing.
  let errors: Descriptor
  let limits: Limits

  struct Limits: Sendable {
    /// Until it is told to end.
    var time = Duration.seconds(30)
    /// From SIGTERM to SIGKILL.
    var grace = Duration.seconds(1)
    /// Bytes of address space. oiiotool takes 450 MB before it has read anything, and 12 bytes a pixel.
    var memory: UInt64 = 3 << 30
    /// Bytes of any file it writes.
    var output: UInt64 = 4 << 20
    /// After SIGKILL: who is still there waits for the kernel.
    var patience = Duration.seconds(5)
  }

  enum End: Hashable, Sendable {
    case exited(Int32)
    case signalled(Int32)
    /// It was ended at the deadline.
    case timedOut
    /// It was ended because the task was cancelled.
    case cancelled
    case notStarted(String)
    /// A process of it does not end, even when killed: it waits for the kernel.
    case stuck
  }

  /// Ends the child when the task is cancelled: SIGTERM to its process group, after the grace SIGKILL; and then, whatever
  /// it came to, SIGKILL to every descendant that is left, also to those that went to a session of their own.
  func run(_ work: FileWork) async -> End {
    if Task.isCancelled { return .cancelled }
    let descendants = await work.run { Descendants.begin() }
    let end = await runToDeadline(descendants, work)
    // Not in the way of a cancellation: what runs here runs to its end.
    let isOver = await work.run { descendants.end(within: limits.patience) }
    return isOver ? end : .stuck
  }

  private func runToDeadline(_ descendants: Descendants, _ work: FileWork) async -> End {
    await withTaskGroup { group in
      group.addTask { await start(descendants, work) }
      group.addTask {
        do { try await Task.sleep(for: limits.time) } catch { return nil }
        return End.timedOut
      }
      var end: End?
      var isLate = false
      while let next = await group.next() {
        switch next {
        case .timedOut: isLate = true
        case .some(let other): end = other
        case nil: continue
        }
        group.cancelAll()
      }
      if case .notStarted? = end { return end ?? .cancelled }
      return isLate ? .timedOut : Task.isCancelled ? .cancelled : end ?? .cancelled
    }
  }

  private func start(_ descendants: Descendants, _ work: FileWork) async -> End? {
    var options = PlatformOptions()
    options.createSession = true
    options.teardownSequence = [
      .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: limits.grace)
    ]
    do {
      let result = try await Subprocess.run(
        .path(FilePath(tool)), arguments: Arguments(arguments),
        environment: environment(mark: descendants.mark), workingDirectory: FilePath(directory),
        platformOptions: options,
        input: .fileDescriptor(
          FileDescriptor(rawValue: input.raw), closeAfterSpawningProcess: false),
        output: .discarded,
        error: .fileDescriptor(
          FileDescriptor(rawValue: errors.raw), closeAfterSpawningProcess: false)
      ) { child in
        let process = child.processIdentifier.value
        await work.run { descendants.limit(process, bounds) }
      }
      withExtendedLifetime((input, errors)) {}
      return switch result.terminationStatus {
      case .exited(let code): .exited(code)
      case .signaled(let signal): .signalled(signal)
      }
    } catch {
      return .notStarted("\(error)")
    }
  }

  private var bounds: hp_limits {
    hp_limits(
      address_space: limits.memory, file_size: limits.output,
      // Should this process be killed, the kernel ends the child.
      cpu_seconds: UInt64(limits.time.components.seconds) + 5, nice: 10)
  }

  /// What finds libraries, and no more: a studio's OCIO would change the meaning of "linear".
  private func environment(mark: String) -> Environment {
    var environment: [Environment.Key: String] = ["LC_ALL": "C"]
    for name in ["PATH", "LD_LIBRARY_PATH", "OIIO_LIBRARY_PATH", "HOME"] {
      if let value = getenv(name) {
        environment[Environment.Key(stringLiteral: name)] = String(cString: value)
      }
    }
    environment[Environment.Key(stringLiteral: Descendants.variable)] = mark
    return .custom(environment)
  }
}
