import CLinux
import Files
import Foundation
import Glibc
import Paths
import Testing

@testable import Transfer

/// What is left of a volume whose power is cut right behind a step.
@Suite(.enabled(if: geteuid() == 0, "needs root: mounts small ext4, btrfs and xfs volumes"))
struct PowerCutTests {
  enum Way: CaseIterable { case replaced, symlinked, linked }

  @Test(arguments: ["ext4", "xfs", "btrfs"], Way.allCases)
  func `what is published survives a power cut, and so do the files that it replaced`(
    type: String, way: Way
  ) async throws {
    let outer = try Arena()
    var (volume, mounted): (Volume?, String) = try Volume.requireImage(type, in: outer)
    var inner: Arena? = try Arena(in: mounted)
    let plan = try prepare(way, inner!)
    let receipts = try await transfer().stage(plan)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    try Volume.cutPower(type, in: outer)
    inner = nil
    volume = nil
    volume = try Volume.afterCut(type, in: outer)
    let out = try Descriptor.directory(at: plan.destinationRoot)
    for (file, receipt) in zip(plan.files, receipts) {
      let there = try? out.status(file.destination)
      #expect(there.map(receipt.names) == true, "\(file.destination)")
    }
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    switch way {
    case .replaced:
      #expect(try await transfer().discard(plan, replacedBy: receipts) == .removed(files: 3))
    case .symlinked:
      #expect(try out.symlinkTarget(plan.files[0].destination) == plan.symlinkTarget(0))
    case .linked: #expect(try out.status(plan.files[0].destination).links == 2)
    }
    withExtendedLifetime(volume) {}
  }

  @Test(arguments: ["ext4", "xfs", "btrfs"], [FaultPoint.rename, .exchanged, .syncDirectory])
  func `a replacement whose power is cut at any call is finished afterwards, with every old file`(
    type: String, point: FaultPoint
  ) async throws {
    for call in 1...4 {
      let outer = try Arena()
      var (volume, mounted): (Volume?, String) = try Volume.requireImage(type, in: outer)
      var inner: Arena? = try Arena(in: mounted)
      let plan = try prepare(.replaced, inner!)
      let receipts = try await transfer().stage(plan)
      let cuts = Counter()
      let cut = Fault(point, call: call) {
        cuts.add(1)
        #expect(throws: Never.self) { try Volume.cutPower(type, in: outer) }
        return nil
      }
      _ = try await transfer(cut).publish(plan, receipts)
      if cuts.value == 0 { return #expect(call > 2) }
      inner = nil
      volume = nil
      volume = try Volume.afterCut(type, in: outer)
      #expect(try await transfer().publish(plan, receipts) == .published(skipped: []), "\(call)")
      let out = try Descriptor.directory(at: plan.destinationRoot)
      for (file, receipt) in zip(plan.files, receipts) {
        #expect(receipt.names(try out.status(file.destination)))
      }
      #expect(try await transfer().discard(plan, replacedBy: receipts) == .removed(files: 3))
      withExtendedLifetime(volume) {}
    }
  }

  private func prepare(_ way: Way, _ arena: Arena) throws -> TransferPlan {
    switch way {
    case .replaced:
      let plan = try arena.replacing(4)
      // Old for longer than the delivery: durable by itself.
      #expect(hp_syncfs(arena.out.raw) == 0)
      return plan
    case .symlinked, .linked:
      let frames = try arena.frames(
        3, into: "\(way)/v001", actions: [way == .linked ? .hardlink : .symlink])
      let names = frames.files.map { ($0.source, $0.destination) }
      return try arena.plan(names, id: "\(way)", actions: frames.actions, durability: .safe)
    }
  }
}
