import Files
import Glibc
import Paths
import Testing

@testable import Watching

/// Serialized: all watchers share the one inotify queue of the process.
@Suite(.serialized, .timeLimit(.minutes(2))) struct WatcherTests {
  @Test func `what lay there is found, and then the root is walked`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("shot/beauty")
      try folder.root.touch("shot/beauty/a.1001.exr")
      try folder.root.touch("b.exr")
      try await folder.watch()
      try await folder.expectTold()
      let events = folder.mirror.events
      #expect(events.last == .walked(place(.root)))
      #expect(events.contains(.directoryAppeared(place("shot/beauty"))))
      #expect(events.contains(.file(place("shot/beauty/a.1001.exr"), .found)))
    }
  }

  @Test func `a file is told as created, closed, renamed and removed`() async throws {
    try await withHotFolder { folder in
      try await folder.watch()
      folder.mirror.forgetEvents()
      try folder.root.touch("a")
      try folder.root.move("a", to: "b")
      try folder.root.unlink("b")
      await folder.watcher.barrier()
      #expect(
        folder.mirror.events == [
          .file(place("a"), .created), .file(place("a"), .closed),
          .fileMoved(from: place("a"), to: place("b")), .file(place("b"), .arrived),
          .fileRemoved(place("b")),
        ])
    }
  }

  @Test
  func `a file renamed into the tree arrives, one renamed out of it leaves at once and is gone`()
    async throws
  {
    try await withHotFolder { folder in
      try await folder.watch()
      folder.mirror.forgetEvents()
      try folder.parent.touch("outside")
      try folder.parent.move("outside", to: "root/in")
      try folder.parent.move("root/in", to: "outside")
      await folder.watcher.barrier()
      #expect(
        folder.mirror.events == [
          .file(place("in"), .arrived), .leaving(place("in")),
          .fileMoved(from: place("in"), to: nil),
        ])
    }
  }

  @Test func `a removed tree is told from the files up to the directory`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("a/b")
      try folder.root.touch("a/b/1")
      try folder.root.touch("a/2")
      try await folder.watch()
      folder.mirror.forgetEvents()
      try folder.root.unlink("a/b/1")
      try folder.root.removeDirectory("a/b")
      try folder.root.unlink("a/2")
      try folder.root.removeDirectory("a")
      try await folder.expectTold()
      #expect(
        folder.mirror.events == [
          .fileRemoved(place("a/b/1")), .directoryRemoved(place("a/b")), .fileRemoved(place("a/2")),
          .directoryRemoved(place("a")),
        ])
    }
  }

  @Test func `names that are no text and names with a newline come as the bytes they are`()
    async throws
  {
    try await withHotFolder { folder in
      let names = [
        [0xff, 0xfe, 0x2e], [0x61, 0x0a, 0x62], [0x65, 0xcc, 0x81], [0xc3, 0xa9], [0x20],
      ]
      .map { RelativePath($0 as [UInt8])! }
      try folder.root.makeDirectory(names[0])
      for name in names { try folder.root.touch(names[0] / name) }
      try await folder.watch()
      for name in names.dropFirst() { try folder.root.makeDirectory(name) }
      for name in names { try folder.root.touch(names[1] / name) }
      try await folder.expectTold()
      #expect(folder.mirror.content.files.count == 10)
    }
  }

  @Test func `symlinks, FIFOs and sockets are named, listed or new, and never followed`()
    async throws
  {
    try await withHotFolder { folder in
      try folder.parent.makeDirectory("elsewhere")
      try folder.parent.touch("elsewhere/secret")
      let make = { (directory: RelativePath) throws in
        let opened = try folder.root.openDirectory(directory)
        #expect(symlinkat("../../elsewhere", opened.raw, "link") == 0)
        #expect(symlinkat("nowhere", opened.raw, ".cancel") == 0)
        #expect(mkfifoat(opened.raw, "fifo", 0o644) == 0)
        #expect(mknodat(opened.raw, "socket", S_IFSOCK | 0o644, 0) == 0)
      }
      try folder.root.makeDirectory("old")
      try folder.root.makeDirectory("new")
      try make("old")
      try await folder.watch()
      try make("new")
      try await folder.expectTold()
      for directory in ["old", "new"] as [RelativePath] {
        #expect(folder.mirror.events.contains(.special(place(directory / "link"), .symlink)))
        #expect(folder.mirror.events.contains(.special(place(directory / ".cancel"), .symlink)))
        #expect(folder.mirror.events.contains(.special(place(directory / "fifo"), .fifo)))
        #expect(folder.mirror.events.contains(.special(place(directory / "socket"), .socket)))
      }
      #expect(folder.watcher.watchCount == 3)
    }
  }

  @Test(arguments: [".cancel", ".CANCEL", ".Cancel"] as [RelativePath])
  func `a sentinel in a new directory is told before all else that lies there`(name: RelativePath)
    async throws
  {
    try await withHotFolder { folder in
      try await folder.watch()
      // Short, and enough for a listing in several pieces; made first and last, as file systems list in either order.
      for count in [10, 1000] {
        for isFirst in [true, false] {
          folder.mirror.forgetEvents()
          try folder.parent.makeDirectory("full")
          if isFirst { try folder.parent.touch("full" / name) }
          for i in 0..<count { try folder.parent.touch(RelativePath("full/f\(i)")!) }
          if !isFirst { try folder.parent.touch("full" / name) }
          let new = RelativePath("\(isFirst)\(count)")!
          try folder.parent.move("full", to: "root" / new)
          try await folder.expectTold()
          let inside = folder.mirror.events.compactMap { event -> Place? in
            guard case .file(let place, .found) = event else { return nil }
            return place
          }
          #expect(inside.first == place(new / name))
        }
      }
    }
  }

  @Test func `a root that is not there is an error, and so is a directory watched already`()
    async throws
  {
    try await withHotFolder { folder in
      try await folder.watch()
      try folder.root.makeDirectory("below")
      await folder.watcher.barrier()
      await #expect {
        try await folder.watcher.watch(root: 2, at: folder.path + "/none")
      } throws: { error in
        guard case .system(let error) = error as? WatchError else { return false }
        return error.errno == .notFound
      }
      await #expect(throws: WatchError.watchedAlready(folder.path + "/below", place("below"))) {
        try await folder.watcher.watch(root: 2, at: folder.path + "/below")
      }
      try await folder.expectTold()
    }
  }

  @Test func `the root itself renamed or removed is told and ends its watches`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectory("below")
      try await folder.watch()
      try folder.parent.move("root", to: "moved")
      await folder.watcher.barrier()
      #expect(folder.mirror.events.last == .directoryMoved(from: place(.root), to: nil))
      #expect(folder.watcher.watchCount == 0)

      try folder.parent.makeDirectory("second")
      try await folder.watcher.watch(root: 1, at: folder.parentPath + "/second")
      await folder.watcher.barrier()
      // The kernel tells when the last descriptor is closed.
      while !folder.watcher.isIdle { await Task.yield() }
      try folder.parent.removeDirectory("second")
      await folder.watcher.barrier()
      #expect(folder.mirror.events.last == .directoryRemoved(place(.root)))
      #expect(folder.watcher.watchCount == 0)
    }
  }

  @Test func `a stopped watcher tells nothing more, and another one can watch the same tree`()
    async throws
  {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("a/b")
      try await folder.watch()
      await folder.watcher.stop()
      #expect(folder.watcher.watchCount == 0)
      folder.mirror.forgetEvents()
      let mirror = Mirror()
      let second = try Watcher(deliver: mirror.deliver)
      try await second.watch(root: 7, at: folder.path)
      try folder.root.touch("a/b/file")
      await second.barrier()
      #expect(mirror.content.files == [Place(root: 7, path: "a/b/file")])
      #expect(second.watchCount == 3)
      #expect(folder.mirror.events.isEmpty)
      await second.stop()
    }
  }

  @Test func `with nothing to do the thread sleeps until something happens`() async throws {
    try await withHotFolder { folder in
      for i in 0..<100 { try folder.root.makeDirectory(RelativePath("d\(i)")!) }
      try await folder.watch()
      try folder.parent.makeDirectory("d")
      try folder.parent.move("root/d1", to: "d/out")
      await folder.watcher.barrier()
      while !folder.watcher.isIdle { await Task.yield() }
      // Its sleep has no end of its own, so a wake-up has a cause.
      let wakeUps = folder.watcher.wakeUps
      try folder.root.touch("d2/a")
      await folder.watcher.drain()
      while !folder.watcher.isIdle { await Task.yield() }
      #expect(folder.watcher.wakeUps > wakeUps)
    }
  }
}
