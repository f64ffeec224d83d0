import Files
import Foundation
import Glibc
import Paths
import Testing

@testable import Transfer

/// What others do, and kills, while files are replaced.
struct ReplaceRaceTests {
  enum Change: CaseIterable {
    case savedByRename, writtenInPlace, removed, directory, symlink

    func make(_ arena: Arena, _ path: RelativePath) {
      switch self {
      case .savedByRename:
        try? arena.write([5, 5], RelativePath("new")!, in: arena.out)
        try? arena.out.rename(RelativePath("new")!, to: arena.out, path, .plain)
      case .writtenInPlace: try? arena.write([5, 5], path, in: arena.out)
      case .removed: try? arena.out.unlink(path)
      case .directory:
        try? arena.out.unlink(path)
        try? arena.write([5, 5], path.appending(FileName("inner")), in: arena.out)
      case .symlink:
        try? arena.out.unlink(path)
        try? arena.out.makeSymlink(path, to: [UInt8(ascii: "x")])
      }
    }

    func isIntact(_ arena: Arena, _ path: RelativePath) -> Bool {
      switch self {
      case .savedByRename, .writtenInPlace: (try? arena.read(path, in: arena.out)) == [5, 5]
      case .removed: true
      case .directory:
        (try? arena.read(path.appending(FileName("inner")), in: arena.out)) == [5, 5]
      case .symlink: (try? arena.out.symlinkTarget(path)) == [UInt8(ascii: "x")]
      }
    }
  }

  /// With 0 the change comes before publishing looks, with 1 between that look and the first exchange.
  @Test(arguments: Change.allCases, [false, true])
  func `what came to a name after the survey is put back, and held or blocked`(
    change: Change, withoutFlags: Bool
  ) async throws {
    for call in 0...1 { try await changed(change, call, withoutFlags) }
  }

  private func changed(_ change: Change, _ call: Int, _ withoutFlags: Bool) async throws {
    let arena = try Arena()
    let plan = try arena.replacing()
    let path = plan.files[0].destination
    let receipts = try await transfer().stage(plan)
    if call == 0 { change.make(arena, path) }
    let calls = Counter()
    let fault = Fault(.rename, calls: 1...1000) {
      calls.add(1)
      if calls.value == call { change.make(arena, path) }
      return withoutFlags && calls.value <= 100 ? .invalid : nil
    }
    let transfer = transfer(fault)
    let outcome = try await transfer.publish(plan, receipts)
    if change == .removed {
      #expect(outcome == .published(skipped: []))
      #expect(try await transfer.discard(plan, replacedBy: receipts) == .removed(files: 1))
      return
    }
    guard case .held(let conflicts) = outcome else { throw TransferError.cancelled }
    #expect(conflicts.map(\.index) == [0])
    #expect(change.isIntact(arena, path))
    #expect(try arena.isOld(plan, 1))
    #expect(try !arena.out.holds(plan.files[2].destination))
    // Nothing was taken, so nothing has to be kept.
    #expect(try await transfer.discard(plan) == .removed(files: 3))
    #expect(try arena.stagings.isEmpty)
    #expect(change.isIntact(arena, path))
  }

  @Test(arguments: Change.allCases, [false, true])
  func `what comes to a name after the first replacement blocks, and is not lost in any crash`(
    change: Change, withoutFlags: Bool
  ) async throws {
    if change == .removed { return }
    let arena = try Arena()
    let plan = try arena.replacing(4)
    let path = plan.files[1].destination
    let receipts = try await transfer().stage(plan)
    let looks = Fault(.exchanged, call: 2) { .inputOutput }
    let calls = Counter()
    let hook: FaultHook = { point, name in
      if point == .rename {
        if name == path { calls.add(1) }
        if name == path, calls.value == 1 { change.make(arena, path) }
        if withoutFlags { return .invalid }
      }
      return looks.hook(point, name)
    }
    let killed = Transfer(workers: CopyWorkers(count: 1), faults: hook)
    let error = await failure { () async throws(TransferError) in
      try await killed.publish(plan, receipts)
    }
    guard case .io = error else { throw error ?? .cancelled }
    let outcome = try await transfer().publish(plan, receipts)
    if change == .writtenInPlace {
      // The same inode: a crash hides when it was written. It is kept, not removed.
      #expect(outcome == .published(skipped: []))
      guard case .kept(let kept) = try await transfer().discard(plan, replacedBy: receipts) else {
        throw TransferError.cancelled
      }
      #expect(kept.count == 1)
      #expect(try arena.read(kept[0], in: arena.out) == [5, 5])
      return
    }
    guard case .blocked(let conflicts) = outcome else { throw TransferError.cancelled }
    #expect(conflicts.map(\.index) == [1])
    #expect(change.isIntact(arena, path))
    #expect(try await transfer().publish(plan, receipts) == outcome)
    guard case .kept = try await transfer().discard(plan) else { throw TransferError.cancelled }
    #expect(run("rm", "-rf", "\(arena.outPath)/\(path)") == 0)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
    guard case .removed = try await transfer().discard(plan, replacedBy: receipts) else {
      throw TransferError.cancelled
    }
    #expect(try arena.stagings.isEmpty)
  }

  @Test(
    arguments: [FaultPoint.rename, .exchanged, .syncDirectory],
    [[TransferPlan.Action.copy], [.move], [.symlink]])
  func `a replacement killed at any call is finished by doing it again`(
    point: FaultPoint, actions: [TransferPlan.Action]
  ) async throws {
    for withoutFlags in [false, true] {
      for cut in 1...6 {
        let arena = try Arena()
        let plan = try arena.replacing(5, actions: actions)
        let receipts = try await transfer().stage(plan)
        let fault = Fault(point, calls: cut...1000) { .inputOutput }
        let killed = Transfer(
          workers: CopyWorkers(count: 1),
          faults: {
            fault.hook($0, $1) ?? (withoutFlags && $0 == .rename ? .invalid : nil)
          })
        _ = await failure { () async throws(TransferError) in
          try await killed.publish(plan, receipts)
        }
        // Each old file is at its name, or kept.
        let olds = try arena.tree(arena.out).keys.filter { path in
          guard try arena.out.status(path).kind == .file else { return false }
          return try arena.read(path, in: arena.out) == oldBytes
        }
        #expect(olds.count == 4)
        #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
        let after = try arena.tree(arena.out)
        #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
        #expect(try arena.tree(arena.out) == after)
        for (file, receipt) in zip(plan.files, receipts) {
          #expect(receipt.names(try arena.out.status(file.destination)))
        }
        #expect(try await transfer().discard(plan, replacedBy: receipts) == .removed(files: 4))
        #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
        #expect(try arena.stagings.isEmpty)
      }
    }
  }

  @Test func `without exchange or hard links, an old file has its name while publishing pauses`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.replacing(2)
    let before = try arena.out.status(plan.files[0].destination).snapshot
    let receipts = try await transfer().stage(plan)
    let hook: FaultHook = { point, _ in
      switch point {
      case .rename: .invalid
      case .link: .notPermitted
      default: nil
      }
    }
    // Linking the new file fails as well: the whole is not possible there.
    let refused = Transfer(workers: CopyWorkers(count: 1), faults: hook)
    for _ in 0..<2 {
      let error = await failure { () async throws(TransferError) in
        try await refused.publish(plan, receipts)
      }
      guard case .destinationNotWritable = error else { throw error ?? .cancelled }
      #expect(try arena.isOld(plan, 0))
      #expect(try arena.out.status(plan.files[0].destination).snapshot.isSameContent(as: before))
    }
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try await transfer().discard(plan, replacedBy: receipts) == .removed(files: 1))
  }
}
