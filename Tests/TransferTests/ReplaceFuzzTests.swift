import Files
import Foundation
import Glibc
import Paths
import Synchronization
import Testing

@testable import Transfer

/// Others save, write and remove at the final names, and kills come, before any call of a replacement.
struct ReplaceFuzzTests {
  @Test(arguments: [false, true])
  func `nothing that others leave at a name is ever lost, whatever comes when`(withoutFlags: Bool)
    async throws
  {
    for seed in 1...80 as ClosedRange<UInt64> {
      let arena = try Arena()
      let plan = try tinyPlan(arena)
      let receipts = try await transfer(threads: 1).stage(plan)
      let others = Others(arena, plan, seed, withoutFlags: withoutFlags)
      let disturbed = Transfer(workers: CopyWorkers(count: 1), faults: { others.answer($0, $1) })
      for _ in 0..<3 {
        _ = await failure { () async throws(TransferError) in
          try await disturbed.publish(plan, receipts)
        }
      }
      let outcome = try await disturbed.rested(others).publish(plan, receipts)
      let again = try await disturbed.publish(plan, receipts)
      #expect(again == outcome, "seed \(seed)")
      try others.expectAll(seed)
      _ = try await disturbed.discard(plan)
      try others.expectAll(seed)
      _ = try await disturbed.discard(plan, replacedBy: receipts)
      try others.expectAll(seed)
      if case .published = outcome {
        for (file, receipt) in zip(plan.files, receipts) {
          let final = try arena.out.status(file.destination)
          #expect(receipt.names(final), "seed \(seed)")
        }
      }
    }
  }

  private func tinyPlan(_ arena: Arena) throws -> TransferPlan {
    let names = try (0..<3).map { number in
      let path = RelativePath("f.\(number)")!
      try arena.write(Array("new \(number)".utf8), path, in: arena.hot)
      try arena.write(Array("older \(number)".utf8), path, in: arena.out)
      return (path, path)
    }
    return try arena.plan(names, conflict: .replace)
  }
}

extension Transfer {
  fileprivate func rested(_ others: Others) -> Transfer {
    others.rest()
    return self
  }
}

/// Acts and kills by a seed.
private final class Others: Sendable {
  private struct State {
    var random: UInt64
    var left: [RelativePath: [UInt8]] = [:]
    /// Came by rename, so that no exchange can have been under way with the same file.
    var whole: Set<RelativePath> = []
    var count = 0
    var isAtRest = false

    mutating func next(_ bound: UInt64) -> UInt64 {
      random ^= random << 13
      random ^= random >> 7
      random ^= random << 17
      return (random >> 16) % bound
    }
  }
  private let state: Mutex<State>
  private let arena: Arena
  private let plan: TransferPlan
  private let withoutFlags: Bool

  init(_ arena: Arena, _ plan: TransferPlan, _ seed: UInt64, withoutFlags: Bool) {
    state = Mutex(State(random: seed &* 0x9e37_79b9_7f4a_7c15 | 1))
    self.arena = arena
    self.plan = plan
    self.withoutFlags = withoutFlags
  }

  func rest() { state.withLock { $0.isAtRest = true } }

  func answer(_ point: FaultPoint, _ path: RelativePath) -> Errno? {
    state.withLock { state in
      if !state.isAtRest {
        if state.next(6) == 0 { act(&state) }
        if state.next(8) == 0 { return .inputOutput }
      }
      return withoutFlags && point == .rename ? .invalid : nil
    }
  }

  private func act(_ state: inout State) {
    let path = plan.files[Int(state.next(3))].destination
    state.count += 1
    let bytes = Array("foreign \(state.count)".utf8)
    let new = RelativePath("aside")!
    do {
      switch state.next(4) {
      case 0:
        try? arena.out.unlink(path)
        state.left[path] = nil
        state.whole.remove(path)
      case 1:
        try arena.write(bytes, path, in: arena.out)
        state.left[path] = bytes
        state.whole.remove(path)
      default:
        try arena.write(bytes, new, in: arena.out)
        try arena.out.rename(new, to: arena.out, path, .plain)
        state.left[path] = bytes
        state.whole.insert(path)
      }
    } catch { Issue.record(error) }
  }

  /// Each is at its name; one that was written in place while its file changed places lies in staging.
  func expectAll(_ seed: UInt64) throws {
    let (left, whole) = state.withLock { ($0.left, $0.whole) }
    var found: Set<[UInt8]> = []
    for (path, _) in try arena.tree(arena.out)
    where try arena.out.status(path).kind == .file {
      found.insert(try arena.read(path, in: arena.out))
    }
    for (path, bytes) in left {
      #expect(found.contains(bytes), "seed \(seed): \(path)")
      if whole.contains(path) {
        #expect((try? arena.read(path, in: arena.out)) == bytes, "seed \(seed): \(path)")
      }
    }
  }
}
