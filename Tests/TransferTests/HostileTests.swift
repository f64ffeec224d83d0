import Files
import Glibc
import Paths
import Testing

@testable import Transfer

struct HostileTests {
  @Test func `a symlink swapped in for a source, or for its directory, is refused and not read`()
    async throws
  {
    for swapped in ["shot/name.1001.exr", "shot"] {
      let arena = try Arena()
      let plan = try arena.frames(1)
      let path = RelativePath(swapped)!
      try arena.hot.rename(path, to: arena.out, RelativePath("moved")!, .plain)
      #expect(symlink("\(arena.outPath)/moved", "\(arena.hotPath)/\(swapped)") == 0)
      let error = await failure { () async throws(TransferError) in
        try await transfer().stage(plan)
      }
      guard case .unsafeSource(0, _) = error else { throw error ?? .cancelled }
    }
  }

  @Test func `a FIFO in a source's place is named and does not hang`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(1)
    try arena.hot.unlink(plan.files[0].source)
    #expect(mkfifo("\(arena.hotPath)/\(plan.files[0].source)", 0o644) == 0)
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(plan)
    }
    #expect(error == .sourceNotAFile(0, .fifo))
  }

  @Test func `a symlink anywhere below the destination root is refused by name, and nothing made`()
    async throws
  {
    let arena = try Arena()
    try arena.makeDirectories(RelativePath("proj")!, in: arena.out)
    try arena.makeDirectories(RelativePath("elsewhere")!, in: arena.hot)
    #expect(symlink("\(arena.hotPath)/elsewhere", "\(arena.outPath)/proj/v001") == 0)
    let plan = try arena.frames(1)
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(plan)
    }
    #expect(error == .unsafeDestination(RelativePath("proj/v001")!, .symlink))
    #expect(try arena.stagings.isEmpty)
    #expect(try arena.hot.openDirectory(RelativePath("elsewhere")!).entries().isEmpty)
  }

  @Test func `a file where a directory is needed is refused by name`() async throws {
    let arena = try Arena()
    try arena.write([1], RelativePath("proj/v001")!, in: arena.out)
    let plan = try arena.frames(1)
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(plan)
    }
    #expect(error == .unsafeDestination(RelativePath("proj/v001")!, .file))
  }

  @Test func `a symlink put in the destination's way after staging is not followed`() async throws {
    let arena = try Arena()
    try arena.makeDirectories(RelativePath("proj/v001")!, in: arena.out)
    let plan = try arena.frames(2)
    let receipts = try await transfer().stage(plan)
    try arena.makeDirectories(RelativePath("elsewhere")!, in: arena.hot)
    #expect(symlink("\(arena.hotPath)/elsewhere", "\(arena.outPath)/proj/v001/beauty") == 0)
    let outcome = try await transfer().publish(plan, receipts)
    let conflicts = plan.files.indices.map {
      Conflict(
        index: $0, destination: plan.files[$0].destination, reason: .noDirectory(.symlink))
    }
    #expect(outcome == .held(conflicts))
    #expect(try await transfer().discard(plan) == .removed(files: 2))
    #expect(try arena.hot.openDirectory(RelativePath("elsewhere")!).entries().isEmpty)
  }

  @Test func `a destination root that is not there is not made`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(1)
    try arena.out.removeDirectory(.root, at: arena.outPath)
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(plan)
    }
    #expect(error == .destinationMissing(arena.outPath))
  }

  @Test func `another directory under the destination root's path is not committed to`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(1)
    let receipts = try await transfer().stage(plan)
    #expect(rename(arena.outPath, "\(arena.path)/unmounted") == 0)
    #expect(mkdir(arena.outPath, 0o755) == 0)
    let confirmed = await failure { () async throws(TransferError) in
      try await transfer().confirm(plan, receipts)
    }
    #expect(confirmed == .destinationReplaced(arena.outPath))
    let published = await failure { () async throws(TransferError) in
      try await transfer().publish(plan, receipts)
    }
    #expect(published == .destinationReplaced(arena.outPath))
    #expect(try Descriptor.directory(at: arena.outPath).entries().isEmpty)
  }

  @Test func `a staged file that is gone or replaced is not committed`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(2)
    let receipts = try await transfer().stage(plan)
    let tree = RelativePath(".hotplate-\(plan.id)/tree")!
    try arena.out.unlink(tree.appending(plan.files[1].destination))
    try arena.write(noise(3000, seed: 1), tree.appending(plan.files[1].destination), in: arena.out)
    let error = await failure { () async throws(TransferError) in
      try await transfer().confirm(plan, receipts)
    }
    #expect(error == .stagingLost(1))
  }

  @Test func `another daemon's staging is neither used nor removed`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(1)
    _ = try await transfer().stage(plan)
    let other = try arena.plan(plan.files.map { ($0.source, $0.destination) }, owner: "state-2")
    let foreign = TransferError.foreignStaging(RelativePath(".hotplate-\(plan.id)")!)
    let staged = await failure { () async throws(TransferError) in try await transfer().stage(other)
    }
    let discarded = await failure { () async throws(TransferError) in
      try await transfer().discard(other)
    }
    #expect(staged == foreign && discarded == foreign)
  }

  @Test func `staging of which a power cut took the receipt is still ours`() async throws {
    for left in [nil, [], [UInt8](repeating: 0, count: 200)] {
      let arena = try Arena()
      let plan = try arena.frames(1)
      let receipts = try await transfer().stage(plan)
      let receipt = RelativePath(".hotplate-\(plan.id)/receipt")!
      try arena.out.unlink(receipt)
      if let left { try arena.write(left, receipt, in: arena.out) }
      #expect(try await transfer().stage(plan, keeping: receipts) == receipts)
      #expect(try await transfer().discard(plan) == .removed(files: 1))
      #expect(try arena.out.entries().isEmpty)
    }
  }

  @Test func `two names of a plan that are one name at the destination are a conflict`()
    async throws
  {
    let arena = try Arena()
    let path = RelativePath("a")!
    try arena.write([1], path, in: arena.hot)
    let plan = try arena.plan([(path, RelativePath("n/x")!), (path, RelativePath("n/x")!)])
    let error = await failure { () async throws(TransferError) in
      try await transfer(threads: 1).stage(plan)
    }
    guard case .conflict(let conflicts) = error else { throw error ?? .cancelled }
    #expect(conflicts.map(\.reason) == [.collides])
  }
}

extension Descriptor {
  fileprivate func removeDirectory(_: RelativePath, at path: String) throws {
    guard rmdir(path) == 0 else { throw SystemError("rmdir", path) }
  }
}
