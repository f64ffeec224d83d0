import CXXHash

/// What one worker thread owns: a chunk's memory and the state of a hash.
final class Workspace {
  /// Bytes read, hashed and written at once; also the most that is written after a stop.
  static let chunk = 1 << 20

  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 4096)
  private let state = XXH3_createState()!

  deinit {
    buffer.deallocate()
    XXH3_freeState(state)
  }

  func startHash() { XXH3_128bits_reset(state) }

  func hash(_ bytes: UnsafeRawBufferPointer) {
    XXH3_128bits_update(state, bytes.baseAddress, bytes.count)
  }

  func hashZeros(_ count: Int) {
    var left = count
    while left > 0 {
      let piece = min(left, zeros.count)
      zeros.withUnsafeBytes { hash(UnsafeRawBufferPointer(rebasing: $0[..<piece])) }
      left -= piece
    }
  }

  func digest() -> Digest {
    let value = XXH3_128bits_digest(state)
    return Digest(high: value.high64, low: value.low64)
  }
}

private let zeros = [UInt8](repeating: 0, count: 1 << 16)
