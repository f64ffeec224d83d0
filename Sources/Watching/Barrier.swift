/// Someone who waits until what happened before has been delivered.
///
/// The kernel's queue is in order: once it has been read empty after the question, everything before the question is
/// known. What that began (renames that wait for their second half, walks of new directories) is waited for too.
struct Barrier {
  enum Stage {
    case asked
    case settling(Set<UInt32>)
    case walking(epoch: Int)
  }

  let owner: Owner
  let waitsForWalks: Bool
  let pass: () -> Void
  var stage = Stage.asked
}

extension Loop {
  /// At the end of a turn, with everything delivered.
  func passBarriers() {
    guard !barriers.isEmpty else { return }
    let all = barriers
    barriers = []
    for var barrier in all {
      if isOpen(&barrier) { barrier.pass() } else { barriers.append(barrier) }
    }
  }

  private func isOpen(_ barrier: inout Barrier) -> Bool {
    if case .asked = barrier.stage, !hasUnreadEvents {
      barrier.stage = .settling(moves.cookies(of: barrier.owner))
    }
    if case .settling(let cookies) = barrier.stage, !cookies.contains(where: moves.isPending) {
      if !barrier.waitsForWalks { return true }
      barrier.stage = .walking(epoch: barrier.owner.epoch)
      barrier.owner.epoch += 1
    }
    if case .walking(let epoch) = barrier.stage {
      return !barrier.owner.roots.values.contains { $0.isWalking(upTo: epoch) }
    }
    return false
  }
}
