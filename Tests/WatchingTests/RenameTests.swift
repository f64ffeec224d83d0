import Files
import Glibc
import Paths
import Testing

@testable import Watching

extension WatcherTests {
  @Test func `after the rename of a directory, what happens below it is told under the new name`()
    async throws
  {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("a/b/c")
      try folder.root.touch("a/b/c/old")
      try await folder.watch()
      folder.mirror.forgetEvents()
      try folder.root.move("a", to: "z")
      try folder.root.touch("z/b/c/new")
      try await folder.expectTold()
      #expect(
        folder.mirror.events == [
          .directoryMoved(from: place("a"), to: place("z")),
          .file(place("z/b/c/new"), .created), .file(place("z/b/c/new"), .closed),
        ])
    }
  }

  @Test func `two directories swapped are told as they are afterwards`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("a/of-a")
      try folder.root.makeDirectories("b/of-b")
      try folder.root.touch("a/of-a/1")
      try folder.root.touch("b/of-b/2")
      try await folder.watch()
      for _ in 0..<3 {
        try folder.root.rename("a", to: folder.root, "b", .exchange)
        try await folder.expectTold()
      }
      try folder.root.touch("a/of-b/3")
      try folder.root.touch("b/of-a/4")
      try await folder.expectTold()
      for _ in 0..<1000 { try folder.root.rename("a", to: folder.root, "b", .exchange) }
      try await folder.expectTold()
      // By way of a third name.
      try folder.root.move("a", to: "t")
      try folder.root.move("b", to: "a")
      try folder.root.move("t", to: "b")
      try await folder.expectTold()
    }
  }

  @Test func `two files swapped are both still there`() async throws {
    try await withHotFolder { folder in
      try folder.root.touch("a")
      try folder.root.touch("b")
      try await folder.watch()
      try folder.root.rename("a", to: folder.root, "b", .exchange)
      try await folder.expectTold()
      // The same events, but b is gone.
      try folder.root.move("a", to: "b")
      try folder.root.move("b", to: "a")
      try await folder.expectTold()
    }
  }

  @Test func `a directory renamed onto an empty one takes its place`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("full/sub")
      try folder.root.makeDirectory("empty")
      try await folder.watch()
      try folder.root.move("full", to: "empty")
      try folder.root.touch("empty/sub/file")
      try await folder.expectTold()
    }
  }

  @Test func `a directory moved out of the tree leaves at once, and its watches go`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("a/b/c")
      try await folder.watch()
      folder.mirror.forgetEvents()
      try folder.parent.move("root/a", to: "out")
      try folder.parent.touch("out/b/not-ours")
      try await folder.expectTold()
      #expect(
        folder.mirror.events == [
          .leaving(place("a")), .directoryMoved(from: place("a"), to: nil),
        ])
      #expect(folder.watcher.watchCount == 1)
    }
  }

  @Test func `a directory that left and came back is watched`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("a/b")
      try await folder.watch()
      for i in 0..<5 {
        try folder.parent.move("root/a", to: "out")
        try folder.parent.touch(RelativePath("out/b/outside\(i)")!)
        try folder.parent.move("out", to: "root/a")
        if i.isMultiple(of: 2) { await folder.watcher.barrier() }
        try folder.root.touch(RelativePath("a/b/inside\(i)")!)
      }
      try await folder.expectTold()
      #expect(folder.mirror.content.files.count == 10)
    }
  }

  @Test func `a departure is told before what takes the name`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectory("a")
      try folder.root.touch("f")
      try await folder.watch()
      folder.mirror.forgetEvents()
      try folder.parent.move("root/a", to: "out")
      try folder.root.makeDirectory("a")
      try folder.parent.move("root/f", to: "f")
      try folder.root.touch("f")
      try await folder.expectTold()
      let told = folder.mirror.events.filter {
        $0 != .leaving(place("a")) && $0 != .leaving(place("f"))
      }
      #expect(
        Array(told.prefix(4)) == [
          .directoryMoved(from: place("a"), to: nil), .directoryAppeared(place("a")),
          .fileMoved(from: place("f"), to: nil), .file(place("f"), .created),
        ])
    }
  }

  @Test func `a directory moved from one root to another is told with both places`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("a/b")
      try folder.parent.makeDirectory("second")
      try await folder.watch()
      try await folder.watcher.watch(root: 2, at: folder.parentPath + "/second")
      await folder.watcher.barrier()
      folder.mirror.forgetEvents()
      try folder.parent.move("root/a", to: "second/z")
      try folder.parent.touch("second/z/b/file")
      await folder.watcher.barrier()
      let new = Place(root: 2, path: "z/b/file")
      #expect(
        folder.mirror.events == [
          .directoryMoved(from: place("a"), to: Place(root: 2, path: "z")), .file(new, .created),
          .file(new, .closed),
        ])
    }
  }

  @Test func `a symlink put in a directory's place is not followed`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectory("a")
      try folder.parent.makeDirectories("elsewhere/deep")
      try await folder.watch()
      try folder.root.removeDirectory("a")
      #expect(symlinkat("../elsewhere", folder.root.raw, "a") == 0)
      try folder.parent.touch("elsewhere/deep/secret")
      try await folder.expectTold()
      #expect(folder.mirror.content.specials == [place("a")])
    }
  }

  @Test func `directories below a path longer than PATH_MAX are watched`() async throws {
    try await withHotFolder { folder in
      try await folder.watch()
      let long = RelativePath(String(repeating: "n", count: 250))!
      var path = long
      var directory = folder.root
      for _ in 0..<20 {
        try directory.makeDirectory(long)
        directory = try directory.openDirectory(long)
        path = path / long
      }
      try directory.touch("early")
      await folder.watcher.barrier()
      try directory.touch("late")
      try await folder.expectTold()
      #expect(folder.mirror.content.files.count == 2)
      // FileManager cannot remove such a path.
      try directory.unlink("early")
      try directory.unlink("late")
      for _ in 0..<20 {
        path = path.parent
        try folder.root.removeDirectory(path)
      }
    }
  }
}
