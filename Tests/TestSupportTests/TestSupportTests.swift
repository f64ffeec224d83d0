import Files
import Foundation
import Paths
import Synchronization
import TestSupport
import Testing

@Suite("what the other tests stand on")
struct TestSupportTests {
  @Test("frames of one seed are equal, of two seeds not, at any size")
  func frames() {
    for size in [0, 1, 15, 16, 17, 4096, 3_000_000] {
      let frame = FrameFactory.content(seed: 1001, bytes: size)
      #expect(frame.count == size)
      let isSame = frame == FrameFactory.content(seed: 1001, bytes: size)
      #expect(isSame, "\(size) bytes")
      let isOther = frame != FrameFactory.content(seed: 1002, bytes: size)
      #expect(isOther || size < 15, "\(size) bytes")
    }
  }

  @Test("a tree's digest tells a changed byte, a new name, a time and a replaced file")
  func digest() async throws {
    try await inTemporaryFolder { folder in
      let tree = try folder.makeDirectory("tree")
      try FrameFactory.sequence(in: "\(tree)/a", frames: 1...3, bytes: 100) { "f.\($0).exr" }
      let before = try TreeDigest(of: tree)
      #expect(before.entries.count == 4)
      #expect(try TreeDigest(of: tree) == before)

      for change in [
        "cp -p a/f.1.exr .. && printf x | dd of=a/f.1.exr conv=notrunc status=none && touch -r ../f.1.exr a/f.1.exr",
        "touch -d 2001-01-01 a/f.2.exr",
        "cp -p a/f.3.exr n && mv n a/f.3.exr", "mkdir b", "rm a/f.1.exr", "ln -s nowhere a/l",
      ] {
        let now = try TreeDigest(of: tree)
        #expect(try Command.run(["sh", "-c", "cd '\(tree)' && \(change)"]).status == 0)
        #expect(try TreeDigest(of: tree).difference(from: now).count == 1, "\(change)")
      }
    }
  }

  @Test(
    "someone who lists a destination sees a sequence that comes frame by frame, and a short frame")
  func lister() async throws {
    try await inTemporaryFolder { folder in
      let root = try folder.makeDirectory("to")
      let expected = [RelativePath("a/1")!: 10, RelativePath("a/2")!: 10]
      let lister = try DestinationLister(root, expected: expected)
      _ = try folder.makeDirectory("to/a")
      try FrameFactory.write(seed: 1, bytes: 10, to: "\(root)/a/1")
      try waitUntil("the half sequence to be seen") { !lister.soFar.partial.isEmpty }
      try FrameFactory.write(seed: 1, bytes: 9, to: "\(folder.path)/2")
      #expect(rename("\(folder.path)/2", "\(root)/a/2") == 0)
      try waitUntil("both frames to be seen") { lister.soFar.whole > 0 }
      let seen = lister.stop()
      #expect(seen.partial.first == "1 of 2 frames were there")
      #expect(seen.partial.last == "a/2 had 9 of 10 bytes")
    }
  }

  @Test("a sequence that is moved in whole is never seen in part")
  func listerOfAMove() async throws {
    try await inTemporaryFolder { folder in
      let root = try folder.makeDirectory("to")
      let lister = try DestinationLister(
        root, expected: [RelativePath("a/1")!: 10, RelativePath("a/2")!: 10])
      try FrameFactory.sequence(in: "\(folder.path)/a", frames: 1...2, bytes: 10) { "\($0)" }
      #expect(rename("\(folder.path)/a", "\(root)/a") == 0)
      try waitUntil("it to be seen") { lister.soFar.whole > 0 }
      #expect(lister.stop().partial == [])
    }
  }

  @Test("what was set up last is taken down first, before the folder goes")
  func cleanUp() async throws {
    let order = Order()
    let path = try await inTemporaryFolder { folder in
      folder.cleanUp { order.add("first, \(access(folder.path, F_OK) == 0)") }
      folder.cleanUp { order.add("second") }
      return folder.path
    }
    #expect(order.words == ["second", "first, true"])
    #expect(access(path, F_OK) != 0)
  }

  @Test("a program's exit code, a signal and both its outputs come through")
  func command() async throws {
    try await onOwnThread {
      let outcome = try Command.run(["sh", "-c", "echo a; echo b >&2; exit 3"])
      #expect((outcome.status, outcome.out, outcome.err) == (3, "a\n", "b\n"))
      #expect(try Command.run(["sh", "-c", "kill -9 $$"]).status == 137)
      _ = #expect(throws: Failure.self) { try Command.run(["no-such-program-anywhere"]) }
    }
  }

  @Test("waiting for what does not come ends at its limit")
  func waiting() async throws {
    try await onOwnThread {
      _ = #expect(throws: Failure.self) {
        try waitUntil("never", within: .milliseconds(20)) { false }
      }
    }
  }
}

private final class Order: Sendable {
  private let list = Mutex<[String]>([])
  func add(_ word: String) { list.withLock { $0.append(word) } }
  var words: [String] { list.withLock { $0 } }
}
