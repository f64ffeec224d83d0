import CInotifyTools
import Files
import Foundation
import Synchronization
import Testing

@testable import Watching

/// Counts what it was told and lets a test wait for the next time.
private final class Told: Sendable {
  private let stream: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation
  init() { (stream, continuation) = AsyncStream.makeStream() }
  func tell() { continuation.yield() }
  func next() async { for await _ in stream { return } }
}

@Suite(.timeLimit(.minutes(1))) struct PathWatchTests {
  private func inFolder(_ body: (URL) async throws -> Void) async throws {
    let folder = URL(filePath: NSTemporaryDirectory()).appending(path: UUID().uuidString)
      .resolvingSymlinksInPath()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder)
  }

  private func write(_ text: String, _ url: URL) throws { try Data(text.utf8).write(to: url) }

  enum Edit: CaseIterable {
    case save, renameOver, delete, create, swapDirectory, swapFile, directoryComes
  }

  @Test(
    "a save, a rename-over, a removal, a new file and a swapped symlink are each told",
    arguments: Edit.allCases)
  func told(of edit: Edit) async throws {
    try await inFolder { folder in
      let files = FileManager.default
      for name in ["a", "b"] {
        try files.createDirectory(
          at: folder.appending(path: name), withIntermediateDirectories: true)
        try write(name, folder.appending(path: "\(name)/10.yaml"))
      }
      let current = folder.appending(path: "current").path
      try files.createSymbolicLink(atPath: current, withDestinationPath: "a")
      try write("shared", folder.appending(path: "b/shared.yaml"))
      try files.createSymbolicLink(
        atPath: folder.appending(path: "a/shared.yaml").path,
        withDestinationPath: "../b/shared.yaml")
      let told = Told()
      let watch = try PathWatch { told.tell() }
      defer { watch.stop() }
      await watch.watch([
        current, current + "/shared.yaml", folder.appending(path: "later/rules").path,
      ])

      switch edit {
      case .save: try write("new", folder.appending(path: "a/10.yaml"))
      case .renameOver:
        try write("new", folder.appending(path: "new"))
        rename(folder.appending(path: "new").path, folder.appending(path: "a/10.yaml").path)
      case .delete: unlink(folder.appending(path: "a/10.yaml").path)
      case .create: try write("new", folder.appending(path: "a/20.yaml"))
      case .swapDirectory:
        symlink("b", folder.appending(path: "next").path)
        rename(folder.appending(path: "next").path, current)
      case .swapFile:
        // Behind a symlink in the watched directory: what it means changes, its own entry does not.
        try write("new", folder.appending(path: "b/new"))
        rename(folder.appending(path: "b/new").path, folder.appending(path: "b/shared.yaml").path)
      case .directoryComes:
        try files.createDirectory(
          at: folder.appending(path: "later/rules"), withIntermediateDirectories: true)
      }
      await told.next()

      // What it means now is watched, too.
      if edit == .swapDirectory {
        try write("newer", folder.appending(path: "b/10.yaml"))
        await told.next()
      }
      if edit == .directoryComes {
        try write("newer", folder.appending(path: "later/rules/10.yaml"))
        await told.next()
      }
    }
  }

  @Test("what happens beside the paths is not told")
  func beside() async throws {
    try await inFolder { folder in
      let rules = folder.appending(path: "rules")
      try FileManager.default.createDirectory(at: rules, withIntermediateDirectories: true)
      let notifier = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
      defer { close(notifier) }
      var watches = PathWatches(notifier: notifier)
      watches.watch([rules.path])
      try write("x", folder.appending(path: "other"))
      unlink(folder.appending(path: "other").path)
      #expect(!watches.readEvents())
      try write("x", rules.appending(path: "10.yaml"))
      #expect(watches.readEvents())
    }
  }

  @Test("changes that come close together are told once, the next ones again")
  func once() async throws {
    try await inFolder { folder in
      let count = Mutex(0)
      let told = Told()
      let watch = try PathWatch {
        count.withLock { $0 += 1 }
        told.tell()
      }
      defer { watch.stop() }
      await watch.watch([folder.path])
      let clock = ContinuousClock()
      let start = clock.now
      for number in 0..<5 { try write("x", folder.appending(path: "\(number).yaml")) }
      let took = clock.now - start
      await told.next()
      // A machine that takes longer over five files than an editor over one has no say here.
      if took < PathWatch.settle { #expect(count.withLock { $0 } == 1) }
      try write("y", folder.appending(path: "1.yaml"))
      await told.next()
    }
  }
}
