public import Paths

/// The names of a sequence: what they share, and how wide the number between is.
public struct SequencePattern: Hashable, Sendable, Codable {
  /// The bytes before the number.
  public let head: [UInt8]
  /// The least width of the number, zeros filling it up, a minus included; 1 if unpadded.
  public let padding: Int
  /// The bytes after the number.
  public let tail: [UInt8]
  public let kind: Slot.Kind

  public init(
    head: some Sequence<UInt8>, padding: Int, tail: some Sequence<UInt8>, kind: Slot.Kind = .frame
  ) {
    self.head = Array(head)
    self.padding = max(1, padding)
    self.tail = Array(tail)
    self.kind = kind
  }

  /// The name that this pattern gives to `frame`, as `printf` writes it.
  public func name(of frame: Int) -> FileName {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(head.count + max(padding, 8) + tail.count)
    bytes += head
    appendNumber(frame, padding: padding, to: &bytes)
    bytes += tail
    return FileName(bytes)
  }

  /// The frame whose name under this pattern is exactly `name`; nil if there is none.
  public func frame(of name: FileName) -> Int? {
    let bytes = name.bytes
    guard bytes.count > head.count + tail.count, bytes.starts(with: head),
      bytes.suffix(tail.count).elementsEqual(tail),
      let number = FrameNumber(bytes[head.count..<bytes.count - tail.count]),
      number.isPadded ? number.width == padding : number.width >= padding
    else { return nil }
    return number.value
  }

  /// For people: `#` for padding 4, else one `@` a digit, as fileseq reads them; `<UDIM>` for tiles.
  ///
  /// Not to be parsed: a head may hold these characters as well.
  public var pattern: FileName {
    let number =
      switch kind {
      case .udim: "<UDIM>"
      case .frame: padding == 4 ? "#" : String(repeating: "@", count: padding)
      }
    return FileName(head + Array(number.utf8) + tail)
  }

  /// For printf(3): `%04d`, `%d` if unpadded; a percent sign in the name is doubled.
  public var printf: FileName {
    let number = padding == 1 ? "%d" : "%0\(padding)d"
    return FileName(doublingPercents(head) + Array(number.utf8) + doublingPercents(tail))
  }
}

extension SequencePattern: CustomStringConvertible {
  /// For showing only; never a key.
  public var description: String { pattern.description }
}

private func doublingPercents(_ bytes: [UInt8]) -> [UInt8] {
  let percent = UInt8(ascii: "%")
  return bytes.flatMap { $0 == percent ? [percent, percent] : [$0] }
}

/// Files of one directory that differ only in their frame.
public struct FrameSequence: Hashable, Sendable, Codable {
  public let pattern: SequencePattern
  public let frames: FrameSet

  public init(pattern: SequencePattern, frames: FrameSet) {
    self.pattern = pattern
    self.frames = frames
  }

  /// The names of the files, ascending by frame.
  public var names: some Sequence<FileName> { frames.lazy.map(pattern.name(of:)) }
}

extension FrameSequence: CustomStringConvertible {
  /// `a.#.exr 1001-1003,1005`; for showing only.
  public var description: String { "\(pattern) \(frames)" }
}
