import Files
import Foundation
import Glibc
import Paths
import Testing

@testable import Transfer

struct ReadbackTests {
  /// Damages the staged file behind its sync, as a bad disk or bad memory would.
  private func damage(_ arena: Arena, _ plan: TransferPlan, calls: ClosedRange<Int>) -> Fault {
    let staged = RelativePath(".hotplate-\(plan.id)/tree")!
      .appending(plan.files[0].destination)
    return Fault(.readBack, calls: calls) {
      let file = try? arena.out.open(staged, O_WRONLY)
      _ = [UInt8(0xaa), 0x55].withUnsafeBytes { try? file?.write($0, at: 1500) }
      return nil
    }
  }

  @Test func `what the storage gives back otherwise is copied again, once`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(1, verify: .readback)
    let (bytes, files) = (Counter(), Counter())
    let last = Counter()
    let receipts = try await transfer(damage(arena, plan, calls: 1...1)).stage(
      plan,
      progress: {
        last.add($0 - last.value)
        bytes.raise(to: $0)
        files.raise(to: $1)
      })
    #expect(last.value == 3000 && bytes.value == 3000 && files.value == 1)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
  }

  @Test func `what is given back otherwise twice is an error that names the file`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(1, verify: .readback)
    let fault = damage(arena, plan, calls: 1...2)
    let error = await failure { () async throws(TransferError) in
      try await transfer(fault).stage(plan)
    }
    #expect(error == .readbackDiffers(0, plan.files[0].destination))
    #expect(error?.description.contains("\(plan.files[0].destination)") == true)
    #expect(try await transfer().discard(plan) == .removed(files: 0))
  }

  @Test func `without readback nobody looks`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(1, verify: .copy)
    let fault = Fault(.readBack, calls: 1...9) { .inputOutput }
    #expect(try await transfer(fault).stage(plan).count == 1)
  }

  @Test func `a synced file that is dropped from the page cache has no page in it`() async throws {
    let arena = try Arena()
    let path = RelativePath("file")!
    let size = 8 << 20
    try arena.write(noise(size, seed: 1), path, in: arena.hot)
    let file = try arena.hot.open(path, O_RDWR)
    #expect(try residentPages(file, size) == size / 4096)
    try file.syncData()
    try file.dropCached()
    #expect(try residentPages(file, size) == 0)
  }

  private func residentPages(_ file: Descriptor, _ size: Int) throws -> Int {
    guard let map = mmap(nil, size, PROT_READ, MAP_SHARED, file.raw, 0), map != MAP_FAILED else {
      throw SystemError("mmap", file.shownPath)
    }
    defer { munmap(map, size) }
    var pages = [UInt8](repeating: 0, count: size / 4096)
    guard mincore(map, size, &pages) == 0 else { throw SystemError("mincore", file.shownPath) }
    return pages.count { $0 & 1 == 1 }
  }
}
