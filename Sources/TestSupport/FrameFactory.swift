import Files
import Foundation
import Paths

/// Frames whose bytes follow from a seed: no two alike, none sparse, each cheap to make and to check.
public enum FrameFactory {
  private static let blockSize = 1 << 20

  /// Noise of a fixed seed; frames are cut out of it at places that their own seed picks.
  private static let noise: [UInt8] = {
    var state: UInt64 = 0x9e37_79b9_7f4a_7c15
    var words = [UInt64](repeating: 0, count: 2 * blockSize / 8)
    for i in words.indices { words[i] = next(&state) }
    return words.withUnsafeBytes { Array($0) }
  }()

  /// The content that ``write(seed:bytes:to:)`` writes.
  public static func content(seed: UInt64, bytes count: Int) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(count)
    var state = seed
    while result.count < count {
      // Every block starts with words of its own, so that blocks that went to the wrong place show.
      let words = [next(&state), next(&state)]
      let start = Int(words[0] % UInt64(blockSize))
      let left = count - result.count
      words.withUnsafeBytes { result.append(contentsOf: $0.prefix(left)) }
      result.append(contentsOf: noise[start..<start + max(0, min(blockSize - 16, left - 16))])
    }
    return result
  }

  /// Writes one frame as a new file.
  public static func write(seed: UInt64, bytes count: Int, to path: String) throws {
    try write(content(seed: seed, bytes: count), to: Array(path.utf8))
  }

  /// Writes a new file under a name of any bytes.
  public static func write(_ content: [UInt8], to path: [UInt8]) throws {
    try write(content, to: path, O_CREAT | O_EXCL)
  }

  /// Writes over the beginning of a file that exists, and leaves the rest.
  public static func overwrite(_ content: [UInt8], in path: String) throws {
    try write(content, to: Array(path.utf8), 0)
  }

  private static func write(_ content: [UInt8], to path: [UInt8], _ flags: Int32) throws {
    let file = (path.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer {
      open($0.baseAddress!, O_WRONLY | O_CLOEXEC | flags, 0o644)
    }
    guard file >= 0 else { throw SystemError("open", shown(path)) }
    defer { close(file) }
    var done = 0
    while done < content.count {
      let written = content.withUnsafeBytes {
        Foundation.write(file, $0.baseAddress! + done, content.count - done)
      }
      guard written > 0 else { throw SystemError("write", shown(path)) }
      done += written
    }
  }

  /// Makes `directory` and in it one frame a number, named by `name`; the frame's number is its seed.
  public static func sequence(
    in directory: String, frames: ClosedRange<Int>, bytes: Int, name: (Int) -> String
  ) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for frame in frames {
      try write(seed: UInt64(frame), bytes: bytes, to: "\(directory)/\(name(frame))")
    }
  }
}

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
private func next(_ state: inout UInt64) -> UInt64 {
  state &+= 0x9e37_79b9_7f4a_7c15
  var z = state
  z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
  z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
  return z ^ (z >> 31)
}

/// Numbers for tests that choose at random; a failure prints the seed, and the seed gives the same numbers again.
public struct SeededNumbers: RandomNumberGenerator, Sendable {
  public let seed: UInt64
  private var state: UInt64

  /// Takes `HOTPLATE_TEST_SEED` where it is set.
  public init() {
    let chosen = ProcessInfo.processInfo.environment["HOTPLATE_TEST_SEED"].flatMap { UInt64($0) }
    self.init(seed: chosen ?? UInt64.random(in: 0...UInt64.max))
  }

  public init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  public mutating func next() -> UInt64 { TestSupport.next(&state) }
}
