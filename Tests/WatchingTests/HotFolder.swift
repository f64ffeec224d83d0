import Files
import Foundation
import Glibc
import Paths
import Testing

@testable import Watching

/// A temporary tree with a watcher on it and a mirror of what the watcher tells.
final class HotFolder: Sendable {
  /// Holds the root, and room beside it for what is moved out.
  let parent: Descriptor
  let parentPath: String
  let root: Descriptor
  let path: String
  let mirror = Mirror()
  let watcher: Watcher

  init() throws {
    // In memory where there is such a place: 50,000 files are to load the watcher, not a disk.
    let base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NSTemporaryDirectory()
    var template = Array("\(base)/hotplate-watching-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    parentPath = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    path = parentPath + "/root"
    parent = try Descriptor.directory(at: parentPath)
    try parent.makeDirectory("root")
    root = try Descriptor.directory(at: path)
    watcher = try Watcher(deliver: mirror.deliver)
  }

  func watch() async throws {
    try await watcher.watch(root: 1, at: path)
    await watcher.barrier()
  }

  func end() async throws {
    await watcher.stop()
    #expect(watcher.watchCount == 0)
    try FileManager.default.removeItem(atPath: parentPath)
  }

  /// Waits for what happened and compares what was told with what lies there.
  func expectTold(_ location: SourceLocation = #_sourceLocation) async throws {
    await watcher.barrier()
    let there = try Mirror.Content(listing: root, number: 1)
    let told = mirror.content
    let summary = { (name: String, told: Set<Place>, there: Set<Place>) -> String in
      let missed = there.subtracting(told).sorted { $0.path < $1.path }
      let invented = told.subtracting(there).sorted { $0.path < $1.path }
      return "\(name): missed \(missed.count) \(missed.prefix(5)), "
        + "invented \(invented.count) \(invented.prefix(5)) of \(there.count)"
    }
    #expect(
      told.files == there.files, "\(summary("files", told.files, there.files))",
      sourceLocation: location)
    #expect(
      told.directories == there.directories,
      "\(summary("directories", told.directories, there.directories))", sourceLocation: location)
    #expect(
      told.specials == there.specials, "\(summary("specials", told.specials, there.specials))",
      sourceLocation: location)
    // Each directory has its watch and its node, and nothing else has.
    #expect(watcher.watchCount == there.directories.count + 1, sourceLocation: location)
    #expect(await watcher.nodeCount == there.directories.count + 1, sourceLocation: location)
  }

  func expectNoOverflow(_ location: SourceLocation = #_sourceLocation) {
    let overflows = mirror.events.filter { if case .rescanning = $0 { true } else { false } }
    #expect(overflows.isEmpty, sourceLocation: location)
  }
}

func withHotFolder(_ body: (HotFolder) async throws -> Void) async throws {
  let folder = try HotFolder()
  do { try await body(folder) } catch {
    try await folder.end()
    throw error
  }
  try await folder.end()
}

extension RelativePath: ExpressibleByStringLiteral {
  public init(stringLiteral value: String) { self = RelativePath(value)! }
}

extension RelativePath {
  static func / (a: RelativePath, b: RelativePath) -> RelativePath { a.appending(b) }
}

extension Descriptor {
  func touch(_ path: RelativePath) throws {
    _ = try open(path, O_CREAT | O_EXCL | O_WRONLY, mode: 0o644)
  }

  /// Like `mkdir -p`.
  func makeDirectories(_ path: RelativePath) throws {
    var made = RelativePath.root
    for name in path.components {
      made = made.appending(name)
      if try !holds(made) { try makeDirectory(made) }
    }
  }

  func move(_ from: RelativePath, to: RelativePath) throws {
    try rename(from, to: self, to, .plain)
  }
}

func place(_ path: RelativePath) -> Place { Place(root: 1, path: path) }

/// Runs blocking work on threads of its own, all at once.
func onThreads(_ count: Int, _ work: @escaping @Sendable (Int) throws -> Void) async throws {
  try await withThrowingTaskGroup(of: Void.self) { group in
    for i in 0..<count {
      group.addTask {
        try await withCheckedThrowingContinuation { continuation in
          Thread { continuation.resume(with: Result { try work(i) }) }.start()
        }
      }
    }
    try await group.waitForAll()
  }
}
