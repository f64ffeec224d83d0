import Files
import Foundation
import Glibc
import Paths
import Synchronization
import Testing

@testable import Transfer

/// What lies at the destination before it is replaced.
let oldBytes = noise(2000, seed: 900)

extension Arena {
  /// A plan of frames of which all but the last have an old file at the destination.
  func replacing(_ count: Int = 3, actions: [TransferPlan.Action] = [.copy]) throws
    -> TransferPlan
  {
    let plan = try frames(count, actions: actions, conflict: .replace)
    try makeDirectories(plan.files[0].destination.parent, in: out)
    for file in plan.files.dropLast() { try write(oldBytes, file.destination, in: out) }
    return plan
  }

  func isOld(_ plan: TransferPlan, _ index: Int) throws -> Bool {
    try read(plan.files[index].destination, in: out) == oldBytes
  }

  /// Where a file lies in the plan's only staging.
  func staged(_ plan: TransferPlan, _ index: Int) throws -> RelativePath {
    let staging = try #require(stagings.first)
    let path = plan.files[index].destination.relative(to: staging.parent)!
    return staging.appending(RelativePath("tree")!).appending(path)
  }
}

struct ReplaceTests {
  @Test(arguments: [[TransferPlan.Action.copy], [.move], [.hardlink], [.reflink, .copy]])
  func `replacing brings the new files, keeps the old ones until the end, and leaves no trace`(
    actions: [TransferPlan.Action]
  ) async throws {
    let arena = try Arena()
    let plan = try arena.replacing(actions: actions)
    let sources = try arena.sources(plan)
    let before = try arena.out.status(plan.files[0].destination).snapshot
    let receipts = try await transfer().stage(plan)
    for index in 0...1 { #expect(try arena.isOld(plan, index)) }
    #expect(receipts.allSatisfy { $0.durable })
    #expect(receipts.map { $0.replaces?.inode == before.inode } == [true, false, false])
    #expect(receipts[2].replaces == nil)
    try await transfer().confirm(plan, receipts)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try arena.isPublished(plan, sources: sources))
    #expect(try arena.read(arena.staged(plan, 0), in: arena.out) == oldBytes)
    if plan.isMove {
      let removals = try await transfer().removeSources(plan, receipts)
      #expect(removals.allSatisfy { $0.result == .removed(otherLinks: 0) })
    }
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try await transfer().discard(plan, replacedBy: receipts) == .removed(files: 2))
    #expect(try arena.stagings.isEmpty)
    #expect(try arena.isPublished(plan, sources: sources))
    #expect(try arena.tree(arena.out).count == 3 + 3)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
  }

  @Test func `old files are never discarded without the receipts of what replaced them`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.replacing()
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    let kept = try [0, 1].map { try arena.staged(plan, $0) }
    for evenOnlyCopies in [false, true] {
      let discarded = try await transfer().discard(plan, evenOnlyCopies: evenOnlyCopies)
      guard case .kept(let paths) = discarded else { throw TransferError.cancelled }
      #expect(Set(paths) == Set(kept))
    }
    for path in kept { #expect(try arena.read(path, in: arena.out) == oldBytes) }
  }

  @Test func `an old file whose successor is gone, or that was written to since, is kept`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.replacing()
    let receipts = try await transfer().stage(plan)
    let writer = try arena.out.open(plan.files[1].destination, O_WRONLY)
    _ = try await transfer().publish(plan, receipts)
    try arena.out.unlink(plan.files[0].destination)
    _ = try [UInt8(1)].withUnsafeBytes { try writer.write($0, at: 5000) }
    let kept = try [0, 1].map { try arena.staged(plan, $0) }
    let discarded = try await transfer().discard(plan, replacedBy: receipts)
    guard case .kept(let paths) = discarded else { throw TransferError.cancelled }
    #expect(Set(paths) == Set(kept))
  }

  @Test func `a cancel before the commit leaves the destination as it was`() async throws {
    let arena = try Arena()
    let plan = try arena.replacing()
    let before = try arena.tree(arena.out)
    _ = try await transfer().stage(plan)
    #expect(try await transfer().discard(plan) == .removed(files: 3))
    #expect(try arena.tree(arena.out) == before)
  }

  @Test func `what is there with the same bytes is not replaced`() async throws {
    let arena = try Arena()
    let plan = try arena.replacing()
    try arena.write(noise(3000, seed: 1), plan.files[0].destination, in: arena.out)
    let inode = try arena.out.status(plan.files[0].destination).snapshot.inode
    let receipts = try await transfer().stage(plan)
    #expect(receipts[0].method == .present && receipts[1].replaces != nil)
    _ = try await transfer().publish(plan, receipts)
    #expect(try arena.out.status(plan.files[0].destination).snapshot.inode == inode)
    #expect(try await transfer().discard(plan, replacedBy: receipts) == .removed(files: 1))
  }

  @Test func `a directory, a symlink or the source itself is not replaced`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(3, conflict: .replace)
    try arena.makeDirectories(plan.files[0].destination, in: arena.out)
    try arena.out.makeSymlink(plan.files[1].destination, to: Array("/etc/passwd".utf8))
    try arena.hot.link(plan.files[2].source, to: arena.out, plan.files[2].destination)
    let current = try arena.plan(
      plan.files.map { ($0.source, $0.destination) }, conflict: .replace)
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(current)
    }
    guard case .conflict(let conflicts) = error else { throw error ?? .cancelled }
    #expect(conflicts.map(\.reason) == [.notAFile(.directory), .notAFile(.symlink), .sameFile])
    #expect(try arena.stagings.isEmpty)
  }

  @Test func `a symlink may take a file's place, and the file is kept`() async throws {
    let arena = try Arena()
    let plan = try arena.replacing(actions: [.symlink])
    let receipts = try await transfer().stage(plan)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try arena.out.symlinkTarget(plan.files[0].destination) == plan.symlinkTarget(0))
    #expect(try arena.read(arena.staged(plan, 0), in: arena.out) == oldBytes)
    #expect(try await transfer().discard(plan, replacedBy: receipts) == .removed(files: 2))
  }

  @Test func `what was staged before is kept, and replaces what lies there now`() async throws {
    let arena = try Arena()
    let plan = try arena.replacing()
    let first = try await transfer().stage(plan)
    try arena.out.unlink(plan.files[0].destination)
    try arena.write([3, 3], plan.files[1].destination, in: arena.out)
    try arena.write([4, 4], plan.files[2].destination, in: arena.out)
    let delivered = Mutex<[Receipt]>([])
    let again = try await transfer().stage(
      plan, keeping: first, receipts: { new in delivered.withLock { $0 += new } })
    #expect(again.map(\.inode) == first.map(\.inode))
    #expect(again.map { $0.replaces?.size } == [nil, 2, 2])
    #expect(Set(delivered.withLock { $0 }) == Set(again))
    #expect(try await transfer().publish(plan, again) == .published(skipped: []))
    #expect(try await transfer().discard(plan, replacedBy: again) == .removed(files: 2))
  }

  @Test func `an old file of its source's size and time is not taken for the only copy`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(1, action: .move, conflict: .replace)
    let path = plan.files[0].destination
    try arena.write(noise(3000, seed: 5), path, in: arena.out)
    try arena.out.open(path, O_WRONLY).setModified(plan.files[0].snapshot.modified)
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    _ = try await transfer().removeSources(plan, receipts)
    #expect(try await transfer().discard(plan, replacedBy: receipts) == .removed(files: 1))
  }

  @Test func `a discard killed on the way is finished by doing it again`() async throws {
    let arena = try Arena()
    let plan = try arena.replacing(4)
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    // What a kill behind the first unlink leaves.
    try arena.out.unlink(arena.staged(plan, 0))
    guard case .kept = try await transfer().discard(plan) else { throw TransferError.cancelled }
    #expect(try await transfer().discard(plan, replacedBy: receipts) == .removed(files: 2))
  }

  @Test func `staging again behind the commit removes nothing that was replaced`() async throws {
    let arena = try Arena()
    let plan = try arena.replacing()
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    let again = try await transfer().stage(plan, keeping: receipts)
    #expect(again.allSatisfy { $0.method == .present })
    #expect(try arena.read(arena.staged(plan, 0), in: arena.out) == oldBytes)
  }
}
