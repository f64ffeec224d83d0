import Files
import Foundation
import Glibc
import Paths
import Testing

@testable import Transfer

/// What file systems grant, on volumes of their own, which only root can mount.
@Suite(.enabled(if: geteuid() == 0, "needs root: mounts small tmpfs, ext4, btrfs and xfs volumes"))
struct ActionVolumeTests {
  @Test(arguments: ["btrfs", "xfs"])
  func `a reflink is granted, shares its blocks and holds the digest of its bytes`(type: String)
    async throws
  {
    let outer = try Arena()
    let (volume, mounted) = try Volume.requireImage(type, in: outer)
    do {
      let arena = try Arena(in: mounted)
      try arena.write([], RelativePath("shot/empty")!, in: arena.hot)
      let frames = try arena.frames(2, bytes: 2 << 20 | 5)
      let names = frames.files.map { ($0.source, $0.destination) }
      for verify in TransferPlan.Verification.allTried {
        let plan = try arena.plan(
          names + [(RelativePath("shot/empty")!, RelativePath("proj/empty")!)],
          actions: [.reflink], verify: verify)
        let receipts = try await transfer().stage(plan)
        #expect(
          receipts.allSatisfy { $0.method == .clone && ($0.digest == nil) == (verify == .none) })
        #expect(try await transfer().discard(plan) == .removed(files: 3))
        if verify != .readback { continue }
        let again = try await transfer().stage(plan)
        #expect(try await transfer().publish(plan, again) == .published(skipped: []))
        #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
      }
    }
    withExtendedLifetime(volume) {}
  }

  @Test(arguments: ["ext4", "tmpfs"])
  func `where nothing can be cloned, a reflink is refused, and a list goes on to the next`(
    type: String
  ) async throws {
    let outer = try Arena()
    let mounted: String
    let volume: Volume
    if type == "tmpfs" {
      mounted = outer.outPath
      volume = try #require(Volume.tmpfs(at: mounted, size: "20m"))
    } else {
      (volume, mounted) = try Volume.requireImage(type, in: outer)
    }
    do {
      let arena = try Arena(in: mounted)
      let plan = try arena.frames(3, actions: [.reflink])
      let error = await failure { () async throws(TransferError) in
        try await transfer().stage(plan)
      }
      guard case .cannot(_, .reflink, let cause) = error else { throw error ?? .cancelled }
      #expect(cause.errno == .unsupported)
      #expect(try await transfer().discard(plan) == .removed(files: 0))
      let names = plan.files.map { ($0.source, $0.destination) }
      for next in [TransferPlan.Action.hardlink, .copy, .symlink] {
        let listed = try arena.plan(names, actions: [.reflink, next])
        let method: Receipt.Method =
          switch next {
          case .hardlink: .link
          case .symlink: .symlink
          default: .copy
          }
        #expect(try await transfer().stage(listed).allSatisfy { $0.method == method })
        #expect(try await transfer().discard(listed) == .removed(files: 3))
      }
    }
    withExtendedLifetime(volume) {}
  }

  @Test func `a hard link to another file system is refused, and a list goes on to the copy`()
    async throws
  {
    let arena = try Arena()
    let volume = try #require(Volume.tmpfs(at: arena.outPath, size: "20m"))
    let plan = try arena.frames(3, actions: [.hardlink])
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(plan)
    }
    guard case .cannot(_, .hardlink, let cause) = error else { throw error ?? .cancelled }
    #expect(cause.errno == .crossDevice)
    let names = plan.files.map { ($0.source, $0.destination) }
    let listed = try arena.plan(names, actions: [.reflink, .hardlink, .copy], verify: .readback)
    let receipts = try await transfer().stage(listed)
    #expect(receipts.allSatisfy { $0.method == .copy })
    #expect(try arena.hot.status(plan.files[0].source).links == 1)
    #expect(try await transfer().publish(listed, receipts) == .published(skipped: []))
    withExtendedLifetime(volume) {}
  }

  @Test func `a symlink leads to another file system`() async throws {
    let arena = try Arena()
    let volume = try #require(Volume.tmpfs(at: arena.outPath, size: "20m"))
    let plan = try arena.frames(2, actions: [.symlink])
    let receipts = try await transfer().stage(plan)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    let seen = FileManager.default.contents(
      atPath: "\(arena.outPath)/\(plan.files[0].destination)")
    #expect(try seen.map(Array.init) == arena.read(plan.files[0].source, in: arena.hot))
    withExtendedLifetime(volume) {}
  }
}
