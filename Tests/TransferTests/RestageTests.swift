import Files
import Paths
import Testing

@testable import Transfer

/// Behind the commit, what somebody or a power cut took of a delivery.
struct RestageTests {
  @Test func `a lost frame is staged again, whatever has become of the others' sources`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(4)
    let sources = try arena.sources(plan)
    let receipts = try await transfer().stage(plan)
    let published = transfer(Fault(.rename, calls: 1...9) { .inputOutput })
    _ = try? await published.publish(plan, receipts)
    // Still staged, and its source another file by now.
    try arena.write(noise(10, seed: 9), plan.files[2].source, in: arena.hot)
    try arena.hot.unlink(plan.files[3].source)
    try arena.out.unlink(arena.staged(plan, 1))

    let missing = try await transfer().publish(plan, receipts).missing
    #expect(missing == [1])
    let restaged = try await transfer().restage(plan, [receipts[1]])
    #expect(restaged.receipts.map(\.index) == [1] && restaged.failure == nil)
    let all = (receipts.filter { $0.index != 1 } + restaged.receipts).sorted { $0.index < $1.index }
    #expect(try await transfer().publish(plan, all) == .published(skipped: []))
    #expect(try arena.isPublished(plan, sources: sources))
  }

  @Test func `a published frame that somebody took away is staged again beside the others`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(3)
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    try arena.out.unlink(plan.files[2].destination)
    #expect(try await transfer().publish(plan, receipts).missing == [2])
    let restaged = try await transfer().restage(plan, [receipts[2]])
    let all = Array(receipts.prefix(2)) + restaged.receipts
    #expect(try await transfer().publish(plan, all) == .published(skipped: []))
    #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
  }

  @Test func `one whose source is another file by now is named and stops none of the others`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(3)
    let receipts = try await transfer().stage(plan)
    for index in 0..<2 { try arena.out.unlink(arena.staged(plan, index)) }
    try arena.write(noise(10, seed: 9), plan.files[0].source, in: arena.hot)
    let restaged = try await transfer().restage(plan, Array(receipts.prefix(2)))
    #expect(restaged.receipts.map(\.index) == [1])
    #expect(restaged.failure == .sourceChanged(0))
    // Known to be lost, it is not taken for one that `skip` left out.
    let outcome = try await transfer().publish(
      plan, restaged.receipts + [receipts[2]], lost: [receipts[0]])
    guard case .held(let conflicts) = outcome else { throw TransferError.cancelled }
    #expect(conflicts.map(\.index) == [0])
  }

  @Test(arguments: [nil, Errno.invalid])
  func `where nothing of a replacement is left, the old files have their names again`(
    flags: Errno?
  ) async throws {
    let arena = try Arena()
    let plan = try arena.replacing()
    let receipts = try await transfer().stage(plan)
    let faults = flags.map { error in Fault(.rename, calls: 1...1000) { error } }
    _ = try await transfer(faults).publish(plan, receipts)
    // Its owner takes away all that was new.
    for file in plan.files { try arena.out.unlink(file.destination) }
    let outcome = try await transfer(faults).publish(plan, [], lost: receipts)
    guard case .held(let conflicts) = outcome else { throw TransferError.cancelled }
    #expect(conflicts.count == 3)
    #expect(try arena.isOld(plan, 0) && arena.isOld(plan, 1))
    _ = try await transfer().discard(plan)
    #expect(try arena.stagings.isEmpty)
  }

  @Test func `a replacement that is lost is staged again, and the old file stays in staging`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.replacing()
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    try arena.out.unlink(plan.files[0].destination)
    let restaged = try await transfer().restage(plan, [receipts[0]])
    let all = restaged.receipts + receipts.dropFirst()
    #expect(try await transfer().publish(plan, all) == .published(skipped: []))
    #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
    #expect(try await transfer().discard(plan, replacedBy: all) == .removed(files: 2))
  }

  @Test func `a staging that a power cut brought back goes with the one that was made since`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(2)
    _ = try await transfer().stage(plan)
    let back = try #require(arena.stagings.first)
    let aside = RelativePath("aside")!
    try arena.out.rename(back, to: arena.out, aside, .plain)
    // The directory that a staging lies in is the deepest that there is.
    try arena.makeDirectories(plan.files[0].destination.parent, in: arena.out)
    let receipts = try await transfer().stage(plan)
    try arena.out.rename(aside, to: arena.out, back, .plain)
    #expect(try arena.stagings.count == 2)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    _ = try await transfer().discard(plan)
    #expect(try arena.stagings.isEmpty)
  }

  @Test func `old files that a power cut brought back into a staging without a tree go with it`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.replacing()
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    let staging = try #require(arena.stagings.first)
    _ = try await transfer().discard(plan, replacedBy: receipts)
    try arena.makeDirectories(staging.appending("old"), in: arena.out)
    try arena.write(oldBytes, staging.appending("old").appending("0"), in: arena.out)
    _ = try await transfer().discard(plan, replacedBy: receipts)
    #expect(try arena.stagings.isEmpty)
  }
}
