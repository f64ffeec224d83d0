import ArgumentParser
import Files
import Foundation
import Glibc
import Paths
import Transfer

/// Where a benchmark copies, and with how many threads.
struct Place: ParsableArguments {
  @Option(help: "A directory on the file system to measure.")
  var dir = NSTemporaryDirectory()
  @Option(help: "Threads that copy.")
  var workers = min(4, ProcessInfo.processInfo.activeProcessorCount)

  func withScratch<Value>(_ body: (Scratch) async throws -> Value) async throws -> Value {
    let scratch = try Scratch(in: dir)
    let result: Result<Value, any Error>
    do { result = .success(try await body(scratch)) } catch { result = .failure(error) }
    try scratch.remove()
    return try result.get()
  }
}

/// A directory for one run, removed at its end.
final class Scratch: Sendable {
  let path: String

  init(in directory: String) throws {
    path = "\(directory)/hotplate-bench-\(getpid())"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  /// A new directory in it; never one that was there before, since removing and making again slows ext4 down.
  func directory(_ name: String) throws -> String {
    let made = "\(path)/\(name)"
    try FileManager.default.createDirectory(atPath: made, withIntermediateDirectories: true)
    return made
  }

  func remove() throws { try execute("rm", "-rf", "--", path) }
}

/// Frames of random bytes, and the plan that delivers them.
struct Frames {
  let directory: String
  let count: Int

  /// Writes `frame.1001.exr …` into `directory`.
  init(_ count: Int, bytes: Int, in directory: String) throws {
    self.directory = directory
    self.count = count
    var state = UInt64.random(in: 1 ... .max)
    var words = [UInt64](repeating: 0, count: min(1 << 17, max(1, bytes / 8)))
    for number in 1001..<1001 + count {
      let file = try Descriptor.directory(at: directory).open(
        RelativePath("frame.\(number).exr")!, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
      var offset = 0
      while offset < bytes {
        for index in words.indices {
          state ^= state << 13
          state ^= state >> 7
          state ^= state << 17
          words[index] = state
        }
        let length = min(words.count * 8, bytes - offset)
        try words.withUnsafeBytes { try file.write(.init(rebasing: $0[..<length]), at: offset) }
        offset += length
      }
    }
  }

  func plan(_ id: String, to destination: String) throws -> TransferPlan {
    let root = try Descriptor.directory(at: directory)
    let files = try (1001..<1001 + count).map { number in
      let path = RelativePath("frame.\(number).exr")!
      return PlannedFile(
        source: path, snapshot: try root.status(path).snapshot,
        destination: RelativePath("shot/v001/frame.\(number).exr")!)
    }
    return TransferPlan(
      id: id, action: .copy, verify: .copy, durability: .fast, conflict: .hold, files: files,
      sourceRoot: directory, destinationRoot: destination, owner: "hotplate-bench")
  }

  /// Reads them all, so that each contender finds them in memory.
  ///
  /// - Parameter place: where they lie by now, if they were moved.
  func warm(_ place: String? = nil) throws {
    try execute("find", place ?? directory, "-type", "f", "-exec", "cat", "{}", "+")
  }
}

/// Runs a program to its end, without its output.
func execute(_ program: String, _ arguments: String...) throws {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program] + arguments
  process.standardOutput = FileHandle.nullDevice
  try process.run()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else {
    throw BenchmarkError("\(program) ended with status \(process.terminationStatus)")
  }
}

struct BenchmarkError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
