/// A kind of checksum that a manifest may hold and that Hotplate can compute.
public enum ChecksumAlgorithm: Sendable, Hashable, CaseIterable {
  case md5
  case sha1
  case sha256
  case xxh32
  case xxh64
  /// XXH3 with 64 bits.
  case xxh3
  /// XXH3 with 128 bits.
  case xxh128

  /// Bytes of a checksum; it is written with twice as many hexadecimal digits.
  public var length: Int {
    switch self {
    case .xxh32: 4
    case .xxh64, .xxh3: 8
    case .md5, .xxh128: 16
    case .sha1: 20
    case .sha256: 32
    }
  }
}

extension ChecksumAlgorithm: CustomStringConvertible {
  public var description: String {
    switch self {
    case .md5: "MD5"
    case .sha1: "SHA-1"
    case .sha256: "SHA-256"
    case .xxh32: "XXH32"
    case .xxh64: "XXH64"
    case .xxh3: "XXH3"
    case .xxh128: "XXH128"
    }
  }
}

/// What a manifest says of a file's bytes.
public struct Checksum: Sendable, Hashable {
  public let algorithm: ChecksumAlgorithm
  /// Most significant byte first, as the tools print them.
  public let bytes: [UInt8]

  /// - Precondition: `bytes` has the algorithm's length.
  init(_ algorithm: ChecksumAlgorithm, _ bytes: [UInt8]) {
    precondition(bytes.count == algorithm.length)
    self.algorithm = algorithm
    self.bytes = bytes
  }

  /// - Returns: nil unless `hexadecimal` is as many hexadecimal digits, large or small, as the algorithm has.
  public init?(_ algorithm: ChecksumAlgorithm, hexadecimal: some Collection<UInt8>) {
    guard hexadecimal.count == 2 * algorithm.length else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(algorithm.length)
    var high: UInt8?
    for digit in hexadecimal {
      guard let value = hexadecimalValue(digit) else { return nil }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    self.algorithm = algorithm
    self.bytes = bytes
  }
}

extension Checksum: CustomStringConvertible {
  /// As the tools print it, without the algorithm.
  public var description: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}

func hexadecimalValue(_ digit: UInt8) -> UInt8? {
  switch digit {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
  default: nil
  }
}
