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

  @Test(arguments: ["ext4", "xfs", "btrfs"], [TransferPlan.Action.copy, .move])
  func `what an undo removed is at its source after a power cut, and an undo cut off goes on`(
    type: String, action: TransferPlan.Action
  ) async throws {
    for point in [FaultPoint.claim, .unlink, .removeDirectory, nil] {
      let outer = try Arena()
      var (volume, mounted): (Volume?, String) = try Volume.requireImage(type, in: outer)
      var inner: Arena? = try Arena(in: mounted)
      let plan = try inner!.frames(3, bytes: 300_000, action: action, durability: .safe)
      let sources = try inner!.sources(plan)
      let receipts = try await transfer().stage(plan)
      let made = try await transfer().stagedDirectories(plan)
      _ = try await transfer().publish(plan, receipts)
      if plan.isMove { _ = try await transfer().removeSources(plan, receipts) }
      _ = try await transfer().discard(plan)
      // The delivery is long over.
      #expect(hp_syncfs(inner!.out.raw) == 0)
      if !plan.isMove {
        // Written anew by their owner, and by nobody synced.
        for (file, bytes) in zip(plan.files, sources) {
          try inner!.hot.unlink(file.source)
          try inner!.write(bytes, file.source, in: inner!.hot)
        }
      }
      let cut = point.map { point in
        Fault(point, call: 2) {
          #expect(throws: Never.self) { try Volume.cutPower(type, in: outer) }
          return nil
        }
      }
      let standings = try await transfer().secureSources(plan, receipts)
      #expect(standings.secured.count == 3)
      _ = try await transfer(cut, threads: 1).removePublished(
        plan, receipts, standings.secured, made: made)
      if point == nil { try Volume.cutPower(type, in: outer) }
      inner = nil
      volume = nil
      volume = try Volume.afterCut(type, in: outer)
      let again = try await transfer().secureSources(plan, receipts)
      #expect(again.obstacles.isEmpty, "\(String(describing: point))")
      if point == nil { #expect(again.secured.isEmpty, "removed for good") }
      let report = try await transfer().removePublished(plan, receipts, again.secured, made: made)
      #expect(report.results.values.allSatisfy { $0 == .removed })
      try await transfer().closeUndo(plan, receipts.map(\.index))
      let hot = try Descriptor.directory(at: plan.sourceRoot)
      for (file, bytes) in zip(plan.files, sources) {
        var there = [UInt8](repeating: 0, count: bytes.count)
        let opened = try hot.open(file.source, O_RDONLY)
        #expect(try opened.status().snapshot.size == bytes.count)
        _ = try there.withUnsafeMutableBytes { try opened.read(into: $0, at: 0) }
        // Told apart here: the difference of two long arrays takes minutes to tell.
        let isWhole = there == bytes
        #expect(isWhole, "\(file.source), \(String(describing: point))")
      }
      let out = try Descriptor.directory(at: plan.destinationRoot)
      #expect(try out.entries().isEmpty, "\(String(describing: point))")
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
