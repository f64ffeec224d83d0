import CXXHash
import Crypto

/// A checksum that is fed chunk by chunk.
protocol RunningChecksum {
  mutating func update(_ chunk: UnsafeRawBufferPointer)
  func finish() -> [UInt8]
}

extension ChecksumAlgorithm {
  func start() -> any RunningChecksum {
    switch self {
    case .md5: CryptoChecksum<Insecure.MD5>()
    case .sha1: CryptoChecksum<Insecure.SHA1>()
    case .sha256: CryptoChecksum<SHA256>()
    case .xxh32: XXH32Checksum()
    case .xxh64: XXH64Checksum()
    case .xxh3: XXH3Checksum(isWide: false)
    case .xxh128: XXH3Checksum(isWide: true)
    }
  }
}

private struct CryptoChecksum<Function: HashFunction>: RunningChecksum {
  private var function = Function()
  mutating func update(_ chunk: UnsafeRawBufferPointer) { function.update(bufferPointer: chunk) }
  func finish() -> [UInt8] { Array(function.finalize()) }
}

private final class XXH32Checksum: RunningChecksum {
  private let state = XXH32_createState()!
  init() { XXH32_reset(state, 0) }
  deinit { XXH32_freeState(state) }
  func update(_ chunk: UnsafeRawBufferPointer) {
    XXH32_update(state, chunk.baseAddress, chunk.count)
  }
  func finish() -> [UInt8] { bigEndian(XXH32_digest(state)) }
}

private final class XXH64Checksum: RunningChecksum {
  private let state = XXH64_createState()!
  init() { XXH64_reset(state, 0) }
  deinit { XXH64_freeState(state) }
  func update(_ chunk: UnsafeRawBufferPointer) {
    XXH64_update(state, chunk.baseAddress, chunk.count)
  }
  func finish() -> [UInt8] { bigEndian(XXH64_digest(state)) }
}

private final class XXH3Checksum: RunningChecksum {
  private let state = XXH3_createState()!
  private let isWide: Bool

  init(isWide: Bool) {
    self.isWide = isWide
    if isWide { XXH3_128bits_reset(state) } else { XXH3_64bits_reset(state) }
  }

  deinit { XXH3_freeState(state) }

  func update(_ chunk: UnsafeRawBufferPointer) {
    if isWide {
      XXH3_128bits_update(state, chunk.baseAddress, chunk.count)
    } else {
      XXH3_64bits_update(state, chunk.baseAddress, chunk.count)
    }
  }

  func finish() -> [UInt8] {
    if !isWide { return bigEndian(XXH3_64bits_digest(state)) }
    let value = XXH3_128bits_digest(state)
    return bigEndian(value.high64) + bigEndian(value.low64)
  }
}

private func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.bigEndian) { Array($0) }
}
