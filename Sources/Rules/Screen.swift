import Glibc

/// ASCII bytes, letters as small ones.
struct ByteSet: Sendable {
  private var low: UInt64 = 0
  private var high: UInt64 = 0

  static let all = ByteSet(low: .max, high: .max)

  init() {}
  private init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// - Precondition: ASCII; other bytes are left out.
  mutating func insert(_ byte: UInt8) {
    let byte = byte.lowercased
    let bit: UInt64 = 1 << UInt64(byte & 63)
    if byte < 64 { low |= bit } else if byte < 128 { high |= bit }
  }

  func contains(_ byte: UInt8) -> Bool {
    let byte = byte.lowercased
    return (byte < 64 ? low : byte < 128 ? high : 0) & (1 << UInt64(byte & 63)) != 0
  }

  func isSuperset(of other: ByteSet) -> Bool {
    other.low & ~low == 0 && other.high & ~high == 0
  }

  func intersection(_ other: ByteSet) -> ByteSet {
    ByteSet(low: low & other.low, high: high & other.high)
  }

  func union(_ other: ByteSet) -> ByteSet { ByteSet(low: low | other.low, high: high | other.high) }
}

/// What can be said of a path against a rule before any expression runs: most rules take most names' bytes not.
struct Screen: Sendable {
  /// What every path has that the rule takes: in its name, or somewhere.
  private var required = ByteSet.all
  private var isOfName = true
  /// How a name that it takes may begin and end.
  private var first = ByteSet()
  private var last = ByteSet()
  /// One of these stands in every path that it takes, each ended by a NUL; empty if nothing is known.
  private var words: [[CChar]] = []

  init(_ rule: CompiledRule) {
    for pattern in rule.patterns {
      required = required.intersection(pattern.requiredBytes)
      isOfName = isOfName && pattern.scope == .name
      first = first.union(pattern.firstBytes)
      last = last.union(pattern.lastBytes)
    }
    let words = rule.patterns.compactMap(\.longestWord)
    if words.count == rule.patterns.count { self.words = words }
  }

  /// The bytes of one path, ASCII alone.
  struct Bytes {
    private(set) var path = ByteSet()
    private(set) var name = ByteSet()
    let first: UInt8
    let last: UInt8
    /// The path in small letters, and a NUL.
    fileprivate let small: UnsafePointer<CChar>

    /// - Parameter room: a byte more than the path; it is used as long as this value is.
    /// - Returns: nil if the path is not ASCII: there a letter has more than two cases.
    init?(_ subject: Subject, _ room: UnsafeMutableBufferPointer<CChar>) {
      guard let start = room.baseAddress, subject.pathEncoding == .ascii,
        let first = subject.name.first,
        let last = subject.name.last
      else { return nil }
      small = UnsafePointer(start)
      self.first = first
      self.last = last
      for byte in subject.name { name.insert(byte) }
      path = name
      for byte in subject.path.prefix(subject.nameStart) { path.insert(byte) }
      for index in subject.path.indices {
        room[index] = CChar(bitPattern: subject.path[index].lowercased)
      }
      room[subject.path.count] = 0
    }
  }

  /// Whether the rule may take the path; if not, none of its patterns fits.
  func passes(_ bytes: Bytes) -> Bool {
    last.contains(bytes.last) && first.contains(bytes.first)
      && (isOfName ? bytes.name : bytes.path).isSuperset(of: required)
      && (words.isEmpty
        || words.contains { strstr(bytes.small, $0) != nil })
  }
}

extension MatchPattern {
  /// Bytes of its own text, but for what may be missing.
  fileprivate var requiredBytes: ByteSet {
    var bytes = ByteSet()
    for case .literal(let literal) in source.elements {
      for byte in literal { bytes.insert(byte) }
    }
    return bytes
  }

  fileprivate var longestWord: [CChar]? {
    let words = source.elements.compactMap { element -> [UInt8]? in
      if case .literal(let literal) = element { literal } else { nil }
    }
    let longest = words.max { $0.count < $1.count }
    guard let longest, longest.count > 1,
      longest.allSatisfy({ $0 < 0x80 && $0 != 0 })
    else { return nil }
    return longest.map { CChar(bitPattern: $0.lowercased) } + [0]
  }

  fileprivate var firstBytes: ByteSet {
    guard scope == .name, case .literal(let literal)? = source.elements.first,
      let byte = literal.first, byte < 0x80
    else { return .all }
    var bytes = ByteSet()
    bytes.insert(byte)
    return bytes
  }

  fileprivate var lastBytes: ByteSet {
    if endings.isEmpty { return .all }
    var bytes = ByteSet()
    for ending in endings {
      guard let byte = ending.last else { return .all }
      bytes.insert(byte)
    }
    return bytes
  }
}
