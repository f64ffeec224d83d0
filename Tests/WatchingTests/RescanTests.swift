import Files
import Glibc
import Paths
import TestSupport
import Testing

@testable import Watching

extension WatcherTests {
  @Test func `after an overflow a rescan tells everything that was missed`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("kept/sub")
      try folder.root.makeDirectories("gone/sub")
      try folder.root.makeDirectories("remade/old")
      try folder.root.makeDirectories("renamed/sub")
      try folder.root.touch("kept/stays")
      try folder.root.touch("kept/goes")
      try folder.root.touch("gone/sub/goes")
      try await folder.watch()
      folder.mirror.forgetEvents()
      await folder.watcher.loseEvents(true)
      try folder.root.unlink("kept/goes")
      try folder.root.touch("kept/sub/comes")
      try folder.root.unlink("gone/sub/goes")
      try folder.root.removeDirectory("gone/sub")
      try folder.root.removeDirectory("gone")
      try folder.root.removeDirectory("remade/old")
      try folder.root.removeDirectory("remade")
      try folder.root.makeDirectories("remade/new")
      try folder.root.move("renamed", to: "other")
      try folder.root.makeDirectories("comes/deep")
      try folder.root.touch("comes/deep/file")
      await folder.watcher.drain()
      #expect(folder.mirror.events.isEmpty)
      await folder.watcher.loseEvents(false)
      try await folder.expectTold()
      #expect(folder.mirror.events.first == .rescanning(place(.root), because: .overflow))
      #expect(folder.mirror.events.last == .walked(place(.root)))
      // The watches are as before: what happens now is told again.
      for directory in ["kept/sub", "remade/new", "other/sub", "comes/deep"] as [RelativePath] {
        try folder.root.touch(directory / "after")
      }
      try await folder.expectTold()
    }
  }

  @Test func `an overflow during the first look is made good`() async throws {
    try await withHotFolder { folder in
      for i in 0..<500 { try folder.root.makeDirectories(RelativePath("d\(i)/sub")!) }
      try await folder.watcher.watch(root: 1, at: folder.path)
      await folder.watcher.loseEvents(true)
      for i in 0..<500 { try folder.root.touch(RelativePath("d\(i)/sub/file")!) }
      await folder.watcher.loseEvents(false)
      try await folder.expectTold()
    }
  }

  @Test func `a rescan of a directory tells that directory`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("a/b")
      try folder.root.touch("a/b/file")
      try folder.root.touch("other")
      try await folder.watch()
      folder.mirror.forgetEvents()
      folder.watcher.rescan(place("a"))
      try await folder.expectTold()
      #expect(
        folder.mirror.events == [
          .rescanning(place("a"), because: .asked), .directoryAppeared(place("a")),
          .directoryAppeared(place("a/b")), .file(place("a/b/file"), .found), .walked(place("a")),
        ])
      folder.mirror.forgetEvents()
      folder.watcher.rescan(place("none/at/all"))
      await folder.watcher.barrier()
      #expect(folder.mirror.events == [.directoryRemoved(place("none/at/all"))])
    }
  }

  @Test func `what is moved into a directory that is being told again is not taken for gone`()
    async throws
  {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("scope/shot")
      try folder.root.touch("scope/shot/frame")
      try folder.root.makeDirectory("next")
      try folder.root.touch("next/frame")
      // More than one delivery: the thread is held with its listing under way.
      for i in 0..<(2 * Owner.batchLimit) { try folder.root.touch(RelativePath("scope/\(i)")!) }
      try await folder.watch()
      folder.mirror.forgetEvents()
      folder.mirror.gate.close()
      folder.watcher.rescan(place("scope"))
      try waitUntil("the thread to be held") { folder.mirror.gate.isHolding }
      try folder.root.move("scope/shot", to: "old")
      try folder.root.move("next", to: "scope/shot")
      folder.mirror.gate.open()
      try await folder.expectTold()
      let told = folder.mirror.events
      let moved = told.firstIndex(
        of: .directoryMoved(from: place("next"), to: place("scope/shot")))
      let walked = told.firstIndex(of: .walked(place("scope")))
      #expect(try #require(moved) < #require(walked))
    }
  }

  @Test func `a sentinel gets through while a large tree is looked at`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectory("job")
      try await folder.watch()
      try folder.parent.makeDirectory("large")
      for i in 0..<3000 { try folder.parent.makeDirectory(RelativePath("large/d\(i)")!) }
      for i in 0..<5000 { try folder.parent.touch(RelativePath("large/f\(i)")!) }
      folder.mirror.forgetEvents()
      try await folder.watcher.watch(root: 2, at: folder.parentPath + "/large")
      try folder.root.touch("job/.cancel")
      await folder.watcher.drain()
      let events = folder.mirror.events
      #expect(events.contains(.file(place("job/.cancel"), .created)))
      #expect(!events.contains(.walked(Place(root: 2, path: .root))))
      await folder.watcher.barrier()
      #expect(folder.mirror.events.contains(.walked(Place(root: 2, path: .root))))
      #expect(folder.mirror.content.files.count == 5001)
    }
  }
}
