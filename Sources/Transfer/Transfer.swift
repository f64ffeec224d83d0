import Files
import Paths

/// Stages, publishes, rolls back and cleans up after one planned set of files at a time; any number side by side.
///
/// It keeps nothing between calls: a plan and its receipts say all, so each call also serves after a crash. Calls that
/// block run on threads of their own.
public struct Transfer: Sendable {
  /// Copying; a chunk of it may take as long as the disk likes.
  let workers: CopyWorkers
  /// Looking, renaming, removing: never behind a copy, so that a cancel or a publish waits for no other job.
  let filing: CopyWorkers
  let faults: FaultHook?

  /// - Parameter workers: the threads that copy.
  public init(workers: CopyWorkers = CopyWorkers()) { self.init(workers: workers, faults: nil) }

  init(workers: CopyWorkers, faults: FaultHook?) {
    self.workers = workers
    self.faults = faults
    filing = workers.hasThreads ? CopyWorkers(count: max(2, workers.count)) : workers
  }
}

/// The two ends of a plan, opened afresh from their paths.
struct Roots: Sendable {
  let source: Descriptor
  let destination: Descriptor
  let mount: MountIdentity

  init(_ plan: TransferPlan) throws(TransferError) {
    do { source = try openSource(plan) } catch { throw .sourceRoot(error) }
    destination = try openDestination(plan)
    do { mount = try MountIdentity(of: destination) } catch { throw .io(error, nil) }
  }
}

func openSource(_ plan: TransferPlan) throws(SystemError) -> Descriptor {
  let root = try Descriptor.directory(at: plan.sourceRoot)
  if let mount = plan.sourceMount, try MountIdentity(of: root) != mount {
    throw SystemError("open", root.shownPath, errno: .stale)
  }
  return root
}

/// - Throws: `.destinationMissing`, `.destinationReplaced`: nothing is ever made in the directory below a mount that is gone.
func openDestination(_ plan: TransferPlan) throws(TransferError) -> Descriptor {
  let (root, mount): (Descriptor, MountIdentity)
  do throws(SystemError) {
    root = try Descriptor.directory(at: plan.destinationRoot)
    mount = try MountIdentity(of: root)
  } catch {
    switch error.errno {
    case .notFound, .notADirectory: throw .destinationMissing(plan.destinationRoot)
    default: throw .destination(error, nil)
    }
  }
  guard plan.destinationMount == nil || plan.destinationMount == mount else {
    throw .destinationReplaced(plan.destinationRoot)
  }
  return root
}

/// What looking at a name says, where "nothing there" is an answer and not an error.
func statusIfAny(_ root: Descriptor, _ path: RelativePath) throws(SystemError) -> Status? {
  do {
    return try root.status(path)
  } catch  where error.errno == .notFound || error.errno == .notADirectory {
    return nil
  } catch {
    throw error
  }
}

extension CopyWorkers {
  /// Calls `body` with each number below `count` until one call fails, and gives what they returned.
  ///
  /// - Throws: the failure of the lowest number among those that failed; calls under way end first.
  func map<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int, Workspace) throws(TransferError) -> Value
  ) async throws(TransferError) -> [Value] {
    let outcomes = Outcomes<Value>()
    await each(count) { index, workspace in
      if outcomes.hasFailed { return }
      do throws(TransferError) {
        outcomes.add(index, try body(index, workspace))
      } catch {
        outcomes.fail(index, error)
      }
    }
    return try outcomes.result()
  }
}
