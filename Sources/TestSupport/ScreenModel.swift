/// What stands in a terminal's window: the part of ECMA-48, and of xterm's own, that is needed to see it.
///
/// An escape that it does not know is kept in `unknown`, for a test to find.
public struct ScreenModel: Sendable {
  public private(set) var width: Int
  public private(set) var height: Int
  public private(set) var isCursorShown = true
  /// Whether the window that programs have of their own is shown.
  public private(set) var isAlternate = false
  /// Lines that left the window above, of the ordinary one.
  public private(set) var scrollback: [String] = []
  /// How often the window of its own was scrolled.
  public private(set) var alternateScrolls = 0
  public private(set) var unknown: [String] = []
  /// Everything that came.
  public private(set) var raw: [UInt8] = []

  private var cells: [[Character]]
  private var ordinary: [[Character]] = []
  private var (row, column) = (0, 0)
  private var ordinaryCursor = (0, 0)
  private var pending: [UInt8] = []

  public init(width: Int, height: Int) {
    self.width = width
    self.height = height
    cells = Self.blank(width, height)
  }

  private static func blank(_ width: Int, _ height: Int) -> [[Character]] {
    Array(repeating: Array(repeating: " ", count: width), count: height)
  }

  /// The lines of the window, without the blanks at their ends.
  public var lines: [String] {
    cells.map { line in
      String(line.reversed().drop { $0 == " " }.reversed())
    }
  }

  public var text: String { lines.joined(separator: "\n") }

  /// Keeps what stands there and does not break lines anew, as xterm does.
  public mutating func resize(width: Int, height: Int) {
    func fitted(_ cells: [[Character]]) -> [[Character]] {
      var cells = cells.map { line in
        Array(line.prefix(width)) + Array(repeating: " ", count: max(0, width - line.count))
      }
      while cells.count > height { cells.removeLast() }
      while cells.count < height { cells.append(Array(repeating: " ", count: width)) }
      return cells
    }
    cells = fitted(cells)
    if !ordinary.isEmpty { ordinary = fitted(ordinary) }
    (self.width, self.height) = (width, height)
    row = min(row, height - 1)
    column = min(column, width)
  }

  public mutating func write(_ bytes: some Sequence<UInt8>) {
    raw += bytes
    pending += bytes
    while let taken = takeOne() { pending.removeFirst(taken) }
  }

  /// - Returns: how many bytes were one character or escape; nil if more have to come.
  private mutating func takeOne() -> Int? {
    guard let first = pending.first else { return nil }
    switch first {
    case 0x1B: return escape()
    case UInt8(ascii: "\r"): column = 0
    case UInt8(ascii: "\n"): newLine()
    case 0..<0x20, 0x7F: unknown.append("\\x\(String(first, radix: 16))")
    default:
      let length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
      guard pending.count >= length else { return nil }
      put(Character(String(decoding: pending[..<length], as: UTF8.self)))
      return length
    }
    return 1
  }

  private mutating func put(_ character: Character) {
    if column == width {
      column = 0
      newLine()
    }
    cells[row][column] = character
    column += 1
  }

  private mutating func newLine() {
    guard row == height - 1 else {
      row += 1
      return
    }
    let line = String(cells.removeFirst())
    if isAlternate { alternateScrolls += 1 } else { scrollback.append(line) }
    cells.append(Array(repeating: " ", count: width))
  }

  private mutating func escape() -> Int? {
    guard pending.count >= 2 else { return nil }
    guard pending[1] == UInt8(ascii: "[") else {
      unknown.append("ESC \(pending[1])")
      return 2
    }
    guard let end = pending.indices.dropFirst(2).first(where: { pending[$0] >= 0x40 }) else {
      return nil
    }
    let arguments = String(decoding: pending[2..<end], as: UTF8.self)
    let number = Int(arguments)
    switch (arguments, pending[end]) {
    case ("", UInt8(ascii: "H")): (row, column) = (0, 0)
    case (_, UInt8(ascii: "A")): row = max(0, row - (number ?? 1))
    case ("", UInt8(ascii: "K")): erase(row, from: column)
    case ("", UInt8(ascii: "J")):
      erase(row, from: column)
      for row in row + 1..<max(height, row + 1) { erase(row, from: 0) }
    case ("2", UInt8(ascii: "J")): for row in 0..<height { erase(row, from: 0) }
    case (_, UInt8(ascii: "m")): break
    case ("?25", UInt8(ascii: "h")): isCursorShown = true
    case ("?25", UInt8(ascii: "l")): isCursorShown = false
    case ("?1049", UInt8(ascii: "h")) where !isAlternate:
      isAlternate = true
      (ordinary, ordinaryCursor) = (cells, (row, column))
      cells = Self.blank(width, height)
    case ("?1049", UInt8(ascii: "l")) where isAlternate:
      isAlternate = false
      (cells, ordinary) = (ordinary, [])
      (row, column) = ordinaryCursor
    default: unknown.append(String(decoding: pending[...end], as: UTF8.self))
    }
    return end + 1
  }

  private mutating func erase(_ row: Int, from column: Int) {
    // With the cursor behind the last column xterm takes that one.
    for place in min(column, width - 1)..<width { cells[row][place] = " " }
  }
}
