import Files
import Foundation
import Glibc
import Paths
import Synchronization
import Testing

@testable import Transfer

/// A hot folder and a destination in a directory of their own, gone when the test ends.
final class Arena: Sendable {
  let path: String
  let hot: Descriptor
  let out: Descriptor

  /// - Parameter parent: where to make it; both ends lie in the same file system.
  init(in parent: String = NSTemporaryDirectory()) throws {
    var template = Array("\(parent)/hotplate-transfer-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", parent) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    for name in ["hot", "out"] { mkdir("\(path)/\(name)", 0o755) }
    hot = try Descriptor.directory(at: "\(path)/hot")
    out = try Descriptor.directory(at: "\(path)/out")
  }

  deinit {
    let removed = Process()
    removed.executableURL = URL(fileURLWithPath: "/bin/rm")
    removed.arguments = ["-rf", "--", path]
    try? removed.run()
    removed.waitUntilExit()
  }

  var hotPath: String { "\(path)/hot" }
  var outPath: String { "\(path)/out" }

  /// Writes a file, with the directories above it; an existing one is overwritten in place.
  func write(_ bytes: [UInt8], _ file: RelativePath, in root: Descriptor) throws {
    try makeDirectories(file.parent, in: root)
    let opened = try root.open(file, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
    try bytes.withUnsafeBytes { try opened.write($0, at: 0) }
  }

  func makeDirectories(_ directory: RelativePath, in root: Descriptor) throws {
    if directory.isRoot { return }
    if try root.holds(directory) { return }
    try makeDirectories(directory.parent, in: root)
    try root.makeDirectory(directory)
  }

  func read(_ file: RelativePath, in root: Descriptor) throws -> [UInt8] {
    let opened = try root.open(file, O_RDONLY)
    let size = try opened.status().snapshot.size
    var bytes = [UInt8](repeating: 0, count: size)
    let count = try bytes.withUnsafeMutableBytes { try opened.read(into: $0, at: 0) }
    precondition(count == size)
    return bytes
  }

  /// Writes frames `name.1001.exr …` of `bytes` bytes below the hot folder's `shot/`, and plans them into `directory`.
  func frames(
    _ count: Int, bytes: Int = 3000, into directory: String = "proj/v001/beauty",
    action: TransferPlan.Action = .copy, actions: [TransferPlan.Action]? = nil,
    durability: TransferPlan.Durability = .fast,
    conflict: TransferPlan.ConflictRule = .hold, verify: TransferPlan.Verification = .copy
  ) throws -> TransferPlan {
    let names = try (0..<count).map { number in
      let source = RelativePath("shot/name.\(1001 + number).exr")!
      try write(noise(bytes, seed: UInt64(number + 1)), source, in: hot)
      return (source, RelativePath("\(directory)/beauty.\(1001 + number).exr")!)
    }
    return try plan(
      names, actions: actions ?? [action], durability: durability, conflict: conflict,
      verify: verify)
  }

  func plan(
    _ names: [(RelativePath, RelativePath)], id: String = "0192f0c0-0000-7000-8000-000000000001",
    action: TransferPlan.Action = .copy, actions: [TransferPlan.Action]? = nil,
    durability: TransferPlan.Durability = .fast,
    conflict: TransferPlan.ConflictRule = .hold, verify: TransferPlan.Verification = .copy,
    owner: String = "state-1"
  ) throws -> TransferPlan {
    TransferPlan(
      id: id, actions: actions ?? [action], verify: verify, durability: durability,
      conflict: conflict,
      files: try names.map {
        PlannedFile(source: $0, snapshot: try hot.status($0).snapshot, destination: $1)
      }, sourceRoot: hotPath, destinationRoot: outPath, owner: owner)
  }

  /// Every name below `root` with what matters of it, to compare before and after.
  func tree(_ root: Descriptor) throws -> [RelativePath: String] {
    var result: [RelativePath: String] = [:]
    var pending = [RelativePath.root]
    while let directory = pending.popLast() {
      let opened = directory.isRoot ? root : try root.openDirectory(directory)
      for entry in try opened.entries() {
        let path = directory.appending(entry.name)
        let status = try root.status(path)
        result[path] =
          status.kind == .directory
          ? "directory" : "\(status.kind) \(status.snapshot.inode) \(status.snapshot.size)"
        if status.kind == .directory { pending.append(path) }
      }
    }
    return result
  }

  /// Whether every file of the plan lies at its destination with its source's bytes.
  func isPublished(_ plan: TransferPlan, sources: [[UInt8]]) throws -> Bool {
    for (file, bytes) in zip(plan.files, sources)
    where try read(file.destination, in: out) != bytes { return false }
    return true
  }

  func sources(_ plan: TransferPlan) throws -> [[UInt8]] {
    try plan.files.map { try read($0.source, in: hot) }
  }

  var stagings: [RelativePath] {
    get throws {
      try tree(out).keys.filter { $0.name!.bytes.starts(with: stagingPrefix.utf8) }
    }
  }
}

/// Bytes that look random and are the same each time.
func noise(_ count: Int, seed: UInt64) -> [UInt8] {
  var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
  return (0..<count).map { _ in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return UInt8(truncatingIfNeeded: state >> 32)
  }
}

/// A fault hook that answers, or acts, at the Nth call of a kind.
final class Fault: Sendable {
  private let count = Atomic<Int>(0)
  private let point: FaultPoint
  private let calls: ClosedRange<Int>
  private let answer: @Sendable () -> Errno?

  /// - Parameter calls: counted from 1.
  init(_ point: FaultPoint, calls: ClosedRange<Int>, _ answer: @escaping @Sendable () -> Errno?) {
    self.point = point
    self.calls = calls
    self.answer = answer
  }

  convenience init(_ point: FaultPoint, call: Int, _ answer: @escaping @Sendable () -> Errno?) {
    self.init(point, calls: call...call, answer)
  }

  var hook: FaultHook {
    { [self] point, _ in
      guard point == self.point else { return nil }
      let number = count.add(1, ordering: .relaxed).newValue
      return calls.contains(number) ? answer() : nil
    }
  }
}

func transfer(_ faults: Fault? = nil, threads: Int = 2) -> Transfer {
  Transfer(workers: CopyWorkers(count: threads), faults: faults?.hook)
}

/// The error a call ended with, or nil.
func failure<Value>(_ body: () async throws(TransferError) -> Value) async -> TransferError? {
  do throws(TransferError) {
    _ = try await body()
    return nil
  } catch { return error }
}

/// Runs a program, as for mounting; its exit status.
@discardableResult
func run(_ program: String, _ arguments: String...) -> Int32 {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program] + arguments
  process.standardOutput = FileHandle.nullDevice
  process.standardError = FileHandle.nullDevice
  guard (try? process.run()) != nil else { return 127 }
  process.waitUntilExit()
  return process.terminationStatus
}
