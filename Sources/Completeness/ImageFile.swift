import Files

/// Why a look ends before its last step.
enum Stop: Error {
  case verdict(Completeness)
  case failed(SystemError)

  static func missing(_ sentence: String) -> Stop { .verdict(.incomplete(sentence)) }
}

/// A file under look. Its reads are bounded in size and number, so that no content can make a look long.
final class ImageFile {
  let size: Int
  private(set) var bytesRead = 0
  private(set) var reads = 0
  private let file: Descriptor

  static let mostBytes = 64 << 20
  static let mostReads = 500_000
  static let mostAtOnce = 4 << 20

  init(_ file: Descriptor, size: Int) {
    self.file = file
    self.size = max(0, size)
  }

  /// Whether these bytes lie in the file; for numbers of any size, as files claim them.
  func holds(_ offset: UInt64, _ count: UInt64) -> Bool {
    let size = UInt64(self.size)
    return offset <= size && count <= size - offset
  }

  /// Reads what must be there.
  ///
  /// - Parameter part: what stops where the file ends, for the sentence: "PART lies beyond the end of the file".
  func bytes(at offset: Int, count: Int, _ part: @autoclosure () -> String) throws(Stop) -> [UInt8]
  {
    let bytes = try available(at: offset, count: count)
    guard bytes.count == count else { throw .missing("\(part()) lies beyond the end of the file") }
    return bytes
  }

  /// Reads what is there of a range: less than `count` only at the end of the file.
  func available(at offset: Int, count: Int) throws(Stop) -> [UInt8] {
    guard offset >= 0, offset < size, count > 0 else { return [] }
    guard count <= Self.mostAtOnce else { throw .verdict(.unjudged) }
    let wanted = min(count, size - offset)
    var bytes = [UInt8](repeating: 0, count: wanted)
    // Typed throws do not pass through the buffer's closure.
    let result: Result<Int, Stop> = bytes.withUnsafeMutableBytes { buffer in
      do throws(Stop) { return .success(try read(into: buffer, at: offset)) } catch {
        return .failure(error)
      }
    }
    let got = try result.get()
    if got < wanted { bytes.removeLast(wanted - got) }
    return bytes
  }

  /// Fills `buffer` from `offset`; less only at the end of the file, which may have come closer since its status.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(Stop) -> Int {
    guard bytesRead + buffer.count <= Self.mostBytes else { throw .verdict(.unjudged) }
    var done = 0
    while done < buffer.count {
      guard reads < Self.mostReads else { throw .verdict(.unjudged) }
      reads += 1
      do throws(SystemError) {
        let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
        let count = try file.read(into: rest, at: offset + done)
        if count == 0 { break }
        done += count
      } catch { throw .failed(error) }
    }
    bytesRead += done
    return done
  }

  /// Whether the `count` bytes that end at `end` are zeros.
  func isZero(_ count: Int, endingAt end: Int) throws(Stop) -> Bool {
    try bytes(at: end - count, count: count, "data").allSatisfy { $0 == 0 }
  }
}

enum ByteOrder: Sendable { case little, big }

extension [UInt8] {
  /// The unsigned number in the `count` bytes from `start`, which must be there.
  func number(_ start: Int, _ count: Int, _ order: ByteOrder) -> UInt64 {
    var value: UInt64 = 0
    for i in 0..<count {
      value = value << 8 | UInt64(self[order == .big ? start + i : start + count - 1 - i])
    }
    return value
  }
}

/// A reader of bytes one after the other, which asks the file for 4 KiB at a time.
struct ByteStream {
  let image: ImageFile
  private(set) var position: Int
  private var window: [UInt8] = []
  private var windowStart = 0

  init(_ image: ImageFile, at position: Int) {
    self.image = image
    self.position = position
  }

  /// The next byte; nil at the end of the file.
  mutating func next() throws(Stop) -> UInt8? {
    if position < windowStart || position >= windowStart + window.count {
      window = try image.available(at: position, count: 4096)
      windowStart = position
      if window.isEmpty { return nil }
    }
    defer { position += 1 }
    return window[position - windowStart]
  }

  mutating func skip(_ count: Int) { position += count }
}
