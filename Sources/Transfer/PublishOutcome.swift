/// What publishing came to. Calling it again is always right, and the only way on from `blocked`.
public enum PublishOutcome: Hashable, Sendable {
  /// Every file with a receipt lies under its final name, and the names are durable.
  /// `skipped` are the files of the plan that a different file keeps out, under `conflict: skip`.
  case published(skipped: [Int])
  /// Something stood in the way before the first name of ours was visible: none is.
  case held([Conflict])
  /// Something stands in the way and others of our names are visible already.
  case blocked([Conflict])

  /// Files that lie neither in staging nor at the destination, as indices into the plan's files.
  package var missing: [Int] {
    switch self {
    case .published: []
    case .held(let conflicts), .blocked(let conflicts):
      conflicts.filter { $0.reason == .missing }.map(\.index)
    }
  }
}
