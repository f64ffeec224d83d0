import Files
import Glibc
import Paths
import TestSupport
import Testing

@testable import Watching

private let mounting: ConditionTrait = .enabled(if: geteuid() == 0, "mounting is for root")

/// Runs a program to its end.
///
/// - Throws: with what it said, if it failed.
private func run(_ words: String...) throws {
  let outcome = try Command.run(words)
  guard outcome.status == 0 else { throw Failure("\(words): \(outcome.err)") }
}

extension WatcherTests {
  /// A root that is a bind mount of `volume`, which stays to look at from the side.
  private func withMountedRoot(_ body: (HotFolder) async throws -> Void) async throws {
    try await withHotFolder { folder in
      let (volume, path) = (folder.parentPath + "/volume", folder.path)
      try folder.parent.makeDirectories("volume/shot")
      try folder.parent.touch("volume/shot/frame")
      try run("mount", "--bind", volume, path)
      defer { while umount2(path, Int32(MNT_DETACH)) == 0 {} }
      try await folder.watch()
      folder.mirror.forgetEvents()
      try await body(folder)
    }
  }

  @Test(
    "a root whose mount is taken away or covered is told as unmounted, and nothing as removed",
    mounting,
    arguments: [
      ["umount", "--lazy", "root"], ["mount", "--bind", "other", "root"],
      ["mount", "-t", "tmpfs", "none", "root"], ["umount", "root"],
    ])
  func mountVanishes(command: [String]) async throws {
    try await withMountedRoot { folder in
      try folder.parent.makeDirectory("other")
      let before = folder.mirror.mountChanges
      while !folder.watcher.isIdle { await Task.yield() }
      let words = command.map {
        ["root", "other"].contains($0) ? "\(folder.parentPath)/\($0)" : $0
      }
      let outcome = try Command.run(words)
      #expect(outcome.status == 0, "\(outcome.err)")
      try await awaitWatch { folder.mirror.mountChanges > before }
      #expect(folder.mirror.events == [.unmounted(place(.root))])
      #expect(folder.watcher.watchCount == 0)
      // Whatever lies there now is not what was watched.
      try folder.parent.touch("volume/shot/later")
      await folder.watcher.barrier()
      #expect(folder.mirror.events == [.unmounted(place(.root))])
    }
  }

  @Test("a root whose parent is renamed is told as moved away")
  func parentRenamed() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("a/b/drop/shot")
      try await folder.watcher.watch(root: 1, at: folder.path + "/a/b/drop")
      await folder.watcher.barrier()
      folder.mirror.forgetEvents()
      try folder.root.move("a", to: "z")
      try await awaitWatch { !folder.mirror.events.isEmpty }
      #expect(folder.mirror.events == [.directoryMoved(from: place(.root), to: nil)])
      #expect(folder.watcher.watchCount == 0)
    }
  }

  @Test("what goes on in the directories above a root wakes nobody")
  func quietAbove() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("a/drop")
      try await folder.watcher.watch(root: 1, at: folder.path + "/a/drop")
      await folder.watcher.barrier()
      while !folder.watcher.isIdle { await Task.yield() }
      let (wakeUps, changes) = (folder.watcher.wakeUps, folder.mirror.mountChanges)
      for i in 0..<100 { try folder.root.touch(RelativePath("a/\(i)")!) }
      try folder.root.move("a/1", to: "a/one")
      while !folder.watcher.isIdle { await Task.yield() }
      // Somebody may have mounted something meanwhile.
      #expect(folder.watcher.wakeUps - wakeUps <= 2 * (folder.mirror.mountChanges - changes))
    }
  }

  @Test("a root that is not the expected directory is not watched")
  func expected() async throws {
    try await withHotFolder { folder in
      let identity = try MountIdentity(of: folder.root)
      try await folder.watcher.watch(root: 1, at: folder.path, expecting: identity)
      await folder.watcher.barrier()
      try folder.parent.move("root", to: "old")
      try folder.parent.makeDirectory("root")
      do {
        try await folder.watcher.watch(root: 1, at: folder.path, expecting: identity)
        Issue.record("watched")
      } catch WatchError.system(let error) {
        #expect(error.errno == .stale)
      }
      await folder.watcher.barrier()
      #expect(folder.watcher.watchCount == 0)
    }
  }
}

/// Waits until the watch thread has told something that no barrier waits for: mounts have no queue to read empty.
private func awaitWatch(_ condition: () -> Bool) async throws {
  let deadline = ContinuousClock.now + .seconds(30)
  while !condition() {
    guard ContinuousClock.now < deadline else { throw Failure("waited for the watch thread") }
    await Task.yield()
  }
}
