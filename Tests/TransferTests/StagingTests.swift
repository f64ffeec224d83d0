import Files
import Glibc
import Paths
import Testing

@testable import Transfer

struct StagingTests {
  @Test
  func `a copy arrives byte for byte under its new name, with its time, and leaves no staging`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(12, bytes: 3 << 20 | 17)
    let transfer = transfer()
    let receipts = try await transfer.stage(plan)
    try await transfer.confirm(plan, receipts)
    #expect(try await transfer.publish(plan, receipts) == .published(skipped: []))
    #expect(try await transfer.discard(plan) == .removed(files: 0))
    #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
    for file in plan.files {
      #expect(try arena.out.status(file.destination).snapshot.modified == file.snapshot.modified)
    }
    #expect(try arena.stagings.isEmpty)
  }

  @Test func `empty files, one byte, a chunk, a chunk and a byte are copied whole`() async throws {
    let arena = try Arena()
    let sizes = [0, 1, 1 << 20, 1 << 20 | 1]
    let names = try sizes.map { size in
      let path = RelativePath("s.\(size)")!
      try arena.write(noise(size, seed: 9), path, in: arena.hot)
      return (path, RelativePath("new/d.\(size)")!)
    }
    let plan = try arena.plan(names)
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    #expect(try arena.isPublished(plan, sources: sizes.map { noise($0, seed: 9) }))
    // What `xxhsum -H2` prints for no bytes at all.
    #expect(receipts[0].digest?.description == "99aa06d3014798d86001c324468d497f")
  }

  @Test func `holes stay holes, and the digest is that of the logical bytes`() async throws {
    let arena = try Arena()
    let (sparse, dense) = (RelativePath("sparse")!, RelativePath("dense")!)
    let size = 24 << 20
    var bytes = [UInt8](repeating: 0, count: size)
    bytes.replaceSubrange((9 << 20)..<(9 << 20 + 5000), with: noise(5000, seed: 3))
    try arena.write(bytes, dense, in: arena.hot)
    let file = try arena.hot.open(sparse, O_WRONLY | O_CREAT, mode: 0o644)
    try noise(5000, seed: 3).withUnsafeBytes { try file.write($0, at: 9 << 20) }
    try file.truncate(to: size)
    try file.sync()
    let plan = try arena.plan([
      (sparse, RelativePath("new/sparse")!), (dense, RelativePath("new/dense")!),
    ])
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    #expect(receipts[0].digest == receipts[1].digest)
    #expect(try arena.read(plan.files[0].destination, in: arena.out) == bytes)
    let landed = try arena.out.open(plan.files[0].destination, O_RDONLY)
    try landed.sync()
    #expect(try landed.status().allocatedBytes < 1 << 20)
  }

  @Test func `names of 255 bytes, with newlines and bytes that are not UTF-8, are kept exactly`()
    async throws
  {
    let arena = try Arena()
    let long = FileName([UInt8](repeating: 0xff, count: 250) + Array("\n.exr".utf8))
    let path = RelativePath.root.appending(long)
    try arena.write([1, 2, 3], path, in: arena.hot)
    let plan = try arena.plan([(path, RelativePath("a/b")!.appending(path))])
    let receipts = try await transfer().stage(plan)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try arena.read(plan.files[0].destination, in: arena.out) == [1, 2, 3])
  }

  @Test func `before the commit nothing exists outside staging, which only its owner may read`()
    async throws
  {
    let arena = try Arena()
    try arena.write([1], RelativePath("proj/other.txt")!, in: arena.out)
    let before = try arena.tree(arena.out)
    let plan = try arena.frames(3)
    _ = try await transfer().stage(plan)
    let staging = try arena.stagings
    #expect(staging == [RelativePath("proj/.hotplate-\(plan.id)")!])
    #expect(try arena.out.status(staging[0]).permissions == 0o700)
    let outside = try arena.tree(arena.out).filter { !$0.key.isAtOrBelow(staging[0]) }
    #expect(outside == before)
    let inside = RelativePath("tree/v001/beauty/beauty.1002.exr")!
    #expect(try arena.out.holds(staging[0].appending(inside)))
  }

  @Test func `a stop in the middle of a copy ends within a chunk, and discarding leaves no trace`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(4, bytes: 8 << 20)
    let before = try arena.tree(arena.out)
    let sources = try arena.tree(arena.hot)
    let stop = StopFlag()
    let written = Counter()
    let error = await failure { () async throws(TransferError) in
      try await transfer(threads: 2).stage(
        plan, stop: stop,
        progress: { bytes, _ in
          if bytes >= 3 << 20 { stop.raise() }
          written.raise(to: bytes)
        })
    }
    #expect(error == .cancelled)
    #expect(written.value <= 5 << 20)  // three, and at most one chunk more for each worker
    #expect(try await transfer().discard(plan) == .removed(files: 0))
    #expect(try arena.tree(arena.out) == before)
    #expect(try arena.tree(arena.hot) == sources)
  }

  @Test func `a source rewritten while it is copied is noticed`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(2, bytes: 4 << 20)
    let path = plan.files[0].source
    let fault = Fault(.read, call: 3) {
      let file = try? arena.hot.open(path, O_WRONLY)
      [UInt8(7)].withUnsafeBytes { try? file?.write($0, at: 100) }
      return nil
    }
    let error = await failure { () async throws(TransferError) in
      try await transfer(fault, threads: 1).stage(plan)
    }
    #expect(error == .sourceChanged(0))
  }

  @Test func `a source saved by rename, cut short or removed while it is copied is noticed`()
    async throws
  {
    for (expected, change): (TransferError, @Sendable (Arena) -> Void) in [
      (
        .sourceChanged(0),
        { arena in
          try? arena.write([1], RelativePath("shot/new")!, in: arena.hot)
          let old = RelativePath("shot/name.1001.exr")!
          try? arena.hot.rename(RelativePath("shot/new")!, to: arena.hot, old, .plain)
        }
      ),
      (
        .sourceChanged(0),
        { try? $0.hot.open(RelativePath("shot/name.1001.exr")!, O_WRONLY).truncate(to: 1 << 20) }
      ),
      (.sourceMissing(0), { try? $0.hot.unlink(RelativePath("shot/name.1001.exr")!) }),
    ] {
      let arena = try Arena()
      let plan = try arena.frames(1, bytes: 4 << 20)
      let fault = Fault(.read, call: 2) {
        change(arena)
        return nil
      }
      let error = await failure { () async throws(TransferError) in
        try await transfer(fault).stage(plan)
      }
      #expect(error == expected)
      #expect(try await transfer().discard(plan) == .removed(files: 0))
    }
  }

  @Test func `a source that changed before the copy is not copied`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(2)
    try arena.write([1, 2], plan.files[1].source, in: arena.hot)
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(plan)
    }
    #expect(error == .sourceChanged(1))
  }

  @Test func `what was staged is kept by its receipt, and copied anew without one`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(3)
    let first = try await transfer().stage(plan)
    let again = try await transfer().stage(plan, keeping: [first[0], first[2]])
    #expect(again[0] == first[0] && again[2] == first[2])
    #expect(again[1].digest == first[1].digest)
    #expect(try await transfer().publish(plan, again) == .published(skipped: []))
    #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
  }

  @Test func `a receipt of another boot that is not durable is void, a durable one holds`()
    async throws
  {
    for durability in [TransferPlan.Durability.fast, .safe] {
      let arena = try Arena()
      let plan = try arena.frames(1, durability: durability)
      let old = try await transfer().stage(plan).map { $0.with(bootID: "before the power cut") }
      let copies = Fault(.read, calls: 1...9) { .inputOutput }
      let error = await failure { () async throws(TransferError) in
        try await transfer(copies).stage(plan, keeping: old)
      }
      #expect((error == nil) == (durability == .safe))
    }
  }

  @Test func `a receipt whose source changed since is void`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(1)
    let receipts = try await transfer().stage(plan)
    try arena.write(noise(3000, seed: 77), plan.files[0].source, in: arena.hot)
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(plan, keeping: receipts)
    }
    #expect(error == .sourceChanged(0))
  }

  @Test func `an error while writing names the file and leaves nothing of it`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(1, bytes: 2 << 20)
    let fault = Fault(.write, call: 2) { .inputOutput }
    let error = await failure { () async throws(TransferError) in
      try await transfer(fault).stage(plan)
    }
    guard case .io(let cause, 0) = error else { throw error ?? .cancelled }
    #expect(cause.errno == .inputOutput)
    #expect(try await transfer().discard(plan) == .removed(files: 0))
  }

  @Test func `a failed sync of a file fails its staging`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(1, durability: .safe)
    let fault = Fault(.syncFile, call: 1) { .inputOutput }
    let error = await failure { () async throws(TransferError) in
      try await transfer(fault).stage(plan)
    }
    guard case .io = error else { throw error ?? .cancelled }
    #expect(try await transfer().discard(plan) == .removed(files: 0))
  }

  @Test func `every whole file's receipt is delivered, and progress ends at all bytes and files`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(300, bytes: 2000)
    let (bytes, files, delivered) = (Counter(), Counter(), Counter())
    let receipts = try await transfer().stage(
      plan,
      progress: {
        bytes.raise(to: $0)
        files.raise(to: $1)
      }, receipts: { delivered.add($0.count) })
    #expect(receipts.map(\.index) == Array(0..<300))
    #expect(bytes.value == 600_000 && files.value == 300 && delivered.value == 300)
  }

  @Test
  func `what a crash left of a staging directory in the making is completed, and removed whole`()
    async throws
  {
    for isEmpty in [true, false] {
      let arena = try Arena()
      let plan = try arena.frames(2)
      let staging = RelativePath(".hotplate-\(plan.id)")!
      try arena.out.makeDirectory(staging, mode: 0o700)
      if !isEmpty {
        try arena.write(Array("{\"own".utf8), staging.appending(FileName("receipt")), in: arena.out)
      }
      // Somebody made a deeper directory since.
      try arena.makeDirectories(RelativePath("proj/v001")!, in: arena.out)
      let receipts = try await transfer().stage(plan)
      #expect(try arena.stagings == [staging])
      #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
      #expect(try await transfer().discard(plan) == .removed(files: 0))
      #expect(try arena.stagings.isEmpty)
    }
  }

  @Test func `a plan and its receipts survive being written down`() async throws {
    let arena = try Arena()
    let name = RelativePath(Array("caf\u{65}\u{301}.".utf8) + [0xff, 0x0a])!
    try arena.write([1], name, in: arena.hot)
    let plan = try arena.plan([(name, RelativePath("n")!.appending(name))])
    let receipts = try await transfer().stage(plan)
    #expect(try roundTrip(plan) == plan)
    #expect(try roundTrip(receipts) == receipts)
  }
}
