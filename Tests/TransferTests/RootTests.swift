import Files
import Paths
import Testing

@testable import Transfer

/// As if the volumes of the two roots were not mounted: other directories stand at their paths.
@Suite("roots that are not the expected ones")
struct RootTests {
  private let other = MountIdentity(filesystem: 1, inode: 2, birth: 3)

  @Test func `nothing is made, published or removed in a destination that is another one`()
    async throws
  {
    let arena = try Arena()
    var plan = try arena.frames(3)
    let before = try arena.tree(arena.out)
    plan.destinationMount = other
    let wrong = plan
    let replaced = TransferError.destinationReplaced(arena.outPath)
    let staging = await failure { () async throws(TransferError) in
      try await transfer().stage(wrong)
    }
    #expect(staging == replaced)
    #expect(try arena.tree(arena.out) == before)

    plan.destinationMount = try MountIdentity(of: arena.out)
    let receipts = try await transfer().stage(plan)
    let staged = try arena.tree(arena.out)
    let publishing = await failure { () async throws(TransferError) in
      try await transfer().publish(wrong, receipts)
    }
    #expect(publishing == replaced)
    let discarding = await failure { () async throws(TransferError) in
      try await transfer().discard(wrong)
    }
    #expect(discarding == replaced)
    #expect(try arena.tree(arena.out) == staged)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
  }

  @Test func `nothing is claimed or removed in a hot folder that is another one`() async throws {
    let arena = try Arena()
    var plan = try arena.frames(3, action: .move)
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    let before = try arena.tree(arena.hot)
    plan.sourceMount = other
    let wrong = plan
    let error = await failure { () async throws(TransferError) in
      try await transfer().removeSources(wrong, receipts)
    }
    guard case .sourceRoot? = error else { throw error ?? .cancelled }
    #expect(try arena.tree(arena.hot) == before)
    plan.sourceMount = try MountIdentity(of: arena.hot)
    #expect(try await transfer().removeSources(plan, receipts).count == 3)
  }
}
