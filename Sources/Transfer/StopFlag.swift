import Synchronization

/// Tells running copies to stop; whoever holds it may raise it, from any thread. It is never lowered again.
///
/// Workers look at it before every chunk of at most 1 MiB.
public final class StopFlag: Sendable {
  private let raised = Atomic<Bool>(false)

  public init() {}

  public var isRaised: Bool { raised.load(ordering: .acquiring) }
  public func raise() { raised.store(true, ordering: .releasing) }
}
