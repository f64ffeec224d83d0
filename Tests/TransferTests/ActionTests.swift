import Files
import Foundation
import Glibc
import Paths
import Testing

@testable import Transfer

struct ActionTests {
  @Test(arguments: [TransferPlan.Verification.none, .copy, .readback])
  func `a hard link is the source itself, and its digest that of the source`(
    verify: TransferPlan.Verification
  ) async throws {
    let arena = try Arena()
    let plan = try arena.frames(3, actions: [.hardlink], verify: verify)
    let receipts = try await transfer().stage(plan)
    try await transfer().confirm(plan, receipts)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try await transfer().discard(plan) == .removed(files: 0))
    let copies = try await transfer().stage(arena.plan(plan.files.map { ($0.source, $0.source) }))
    #expect(receipts.map(\.digest) == (verify == .none ? [nil, nil, nil] : copies.map(\.digest)))
    for (file, receipt) in zip(plan.files, receipts) {
      let (source, final) = (
        try arena.hot.status(file.source), try arena.out.status(file.destination)
      )
      #expect(receipt.method == .link && receipt.names(final))
      #expect(final.snapshot.inode == source.snapshot.inode && final.links == 2)
    }
  }

  @Test func `a discarded hard link leaves the source as it was, to be linked again`() async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(3, actions: [.hardlink])
    let before = try arena.tree(arena.hot)
    _ = try await transfer().stage(plan)
    #expect(try await transfer().discard(plan) == .removed(files: 3))
    #expect(try arena.tree(arena.hot) == before)
    #expect(try arena.hot.status(plan.files[0].source).links == 1)
    #expect(try arena.tree(arena.out).isEmpty)
    #expect(try await transfer().stage(plan).count == 3)
  }

  @Test func `a source that somebody writes to is not hard-linked, but may be copied`() async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(1, actions: [.hardlink])
    let writer = try arena.hot.open(plan.files[0].source, O_WRONLY)
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(plan)
    }
    guard case .cannot(_, .hardlink, let cause) = error else { throw error ?? .cancelled }
    #expect(cause.errno == .textFileBusy)
    #expect(error?.description.contains("`transfer: [hardlink, copy]`") == true)
    #expect(try await transfer().discard(plan) == .removed(files: 0))
    let listed = try arena.plan(
      plan.files.map { ($0.source, $0.destination) }, actions: [.hardlink, .copy])
    #expect(try await transfer().stage(listed).map(\.method) != [.link])
    withExtendedLifetime(writer) {}
  }

  @Test func `a source opened for writing while it is linked is not settled`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(1, actions: [.hardlink], durability: .safe)
    let path = plan.files[0].source
    let opened = Opened()
    let fault = Fault(.syncFile, call: 1) {
      opened.keep(try? arena.hot.open(path, O_WRONLY))
      return nil
    }
    let error = await failure { () async throws(TransferError) in
      try await transfer(fault).stage(plan)
    }
    #expect(error == .sourceChanged(0))
    #expect(try arena.hot.status(path).links == 1)
  }

  @Test func `a source that is linked there already is already there`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(2, actions: [.hardlink])
    let receipts = try await transfer().stage(plan)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try await transfer().discard(plan) == .removed(files: 0))
    let again = try await transfer().stage(plan)
    #expect(again.map(\.method) == [.present, .present])
    #expect(again.map(\.digest) == receipts.map(\.digest))
    #expect(try await transfer().publish(plan, again) == .published(skipped: []))
  }

  @Test(arguments: TransferPlan.Verification.allTried)
  func `a symlink holds the source's absolute path, and is no second one the next time`(
    verify: TransferPlan.Verification
  ) async throws {
    let arena = try Arena()
    let plan = try arena.frames(3, actions: [.symlink], verify: verify)
    let receipts = try await transfer().stage(plan)
    #expect(receipts.allSatisfy { $0.method == .symlink && $0.digest == nil })
    try await transfer().confirm(plan, receipts)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try await transfer().discard(plan) == .removed(files: 0))
    for (file, receipt) in zip(plan.files, receipts) {
      #expect(
        try arena.out.symlinkTarget(file.destination)
          == Array("\(arena.hotPath)/\(file.source)".utf8))
      #expect(receipt.names(try arena.out.status(file.destination)))
    }
    #expect(try await transfer().sync(plan, receipts).map(\.durable) == [true, true, true])
    let again = try await transfer().stage(plan)
    #expect(again.map(\.method) == [.present, .present, .present])
    #expect(try await transfer().publish(plan, again) == .published(skipped: []))
  }

  @Test func `another symlink, or a file, where a symlink shall be is a conflict`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(3, actions: [.symlink])
    try arena.makeDirectories(plan.files[0].destination.parent, in: arena.out)
    try arena.out.makeSymlink(plan.files[0].destination, to: Array("/etc/passwd".utf8))
    try arena.write(noise(3000, seed: 2), plan.files[1].destination, in: arena.out)
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(plan)
    }
    guard case .conflict(let conflicts) = error else { throw error ?? .cancelled }
    #expect(conflicts.map(\.reason) == [.notAFile(.symlink), .different])
    #expect(try arena.out.symlinkTarget(plan.files[0].destination) == Array("/etc/passwd".utf8))
  }

  @Test func `a foreign symlink with our target at our name is not taken for ours`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(2, actions: [.symlink])
    try arena.makeDirectories(plan.files[0].destination.parent, in: arena.out)
    let receipts = try await transfer().stage(plan)
    let target = plan.symlinkTarget(0)
    try arena.out.makeSymlink(plan.files[0].destination, to: target)
    let foreign = Conflict(
      index: 0, destination: plan.files[0].destination, reason: .notAFile(.symlink))
    #expect(try await transfer().publish(plan, receipts) == .held([foreign]))
    #expect(try await transfer().discard(plan) == .removed(files: 2))
    #expect(try arena.out.symlinkTarget(plan.files[0].destination) == target)
  }

  @Test(
    arguments: [
      (FaultPoint.link, [TransferPlan.Action.hardlink]), (.clone, [.reflink]),
      (.symlink, [.symlink]), (.syncFile, [.hardlink]), (.syncFile, [.copy]),
    ])
  func `a staging that is cut off leaves only what a discard removes, and goes on from there`(
    point: FaultPoint, actions: [TransferPlan.Action]
  ) async throws {
    for cut in 1...4 {
      let arena = try Arena()
      let plan = try arena.frames(4, actions: actions, durability: .safe)
      let before = try arena.tree(arena.hot)
      let fault = Fault(point, calls: cut...1000) { .inputOutput }
      let error = await failure { () async throws(TransferError) in
        try await transfer(fault, threads: 1).stage(plan)
      }
      #expect(error != nil)
      #expect(try await transfer().discard(plan) != .nothing)
      #expect(try arena.tree(arena.out).isEmpty)
      #expect(try arena.tree(arena.hot) == before)
    }
  }

  @Test(arguments: [[TransferPlan.Action.hardlink], [.symlink], [.hardlink, .copy]])
  func `publishing links cut off after any number of calls is finished by doing it again`(
    actions: [TransferPlan.Action]
  ) async throws {
    for point in [FaultPoint.rename, .syncDirectory] {
      for cut in 1...5 {
        let arena = try Arena()
        let plan = try arena.frames(4, actions: actions)
        try arena.makeDirectories(plan.files[0].destination.parent, in: arena.out)
        let receipts = try await transfer().stage(plan)
        let fault = Fault(point, calls: cut...1000) { .inputOutput }
        _ = await failure { () async throws(TransferError) in
          try await transfer(fault).publish(plan, receipts)
        }
        #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
        #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
        #expect(try await transfer().discard(plan) == .removed(files: 0))
        for (file, receipt) in zip(plan.files, receipts) {
          #expect(receipt.names(try arena.out.status(file.destination)))
        }
      }
    }
  }

  @Test(arguments: [[TransferPlan.Action.hardlink], [.symlink]])
  func `links are published where there are no rename flags too`(actions: [TransferPlan.Action])
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(3, actions: actions)
    try arena.makeDirectories(plan.files[0].destination.parent, in: arena.out)
    let receipts = try await transfer().stage(plan)
    let refused = Fault(.rename, calls: 1...1000) { .invalid }
    #expect(try await transfer(refused).publish(plan, receipts) == .published(skipped: []))
    for (file, receipt) in zip(plan.files, receipts) {
      #expect(receipt.names(try arena.out.status(file.destination)))
    }
    #expect(try await transfer().discard(plan) == .removed(files: 0))
  }

  @Test func `after another boot a link is never unlinked, and a symlink is known again`()
    async throws
  {
    for action in [TransferPlan.Action.hardlink, .symlink] {
      let arena = try Arena()
      let plan = try arena.frames(2, actions: [action])
      let receipts = try await transfer().stage(plan)
      _ = try await transfer().publish(plan, receipts)
      if action == .hardlink {
        let file = try arena.out.open(plan.files[1].destination, O_WRONLY)
        try [UInt8](repeating: 0, count: 3000).withUnsafeBytes { try file.write($0, at: 0) }
      } else {
        try arena.out.unlink(plan.files[1].destination)
      }
      let before = try arena.tree(arena.out)
      let left = try await transfer().recheck(plan, receipts.map { $0.with(bootID: "before") })
      #expect(left.map(\.index) == [0] && left.allSatisfy(\.durable))
      #expect(try arena.tree(arena.out) == before)
    }
  }

  @Test func `the first action that is granted is taken, and the receipt says which`() async throws
  {
    let arena = try Arena()
    let refusedClone = Fault(.clone, calls: 1...1000) { .unsupported }
    let plan = try arena.frames(4, actions: [.reflink, .hardlink, .copy])
    let receipts = try await transfer(refusedClone).stage(plan)
    #expect(receipts.allSatisfy { $0.method == .link })
    let mixed = try arena.frames(4, into: "mixed", actions: [.hardlink, .symlink])
    let refusedLink = Fault(.link, calls: 2...3) { .notPermitted }
    let methods = try await transfer(refusedLink, threads: 1).stage(mixed).map(\.method)
    #expect(methods == [.link, .symlink, .symlink, .link])
  }

  @Test(
    arguments: [
      (FaultPoint.link, TransferPlan.Action.hardlink), (.clone, .reflink), (.symlink, .symlink),
    ])
  func `an action that is refused is an error with a remedy, never another one`(
    point: FaultPoint, action: TransferPlan.Action
  ) async throws {
    let arena = try Arena()
    let plan = try arena.frames(2, actions: [action])
    let refused = Fault(point, calls: 1...1000) { .unsupported }
    let error = await failure { () async throws(TransferError) in
      try await transfer(refused).stage(plan)
    }
    guard case .cannot(_, action, _) = error else { throw error ?? .cancelled }
    #expect(error?.description.contains("`transfer: [\(action.rawValue), copy]`") == true)
    #expect(try await transfer().discard(plan) == .removed(files: 0))
  }
}

extension TransferPlan.Verification {
  static let allTried: [Self] = [.none, .copy, .readback]
}
