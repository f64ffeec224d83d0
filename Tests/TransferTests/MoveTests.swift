import Files
import Glibc
import Paths
import Synchronization
import Testing

@testable import Transfer

struct MoveTests {
  /// Staged and published, the sources still there.
  private func published(_ arena: Arena, _ count: Int = 3, linked: Bool = true) async throws
    -> (TransferPlan, [Receipt])
  {
    let plan = try arena.frames(count, action: .move)
    let noLinks = linked ? nil : Fault(.link, calls: 1...1000) { .crossDevice }
    let receipts = try await transfer(noLinks).stage(plan)
    #expect(receipts.allSatisfy { ($0.method == .link) == linked && $0.durable })
    try await transfer().confirm(plan, receipts)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    return (plan, receipts)
  }

  @Test(arguments: [true, false])
  func `a move leaves every byte at the destination and nothing at the source`(linked: Bool)
    async throws
  {
    let arena = try Arena()
    let (plan, receipts) = try await published(arena, 40, linked: linked)
    let expected = Mutex<Set<RelativePath>>([])
    let removals = try await transfer().removeSources(plan, receipts) { path in
      #expect((try? arena.hot.holds(path)) == true)
      expected.withLock { _ = $0.insert(path) }
    }
    #expect(removals.allSatisfy { $0.result == .removed(otherLinks: 0) })
    #expect(expected.withLock { $0 } == Set(plan.files.map(\.source)))
    #expect(
      try arena.isPublished(plan, sources: (0..<40).map { noise(3000, seed: UInt64($0 + 1)) }))
    #expect(try arena.tree(arena.hot) == [RelativePath("shot")!: "directory"])
    let again = try await transfer().removeSources(plan, receipts)
    #expect(again.allSatisfy { $0.result == .alreadyGone })
  }

  @Test func `a source that changed after it was copied is kept`() async throws {
    let arena = try Arena()
    let (plan, receipts) = try await published(arena, linked: false)
    try arena.write(noise(3000, seed: 50), plan.files[1].source, in: arena.hot)
    let changed = try arena.hot.status(plan.files[1].source)
    let results = try await transfer().removeSources(plan, receipts).map(\.result)
    #expect(results == [.removed(otherLinks: 0), .kept(.changed), .removed(otherLinks: 0)])
    // Nor was it taken away for a moment, which would show in its ctime.
    #expect(try arena.hot.status(plan.files[1].source) == changed)
    #expect(try arena.read(plan.files[1].source, in: arena.hot) == noise(3000, seed: 50))
  }

  @Test func `a source rewritten with its old size and time is kept, by its digest`() async throws {
    let arena = try Arena()
    let (plan, receipts) = try await published(arena, 1, linked: false)
    do {
      let file = try arena.hot.open(plan.files[0].source, O_WRONLY)
      try noise(3000, seed: 51).withUnsafeBytes { try file.write($0, at: 0) }
      try file.setModified(plan.files[0].snapshot.modified)
    }
    #expect(try await transfer().removeSources(plan, receipts)[0].result == .kept(.changed))
    #expect(try arena.read(plan.files[0].source, in: arena.hot) == noise(3000, seed: 51))
  }

  @Test func `a version saved by rename at the last moment is never removed`() async throws {
    for point in [FaultPoint.claim, .unlink] {
      let arena = try Arena()
      let (plan, receipts) = try await published(arena, 1, linked: false)
      let source = plan.files[0].source
      let save = Fault(point, call: 1) {
        let new = RelativePath("shot/new")!
        try? arena.write([4, 2], new, in: arena.hot)
        try? arena.hot.rename(new, to: arena.hot, source, .plain)
        return nil
      }
      let result = try await transfer(save).removeSources(plan, receipts)[0].result
      #expect(result == (point == .claim ? .kept(.changed) : .removed(otherLinks: 0)))
      #expect(try arena.read(source, in: arena.hot) == [4, 2])
      #expect(try arena.tree(arena.hot).count == 2)
    }
  }

  @Test func `a source that somebody writes to is kept`() async throws {
    let arena = try Arena()
    let (plan, receipts) = try await published(arena, 1, linked: false)
    let writer = try arena.hot.open(plan.files[0].source, O_WRONLY)
    let result = try await transfer().removeSources(plan, receipts)[0].result
    #expect(result == .kept(.beingWritten))
    #expect(try arena.hot.holds(plan.files[0].source))
    withExtendedLifetime(writer) {}
  }

  @Test func `a source stays when its destination is no longer what was published`() async throws {
    let arena = try Arena()
    let (plan, receipts) = try await published(arena, 3)
    for index in 0..<2 { try arena.out.unlink(plan.files[index].destination) }
    try arena.write(noise(3000, seed: 2), plan.files[1].destination, in: arena.out)
    let results = try await transfer().removeSources(plan, receipts).map(\.result)
    #expect(
      results == [
        .kept(.destinationChanged), .kept(.destinationChanged), .removed(otherLinks: 0),
      ])
    #expect(try arena.read(plan.files[0].source, in: arena.hot) == noise(3000, seed: 1))
  }

  @Test func `other hard links of a source are counted and left as they are`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(1, action: .move)
    let other = RelativePath("shot/other.exr")!
    try arena.hot.link(plan.files[0].source, to: arena.hot, other)
    let now = try arena.plan(plan.files.map { ($0.source, $0.destination) }, action: .move)
    let receipts = try await transfer().stage(now)
    #expect(receipts[0].method != .link)
    _ = try await transfer().publish(now, receipts)
    let removals = try await transfer().removeSources(now, receipts)
    #expect(removals[0].result == .removed(otherLinks: 1))
    #expect(try arena.read(other, in: arena.hot) == noise(3000, seed: 1))
  }

  @Test func `a removal cut off after the claim is finished, or put back, by the next start`()
    async throws
  {
    for finish in [true, false] {
      let arena = try Arena()
      let (plan, receipts) = try await published(arena, 2, linked: false)
      // What a kill right behind the claiming rename leaves.
      let claim = RelativePath("shot/.hotplate-\(plan.id)")!
      try arena.hot.makeDirectory(claim)
      let claimed = claim.appending(plan.files[0].source.name!)
      try arena.hot.rename(plan.files[0].source, to: arena.hot, claimed, .noReplace)
      if finish {
        let results = try await transfer().removeSources(plan, receipts).map(\.result)
        #expect(results == [.removed(otherLinks: 0), .removed(otherLinks: 0)])
      } else {
        let back = try await transfer().putBack(arena.hotPath)
        #expect(back == [PutBack(source: plan.files[0].source, aside: nil)])
        #expect(try arena.read(plan.files[0].source, in: arena.hot) == noise(3000, seed: 1))
      }
      #expect(try !arena.hot.holds(claim))
    }
  }

  @Test func `putting back never replaces a newer file, and leaves staging alone`() async throws {
    let arena = try Arena()
    let claim = RelativePath("shot/.hotplate-1")!
    try arena.write([1], claim.appending(FileName("f.exr")), in: arena.hot)
    try arena.write([2], RelativePath("shot/f.exr")!, in: arena.hot)
    try arena.write([3], RelativePath("other/.hotplate-2/tree/x")!, in: arena.hot)
    let before = try arena.tree(arena.hot)
    let back = try await transfer().putBack(arena.hotPath)
    let aside = claim.appending(FileName("f.exr"))
    #expect(back == [PutBack(source: RelativePath("shot/f.exr")!, aside: aside)])
    #expect(try arena.tree(arena.hot) == before)
  }

  @Test func `a claim that is but a second name of its source is put back by taking it away`()
    async throws
  {
    let arena = try Arena()
    let (source, claim) = (RelativePath("shot/f.exr")!, RelativePath("shot/.hotplate-1/f.exr")!)
    try arena.write([1], source, in: arena.hot)
    try arena.makeDirectories(claim.parent, in: arena.hot)
    // What a power cut leaves of a link and an unlink.
    try arena.hot.link(source, to: arena.hot, claim)
    let back = try await transfer().putBack(arena.hotPath)
    #expect(back == [PutBack(source: source, aside: nil)])
    #expect(try arena.read(source, in: arena.hot) == [1])
    #expect(try !arena.hot.holds(claim.parent))
  }

  @Test func `a move that is cancelled leaves the sources as they were`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(3, action: .move)
    let before = try arena.tree(arena.hot)
    _ = try await transfer().stage(plan)
    #expect(try await transfer().discard(plan) == .removed(files: 3))
    #expect(try arena.tree(arena.hot) == before)
    #expect(try arena.tree(arena.out).isEmpty)
    // The links changed the sources' ctime; they can be taken again all the same.
    #expect(try await transfer().stage(plan).count == 3)
  }

  @Test
  func `a plan that is called off counts its sources, and puts back what was claimed`() async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(4, action: .move)
    let sources = plan.files.map(\.source)
    try arena.hot.unlink(sources[1])
    try arena.write(noise(4000, seed: 60), sources[2], in: arena.hot)
    let claims = Claims(plan, arena.hot, nil)
    try claims.claim(sources[3])
    let account = try await transfer().account(for: plan)
    #expect(account == SourceAccount(kept: 1, restored: 1, changed: 1, missing: 1))
    #expect(try arena.hot.status(sources[3]).snapshot.isSameContent(as: plan.files[3].snapshot))
    #expect(try !arena.hot.holds(claims.directory(beside: sources[3])))
  }

  @Test
  func
    `staging that holds the only copy left is not discarded, unless its owner removed the source`()
    async throws
  {
    for action in [TransferPlan.Action.copy, .move] {
      let arena = try Arena()
      let plan = try arena.frames(2, action: action)
      _ = try await transfer().stage(plan)
      try arena.hot.unlink(plan.files[1].source)
      #expect(try await transfer().discard(plan) == .kept([plan.files[1].destination]))
      #expect(try !arena.stagings.isEmpty)
      #expect(try await transfer().discard(plan, evenOnlyCopies: true) == .removed(files: 2))
      #expect(try arena.tree(arena.out).isEmpty)
      #expect(try await transfer().discard(plan) == .nothing)
    }
  }
}
