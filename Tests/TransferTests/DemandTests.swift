import Files
import Foundation
import Glibc
import Paths
import Testing

@testable import Transfer

/// `.hotplate-…` with its receipt and tree, and the three directories of `Arena.frames`.
private let directories = 6

@Suite struct `What a plan takes of its destination` {
  @Test func `a copy takes whole blocks and an inode a frame, besides its directories`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(3, bytes: 5000)
    let (demand, room) = try await transfer().demand(of: plan, having: [], .roughly)
    let blocks = (5000 + room.block - 1) / room.block * room.block
    #expect(demand == Demand(bytes: 3 * blocks, files: 3 + directories))
    #expect(try room.volume == arena.out.status().device)
    #expect(room.isWritable)
    #expect(room.bytes.map { $0 > 0 } == true)
  }

  @Test(arguments: [
    ([TransferPlan.Action.hardlink], 0), ([.move], 0), ([.symlink], 3), ([.hardlink, .copy], 0),
  ])
  func `links, and moves within one file system, take no bytes`(
    actions: [TransferPlan.Action], inodes: Int
  ) async throws {
    let arena = try Arena()
    let plan = try arena.frames(3, bytes: 5000, actions: actions)
    let demand = try await transfer().demand(of: plan, having: [], .exactly).0
    #expect(demand == Demand(bytes: 0, files: inodes + directories))
  }

  @Test func `a move of a file with another name elsewhere takes what a copy takes`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(1, bytes: 5000, action: .move)
    try arena.hot.link(plan.files[0].source, to: arena.hot, RelativePath("second")!)
    let moved = try await transfer().demand(of: plan, having: [], .exactly).0
    let copied = try await transfer().demand(
      of: try arena.frames(1, bytes: 5000), having: [], .exactly
    ).0
    #expect(moved == copied)
    #expect(moved.files == 1 + directories)
  }

  @Test func `holes take nothing`() async throws {
    let arena = try Arena()
    let source = RelativePath("sparse")!
    try arena.write([1, 2, 3], source, in: arena.hot)
    try arena.hot.open(source, O_RDWR).truncate(to: 64 << 20)
    let plan = try arena.plan([(source, RelativePath("a/sparse")!)])
    #expect(try await transfer().demand(of: plan, having: [], .roughly).0.bytes == 64 << 20)
    #expect(try await transfer().demand(of: plan, having: [], .exactly).0.bytes < 1 << 20)
  }

  @Test func `what is staged already, or already there, takes nothing again`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(3, bytes: 5000)
    let receipts = try await transfer().stage(plan)
    let nothing = Demand(bytes: 0, files: 0)
    for precision in [Transfer.Precision.roughly, .exactly] {
      #expect(
        try await transfer().demand(of: plan, having: receipts, precision).0 == nothing)
    }
    _ = try await transfer().publish(plan, receipts)
    _ = try await transfer().discard(plan)
    let again = try await transfer().demand(of: plan, having: [], .exactly).0
    #expect(again == Demand(bytes: 0, files: 3))
    // Others in their place take room until the old ones are removed.
    let replacing = try arena.frames(3, bytes: 6000, conflict: .replace)
    #expect(try await transfer().demand(of: replacing, having: [], .exactly).0.files == 6)
  }
}

/// On file systems of their own, which only root can mount.
@Suite(.enabled(if: geteuid() == 0, "needs root: mounts small tmpfs, ext4, btrfs and xfs volumes"))
struct DemandVolumeTests {
  @Test(arguments: ["btrfs", "xfs", "ext4"])
  func `what the file system would clone takes no bytes, and asking leaves nothing behind`(
    type: String
  ) async throws {
    let outer = try Arena()
    let (volume, mounted) = try Volume.requireImage(type, in: outer)
    do {
      let arena = try Arena(in: mounted)
      for actions in [[TransferPlan.Action.copy], [.reflink, .copy]] {
        let plan = try arena.frames(3, bytes: 50_000, actions: actions)
        let (demand, room) = try await transfer().demand(of: plan, having: [], .exactly)
        let blocks = (50_000 + room.block - 1) / room.block * room.block
        #expect(demand.bytes == (type == "ext4" ? 3 * blocks : 0))
        #expect(demand.files == 3 + directories)
      }
      #expect(try arena.tree(arena.out).isEmpty)
    }
    withExtendedLifetime(volume) {}
  }

  @Test func `the room is that of the mount the delivery goes to, and whether it may be written`()
    async throws
  {
    let arena = try Arena()
    try arena.makeDirectories(RelativePath("deep")!, in: arena.out)
    let volume = try #require(Volume.tmpfs(at: "\(arena.outPath)/deep", size: "1m,nr_inodes=9"))
    let plan = try arena.frames(1, into: "deep/er")
    let room = try await transfer().room(for: plan)
    #expect(try room.volume == arena.out.status(RelativePath("deep")!).device)
    #expect(room.bytes == 1 << 20)
    #expect(room.totalBytes == 1 << 20)
    #expect(room.files == 8)
    #expect(room.isWritable)
    #expect(run("mount", "-o", "remount,ro", "\(arena.outPath)/deep") == 0)
    #expect(try await !transfer().room(for: plan).isWritable)
    withExtendedLifetime(volume) {}
  }
}
