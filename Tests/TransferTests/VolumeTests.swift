import Files
import Foundation
import Glibc
import Paths
import Testing

@testable import Transfer

/// On file systems of their own, which only root can mount.
@Suite(.enabled(if: geteuid() == 0, "needs root: mounts small tmpfs, btrfs and xfs volumes"))
struct VolumeTests {
  @Test func `a full disk leaves nothing partial, and the copy goes on once there is space`()
    async throws
  {
    let arena = try Arena()
    let volume = try #require(Volume.tmpfs(at: arena.outPath, size: "5m"))
    let out = try Descriptor.directory(at: arena.outPath)
    let plan = try arena.frames(4, bytes: 3 << 19)
    let kept = Kept()
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(plan, receipts: { kept.add($0) })
    }
    guard case .destinationFull = error else { throw error ?? .cancelled }
    let sizes = try arena.tree(out).values.filter { $0.hasPrefix("file") }.count
    #expect(sizes <= 4)  // three frames and the receipt
    #expect(kept.receipts.count == sizes - 1)
    #expect(run("mount", "-o", "remount,size=20m", arena.outPath) == 0)
    let receipts = try await transfer().stage(plan, keeping: kept.receipts)
    #expect(Set(kept.receipts).isSubset(of: Set(receipts)))
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    for (file, bytes) in zip(plan.files, try arena.sources(plan)) {
      #expect(try arena.read(file.destination, in: out) == bytes)
    }
    withExtendedLifetime(volume) {}
  }

  @Test func `too few inodes is a full disk`() async throws {
    let arena = try Arena()
    let volume = try #require(Volume.tmpfs(at: arena.outPath, size: "5m,nr_inodes=12"))
    let plan = try arena.frames(20)
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(plan)
    }
    guard case .destinationFull = error else { throw error ?? .cancelled }
    #expect(try await transfer().discard(plan) != .nothing)
    withExtendedLifetime(volume) {}
  }

  @Test func `a move to another file system copies, syncs and only then removes`() async throws {
    let arena = try Arena()
    let volume = try #require(Volume.tmpfs(at: arena.outPath, size: "20m"))
    let plan = try arena.frames(3, action: .move)
    let receipts = try await transfer().stage(plan)
    #expect(receipts.allSatisfy { $0.method == .copy && $0.durable })
    _ = try await transfer().publish(plan, receipts)
    let removals = try await transfer().removeSources(plan, receipts)
    #expect(removals.allSatisfy { $0.result == .removed(otherLinks: 0) })
    withExtendedLifetime(volume) {}
  }

  @Test func `nothing is written under a volume that was unmounted`() async throws {
    let arena = try Arena()
    var volume = Volume.tmpfs(at: arena.outPath, size: "20m")
    let plan = try arena.frames(3)
    let receipts = try await transfer().stage(plan)
    #expect(volume != nil)
    volume = nil
    let error = await failure { () async throws(TransferError) in
      try await transfer().confirm(plan, receipts)
    }
    #expect(error == .destinationReplaced(arena.outPath))
    #expect(try arena.tree(arena.out).isEmpty)
  }

  @Test func `a delivery that would span two mounts is refused before the first byte`() async throws
  {
    let arena = try Arena()
    try arena.makeDirectories(RelativePath("a")!, in: arena.out)
    try arena.makeDirectories(RelativePath("b")!, in: arena.out)
    let volume = try #require(Volume.tmpfs(at: "\(arena.outPath)/b", size: "1m"))
    let source = RelativePath("s")!
    try arena.write([1], source, in: arena.hot)
    let plan = try arena.plan([(source, RelativePath("a/s")!), (source, RelativePath("b/s")!)])
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(plan)
    }
    #expect(error == .crossesMounts(RelativePath("b")!))
    #expect(try arena.stagings.isEmpty)
    withExtendedLifetime(volume) {}
  }

  @Test(arguments: ["btrfs", "xfs", "ext4"])
  func `where the file system can clone, a copy is a clone with the digest of its bytes`(
    type: String
  ) async throws {
    let outer = try Arena()
    let mounted = "\(outer.path)/volume"
    #expect(mkdir(mounted, 0o755) == 0)
    let image = "\(outer.path)/image"
    let volume = try #require(Volume.image(type, image, at: mounted), "no mkfs.\(type)")
    do {
      let arena = try Arena(in: mounted)
      let plan = try arena.frames(3, bytes: 2 << 20 | 5)
      let receipts = try await transfer().stage(plan)
      #expect(receipts.allSatisfy { $0.method == (type == "ext4" ? .copy : .clone) })
      #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
      #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
      let copied = try await transfer(Fault(.clone, calls: 1...99) { .unsupported }).stage(
        try arena.plan(
          plan.files.map { ($0.source, RelativePath("other/\($0.destination.name!)")!) }))
      #expect(copied.map(\.digest) == receipts.map(\.digest))
    }
    withExtendedLifetime(volume) {}
  }
}

private final class Kept: Sendable {
  private let outcomes = Outcomes<Receipt>()
  func add(_ receipts: [Receipt]) {
    for receipt in receipts { outcomes.add(receipt.index, receipt) }
  }
  var receipts: [Receipt] { (try? outcomes.result()) ?? [] }
}
