import Files
import Paths
import Testing
import Transfer

@testable import Simulation

/// Somebody saves a newer version of a frame by a rename, before each single call of its move and of its undo.
@Suite struct SavedMeanwhileTests {
  @Test(arguments: [true, false])
  func `is never what is removed in the end, with or without renames that do not replace`(
    hasRenameFlags: Bool
  ) async throws {
    var saved = 0
    while try await isThere(savedBefore: saved, hasRenameFlags) { saved += 1 }
    #expect(saved > 100)
  }

  /// - Returns: false if all was over before that call.
  private func isThere(savedBefore call: Int, _ hasRenameFlags: Bool) async throws -> Bool {
    let base = Volume("base", device: 1)
    let volume = Volume("volume", device: 2, Volume.Traits(hasRenameFlags: hasRenameFlags))
    let kernel = ModelKernel(base: base)
    _ = try base.make(.directory, "volume", in: base.root, 1)
    kernel.mount(volume, at: "/volume")
    let hot = try volume.make(.directory, "drop", in: volume.root, 1)
    _ = try volume.make(.directory, "shows", in: volume.root, 1)
    let frame = try volume.make(.file, "f.1", in: hot, 1)
    try volume.write(Array("older".utf8), at: 0, of: frame, 1)
    let plan = TransferPlan(
      id: "job", action: .move, verify: .copy, durability: .fast, conflict: .hold,
      files: [
        PlannedFile(
          source: RelativePath("f.1")!, snapshot: frame.snapshot,
          destination: RelativePath("shot/f.0001")!)
      ], sourceRoot: "/volume/drop", destinationRoot: "/volume/shows", owner: "state")
    let newer = try volume.make(.file, "newer", in: hot, 2)
    try volume.write(Array("newer".utf8), at: 0, of: newer, 2)

    var left = call
    kernel.before = { (_) throws(Errno) in
      if left == 0 { try volume.rename("newer", in: hot, to: "f.1", in: hot, .plain, 3) }
      left -= 1
    }
    await Kernels.$current.withValue(kernel) {
      let transfer = Transfer(workers: .onCallersThread)
      // Where the newer version stops one of these, it is left as it is.
      do throws(TransferError) {
        let receipts = try await transfer.stage(plan)
        _ = try await transfer.publish(plan, receipts)
        _ = try await transfer.removeSources(plan, receipts)
        let secured = try await transfer.secureSources(plan, receipts).secured
        _ = try await transfer.removePublished(plan, receipts, secured)
        try await transfer.closeUndo(plan, [0])
      } catch {}
    }
    #expect(newer.places.count == 1, "saved before call \(call)")
    return left < 0
  }
}
