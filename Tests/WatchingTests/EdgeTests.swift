import Files
import Foundation
import Glibc
import Paths
import Testing

@testable import Watching

extension WatcherTests {
  @Test
  func `at the limit of watches the root is named with the limit, and everything is told once`()
    async throws
  {
    try await withHotFolder { folder in
      for i in 0..<10 {
        try folder.root.makeDirectories(RelativePath("d\(i)/sub")!)
        try folder.root.touch(RelativePath("d\(i)/sub/file")!)
      }
      await folder.watcher.limitWatches(5)
      try await folder.watch()
      let limits = folder.mirror.events.compactMap { event -> KernelLimit? in
        guard case .rescanning(place(.root), because: .watchLimit(let limit)) = event else {
          return nil
        }
        return limit
      }
      #expect(limits.count == 1)
      #expect(
        limits.first?.description.contains("sudo sysctl fs.inotify.max_user_watches=") == true)
      #expect(folder.mirror.events.last == .walked(place(.root)))
      #expect(folder.watcher.watchCount == 5)
      #expect(folder.mirror.content == (try Mirror.Content(listing: folder.root, number: 1)))

      // What is not watched is told by rescans, and by nothing else.
      for i in 0..<10 { try folder.root.touch(RelativePath("d\(i)/sub/late")!) }
      folder.watcher.rescan(place(.root))
      await folder.watcher.barrier()
      #expect(folder.mirror.content == (try Mirror.Content(listing: folder.root, number: 1)))
      await folder.watcher.limitWatches(nil)
      folder.watcher.rescan(place(.root))
      try await folder.expectTold()
    }
  }

  @Test func `a directory that is a root of its own is named where another root meets it`()
    async throws
  {
    try await withHotFolder { folder in
      try folder.root.makeDirectory("own")
      try await folder.watcher.watch(root: 2, at: folder.path + "/own")
      try await folder.watch()
      let own = Place(root: 2, path: .root)
      #expect(folder.mirror.events.contains(.duplicate(place("own"), of: own)))
      try folder.root.touch("own/file")
      await folder.watcher.barrier()
      #expect(folder.mirror.content.files == [Place(root: 2, path: "file")])
    }
  }

  @Test(.enabled(if: geteuid() == 0, "mounting is for root"))
  func `an unmounted file system is not told as removed`() async throws {
    try await withHotFolder { folder in
      try folder.root.makeDirectories("mount/below")
      let mount = { (arguments: [String]) throws -> Bool in
        let process = try Process.run(
          URL(filePath: "/usr/bin/env"), arguments: arguments, terminationHandler: nil)
        process.waitUntilExit()
        return process.terminationStatus == 0
      }
      let path = folder.path + "/mount"
      guard try mount(["mount", "-t", "tmpfs", "tmpfs", path]) else { return }
      try folder.root.makeDirectories("mount/a/b")
      try folder.root.touch("mount/a/b/file")
      try await folder.watch()
      #expect(folder.watcher.watchCount == 4)
      while !folder.watcher.isIdle { await Task.yield() }
      folder.mirror.forgetEvents()
      // Idle, the watcher holds nothing that would make this fail.
      #expect(try mount(["umount", path]))
      await folder.watcher.barrier()
      let places = ["mount", "mount/a", "mount/a/b"].map { place(RelativePath($0)!) }
      #expect(folder.mirror.events.last == .unmounted(places[0]))
      #expect(Set(folder.mirror.events).isSubset(of: places.map(WatchEvent.unmounted)))
      #expect(folder.watcher.watchCount == 1)
      folder.watcher.rescan(place("mount"))
      try await folder.expectTold()
    }
  }
}
