import Files
import Paths

/// Where a delivery is not what its manifest says.
public enum Finding: Hashable, Sendable {
  case missing(RelativePath)
  /// Bytes.
  case size(RelativePath, is: Int, should: Int)
  case checksum(RelativePath, ChecksumAlgorithm)
  /// A directory, symlink, FIFO, socket or device stands there, or a symlink on the way.
  case notAFile(RelativePath)
}

extension Finding: CustomStringConvertible {
  public var description: String {
    switch self {
    case .missing(let path): "\(path) is missing"
    case .size(let path, let size, let listed): "\(path) has \(size) bytes, listed with \(listed)"
    case .checksum(let path, let algorithm): "\(path) has another \(algorithm) than listed"
    case .notAFile(let path): "\(path) is not a regular file"
    }
  }
}

/// What a whole manifest's check found.
public struct Findings: Hashable, Sendable {
  /// At most ``maximum``, those of presence and size before those of checksums, each in the manifest's order.
  public private(set) var first: [Finding] = []
  /// All of them.
  public private(set) var count = 0

  public static let maximum = 100

  public init() {}

  public var isEmpty: Bool { count == 0 }

  public mutating func add(_ finding: Finding) {
    count += 1
    if first.count < Findings.maximum { first.append(finding) }
  }
}

/// Why a check gave no answer.
public enum CheckError: Error, Hashable, Sendable {
  /// `isStopped` said so.
  case stopped
  /// The file is there and could not be read: this says nothing of the delivery.
  case system(SystemError)
}

extension CheckError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .stopped: "the check was stopped"
    case .system(let error): "\(error)"
    }
  }
}
