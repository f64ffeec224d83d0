import Files
import Foundation
import Paths
import Testing

@testable import Transfer

/// Destinations that take names for one which the source tells apart.
struct FoldingTests {
  private let composed = RelativePath("n/caf\u{e9}.1.exr")!
  private let decomposed = RelativePath("n/cafe\u{301}.1.exr")!

  @Test(arguments: [
    ("n/Beauty.1.exr", "n/beauty.1.exr"), ("Left/x.1.exr", "left/x.1.exr"),
    ("Left/x.1.exr", "left/x.2.exr"),
  ])
  func `names that differ in case alone are held before the first byte`(names: (String, String))
    async throws
  {
    try await expectCollision(RelativePath(names.0)!, RelativePath(names.1)!)
  }

  @Test func `names that differ in spelling alone are held before the first byte`() async throws {
    try await expectCollision(composed, decomposed)
  }

  private func expectCollision(_ one: RelativePath, _ two: RelativePath) async throws {
    let arena = try Arena()
    let (volume, mounted) = try Volume.requireFolding(in: arena)
    let inner = try Arena(in: mounted)
    let plan = try framesNamed([one, two], in: arena, to: inner)
    let staged = Counter()
    let error = await failure { () async throws(TransferError) in
      try await Transfer(
        workers: CopyWorkers(count: 1),
        faults: { point, _ in
          if point == .syncFile { staged.add(1) }
          return nil
        }
      ).stage(plan)
    }
    #expect(error == .conflict([Conflict(index: 1, destination: two, reason: .collides)]))
    #expect(staged.value == 0)
    #expect(try await transfer().discard(plan) == .removed(files: 0))
    #expect(try inner.out.entries().isEmpty)
    withExtendedLifetime(volume) {}
  }

  @Test func `where they are told apart they are delivered, and nothing is left of the probe`()
    async throws
  {
    let arena = try Arena()
    let names = ["n/A.1.exr", "n/a.1.exr", "N/a.1.exr", "N/c/d.1.exr"].map { RelativePath($0)! }
    let plan = try framesNamed(names + [composed, decomposed], in: arena, to: arena)
    let receipts = try await transfer().stage(plan)
    #expect(try await transfer().stage(plan, keeping: receipts) == receipts)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
    _ = try await transfer().discard(plan)
    #expect(Set(try arena.out.entries().map { "\($0.name)" }) == ["n", "N"])
  }

  @Test func `a delivery to a folding volume is published whole, and undone`() async throws {
    let arena = try Arena()
    let (volume, mounted) = try Volume.requireFolding(in: arena)
    let inner = try Arena(in: mounted)
    let plan = try framesNamed(
      ["Shots/A.1.exr", "Shots/b.2.exr"].map { RelativePath($0)! }, in: arena, to: inner)
    let receipts = try await transfer().stage(plan)
    let outcome = try await transfer().publish(plan, receipts)
    #expect(outcome == .published(skipped: []))
    for (file, bytes) in zip(plan.files, try arena.sources(plan)) {
      #expect(try inner.read(file.destination, in: inner.out) == bytes)
    }
    _ = try await transfer().discard(plan)
    let secured = try await transfer().secureSources(plan, receipts).secured
    let report = try await transfer().removePublished(plan, receipts, secured)
    #expect(report.results.values.allSatisfy { $0 == .removed })
    withExtendedLifetime(volume) {}
  }

  private func framesNamed(_ names: [RelativePath], in arena: Arena, to other: Arena) throws
    -> TransferPlan
  {
    let files = try names.enumerated().map { number, name in
      let source = RelativePath("frame.\(number)")!
      try arena.write(noise(5_000, seed: UInt64(number)), source, in: arena.hot)
      return PlannedFile(
        source: source, snapshot: try arena.hot.status(source).snapshot, destination: name)
    }
    return TransferPlan(
      id: "0192f0c0-0000-7000-8000-000000000009", action: .copy, verify: .copy, durability: .fast,
      conflict: .hold, files: files, sourceRoot: arena.hotPath, destinationRoot: other.outPath,
      owner: "state-1")
  }
}
