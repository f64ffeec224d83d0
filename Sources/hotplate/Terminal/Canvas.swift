import Glibc

/// What stands on the terminal of a `LiveScreen`, and how it is drawn over.
///
/// `@unchecked Sendable`: its state is touched on the screen's queue alone.
final class Canvas: @unchecked Sendable {
  var picture: LiveScreen.Picture?

  private let descriptor: Int32
  private let manner: LiveScreen.Manner
  private var unprinted: [String] = []
  /// The last lines of what a person should not miss, shown below the picture of a window.
  private var notes: [String] = []
  /// Whether a picture stands there: the cursor is hidden, and the window of our own shown.
  private var isOn = false
  private var isClosed = false
  /// What stands there, and in a window of which size.
  private var drawn: [String] = []
  private var size: [Int?] = []

  init(_ descriptor: Int32, _ manner: LiveScreen.Manner) {
    self.descriptor = descriptor
    self.manner = manner
  }

  /// Takes lines to be printed with the next picture.
  func print(_ texts: [LiveScreen.Text]) {
    unprinted += texts.map(\.text)
    for text in texts where text.isNote {
      notes += text.text.split(separator: "\n").map { withoutColors(String($0)) }
    }
    notes = notes.suffix(20)
    // A terminal that has been stopped for days must not fill the memory.
    let tooMany = unprinted.count - Self.mostUnprinted
    if tooMany > 0 {
      unprinted.removeFirst(tooMany + 1)
      unprinted.insert("… earlier messages were lost: this terminal did not take them\n", at: 0)
    }
  }

  private static let mostUnprinted = 10_000

  /// Prints what is to be printed and draws the picture; later, if the terminal takes nothing now.
  func paint() {
    guard !isClosed, takes(waiting: 0) else { return }
    let terminal = Terminal(of: descriptor)
    // In the background it would be drawn over what another command shows.
    let lines = isInForeground ? self.lines(for: terminal) : []
    let newSize = [terminal.width, terminal.height]
    let (isNew, isResized) = (!isOn || !unprinted.isEmpty, size != newSize)
    if !isNew, !isResized, lines == drawn { return }
    var text = unprinted.isEmpty && !lines.isEmpty ? "" : erasure
    text += unprinted.joined()
    unprinted = []
    if !lines.isEmpty {
      switch manner {
      case .window:
        if isNew { text += "\u{1B}[?1049h\u{1B}[?25l" }
        if isNew || isResized { text += "\u{1B}[2J" }
        // Erased before each line is written: behind one that fills the window its last column would go.
        text += "\u{1B}[H" + lines.map { "\u{1B}[K" + $0 }.joined(separator: "\r\n")
        if lines.count < drawn.count { text += "\r\n\u{1B}[J" }
      case .below:
        // Nothing is in `text` yet unless what stood there is erased.
        if text.isEmpty { text = erasure }
        text += "\u{1B}[?25l" + lines.map { $0 + "\r\n" }.joined()
      }
    }
    isOn = !lines.isEmpty
    drawn = lines
    size = newSize
    write(text)
  }

  private func lines(for terminal: Terminal) -> [String] {
    guard let picture else { return [] }
    let height = terminal.height ?? 24
    guard manner == .window else { return Array(picture(terminal).prefix(max(1, height - 1))) }
    let notes = notes.suffix(height / 4)
    let room = notes.isEmpty ? height : height - notes.count - 1
    var smaller = terminal
    smaller.height = room
    var lines = Array(picture(smaller).prefix(room))
    if lines.isEmpty || notes.isEmpty { return lines }
    lines += Array(repeating: "", count: height - notes.count - lines.count)
    let brush = Brush(color: terminal.color, width: terminal.width ?? 80)
    return lines + notes.map { brush.line([($0, .warning)]) }
  }

  /// What stands there may have been drawn over by others: it is drawn anew.
  func forget() {
    isOn = false
    drawn = []
  }

  /// Gives the terminal back for good.
  func close(keepingPicture: Bool) {
    leave(keepingPicture: keepingPicture)
    isClosed = true
  }

  /// Gives the terminal back; what was to be printed is, if it takes it within a second.
  func leave(keepingPicture: Bool) {
    guard takes(waiting: 1000) else { return }
    var text = keepingPicture && manner == .below ? (isOn ? "\u{1B}[?25h" : "") : erasure
    text += unprinted.joined()
    unprinted = []
    forget()
    write(text)
  }

  /// Takes away what stands there, and shows the cursor.
  private var erasure: String {
    if !isOn { return "" }
    switch manner {
    case .window: return "\u{1B}[?1049l\u{1B}[?25h"
    // Where a narrower window has broken the lines anew, a part of them stays: going up further might reach what is not ours.
    case .below: return "\r\u{1B}[\(drawn.count)A\u{1B}[J\u{1B}[?25h"
    }
  }

  private func write(_ text: String) {
    if !text.isEmpty { _ = writeAll(Array(text.utf8), to: descriptor) }
  }

  private var isInForeground: Bool {
    let group = tcgetpgrp(descriptor)
    // Without a controlling terminal there is no other to disturb.
    return group < 0 || group == getpgrp()
  }

  /// Whether the terminal takes bytes, or will within some milliseconds: one that is stopped does not.
  private func takes(waiting milliseconds: Int32) -> Bool {
    var file = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    return poll(&file, 1, milliseconds) > 0
  }
}

/// A line without the escapes for its colours, which take no room.
private func withoutColors(_ line: String) -> String {
  line.replacing(/\u{1B}\[[0-9;]*m/, with: "")
}
