/// Aligned columns for people, separated by two spaces.
///
/// Cells are shown as they are: text from outside goes through `shown` first.
struct TextTable {
  enum Style: String {
    case good = "32"
    case bad = "31"
    case warning = "33"
    case busy = "36"
    case faint = "2"
  }

  struct Cell {
    var text: String
    var style: Style?

    init(_ text: String, _ style: Style? = nil) {
      self.text = text
      self.style = style
    }
  }

  var header: [String] = []
  var rightAligned: Set<Int> = []
  var rows: [[Cell]] = []
  /// A line below a row, indented, by the row's index.
  var notes: [Int: String] = [:]

  init(header: [String] = [], rightAligned: Set<Int> = [], rows: [[Cell]] = []) {
    self.header = header
    self.rightAligned = rightAligned
    self.rows = rows
  }

  /// - Parameter width: where to cut lines, in terminal columns; nil for never.
  func lines(color: Bool, width: Int?) -> [String] {
    guard !rows.isEmpty else { return [] }
    let heading = header.map { Cell($0, .faint) }
    let all = header.isEmpty ? rows : [heading] + rows
    let columns = all.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      all.map { column < $0.count ? displayWidth($0[column].text) : 0 }.max() ?? 0
    }
    func line(_ row: [Cell]) -> String {
      var pen = Pen(color: color, width: width)
      for (column, cell) in row.enumerated() {
        let space = widths[column] - displayWidth(cell.text)
        if rightAligned.contains(column) { pen.write(blanks(space), nil) }
        pen.write(cell.text, cell.style)
        guard column + 1 < row.count else { break }
        pen.write(blanks(rightAligned.contains(column) ? 2 : space + 2), nil)
      }
      return pen.line
    }
    var lines = header.isEmpty ? [] : [line(heading)]
    for (index, row) in rows.enumerated() {
      lines.append(line(row))
      if let note = notes[index] {
        var pen = Pen(color: color, width: width)
        pen.write("  " + note, .warning)
        lines.append(pen.line)
      }
    }
    return lines
  }
}

/// Writes pieces into a line of limited width; the escapes for colours take none of it.
struct Pen {
  let color: Bool
  var room: Int
  private(set) var line = ""

  init(color: Bool, width: Int?) {
    self.color = color
    room = width ?? .max
  }

  mutating func write(_ text: String, _ style: TextTable.Style?) {
    var piece = text
    let needed = displayWidth(text)
    if needed > room {
      piece = ""
      var left = room - 1
      for character in text {
        let width = displayWidth(String(character))
        guard width <= left else { break }
        piece.append(character)
        left -= width
      }
      if room > 0 { piece += "…" }
    }
    room = max(0, room - needed)
    guard color, let style, !piece.isEmpty else {
      line += piece
      return
    }
    line += "\u{1B}[\(style.rawValue)m\(piece)\u{1B}[0m"
  }
}

private func blanks(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }

/// Columns a terminal gives to a text: marks take none, wide characters (UAX #11) two.
func displayWidth(_ text: String) -> Int {
  text.unicodeScalars.reduce(0) { width, scalar in
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: width
    default: width + (isWide(scalar.value) ? 2 : 1)
    }
  }
}

private func isWide(_ scalar: UInt32) -> Bool {
  switch scalar {
  case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF,
    0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF,
    0x1F900...0x1F9FF, 0x20000...0x3FFFD:
    true
  default: false
  }
}
