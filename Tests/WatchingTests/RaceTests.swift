import Files
import Glibc
import Paths
import TestSupport
import Testing

@testable import Watching

extension WatcherTests {
  @Test func `a burst of 50,000 files in 50 directories loses none`() async throws {
    try await withHotFolder { folder in
      try await folder.watch()
      try await onThreads(5) { thread in
        for d in 0..<10 {
          let directory = RelativePath("d\(thread)_\(d)")!
          try folder.root.makeDirectory(directory)
          let opened = try folder.root.openDirectory(directory)
          for i in 0..<1000 { try opened.touch(RelativePath("plate.\(1001 + i).exr")!) }
        }
      }
      try await folder.expectTold()
      #expect(folder.mirror.content.files.count == 50_000)
      #expect(folder.mirror.largestBatch <= Owner.batchLimit)
    }
  }

  @Test func `directories made deep and filled at once lose no file`() async throws {
    try await withHotFolder { folder in
      try await folder.watch()
      try await onThreads(4) { thread in
        for tree in 0..<50 {
          var path = RelativePath("t\(thread)_\(tree)")!
          for level in 0..<8 {
            try folder.root.makeDirectory(path)
            try folder.root.touch(path / "first")
            path = path / RelativePath("level\(level)")!
          }
        }
      }
      try await folder.expectTold()
      #expect(folder.mirror.content.files.count == 1600)
    }
  }

  @Test func `a directory made and removed a thousand times loses no file and leaks nothing`()
    async throws
  {
    try await withHotFolder { folder in
      try await folder.watch()
      try await onThreads(1) { _ in
        for _ in 0..<1000 {
          try folder.root.makeDirectory("again")
          try folder.root.touch("again/frame")
          try folder.root.unlink("again/frame")
          try folder.root.removeDirectory("again")
        }
        try folder.root.makeDirectory("again")
        for i in 0..<10 { try folder.root.touch(RelativePath("again/last\(i)")!) }
      }
      try await folder.expectTold()
      #expect(folder.mirror.content.files.count == 10)
    }
  }

  @Test func `directories renamed while their trees are looked at lose no file`() async throws {
    try await withHotFolder { folder in
      for d in 0..<20 {
        for i in 0..<10 {
          try folder.root.makeDirectories(RelativePath("d\(d)/x/s\(i)")!)
          try folder.root.touch(RelativePath("d\(d)/x/s\(i)/frame")!)
        }
      }
      try await folder.watcher.watch(root: 1, at: folder.path)
      try await onThreads(2) { thread in
        for round in 0..<50 {
          for d in 0..<10 {
            let (a, b) = ("d\(thread * 10 + d)", "e\(thread * 10 + d)")
            let (from, to) = round.isMultiple(of: 2) ? (a, b) : (b, a)
            try folder.root.move(RelativePath(from)!, to: RelativePath(to)!)
          }
        }
      }
      try folder.root.touch("d3/x/s3/late")
      try await folder.expectTold()
      #expect(folder.mirror.content.files.count == 201)
    }
  }

  @Test func `at random, whatever is done ends in what lies there`() async throws {
    let seed = SeededNumbers().seed
    print("seed of the random changes: \(seed)")
    try await withHotFolder { folder in
      try folder.parent.makeDirectory("outside")
      try await folder.watch()
      for round in 0..<20 {
        // With the watcher as quick as it is, or behind by half of the changes.
        if round.isMultiple(of: 2) { folder.mirror.gate.close() }
        try await onThreads(3) { thread in
          var random = SeededNumbers(seed: seed &+ UInt64(round * 3 + thread))
          for _ in 0..<75 { change(folder, &random) }
          if thread == 0 { folder.mirror.gate.open() }
          for _ in 0..<75 { change(folder, &random) }
        }
        try await folder.expectTold()
      }
    }
  }
}

/// One change somewhere; those that do not apply (no such name, not empty) are left undone.
private func change(_ folder: HotFolder, _ random: inout SeededNumbers) {
  let names: [FileName] = ["a", "b", "c", "d"]
  let path = { (random: inout SeededNumbers) in
    (0...Int.random(in: 0...2, using: &random)).reduce(RelativePath("root")) { path, _ in
      path.appending(names.randomElement(using: &random)!)
    }
  }
  let (from, to) = (path(&random), path(&random))
  let outside = RelativePath("outside").appending(names.randomElement(using: &random)!)
  let step = Int.random(in: 0..<10, using: &random)
  do throws(SystemError) {
    switch step {
    case 0, 1, 2: try folder.parent.makeDirectory(from)
    case 3, 4: _ = try folder.parent.open(from, O_CREAT | O_WRONLY, mode: 0o644)
    case 5: try folder.parent.rename(from, to: folder.parent, to, .plain)
    case 6: try folder.parent.rename(from, to: folder.parent, to, .exchange)
    case 7: try folder.parent.rename(from, to: folder.parent, outside, .plain)
    case 8: try folder.parent.rename(outside, to: folder.parent, to, .plain)
    default:
      if try folder.parent.status(from).kind == .directory {
        try folder.parent.removeDirectory(from)
      } else {
        try folder.parent.unlink(from)
      }
    }
  } catch {}
}
