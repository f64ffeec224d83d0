import Glibc

/// What stands on the terminal of a `LiveScreen`, and how it is drawn over.
///
/// `@unchecked Sendable`: its state is touched on the screen's queue alone.
final class Canvas: @unchecked Sendable {
  var picture: LiveScreen.Picture?

  private var unprinted: [String] = []
  private let descriptor: Int32
  private let manner: LiveScreen.Manner
  /// Whether the cursor is hidden and, for a window of our own, that it is shown.
  private var isOn = false
  private var isClosed = false
  /// The widths of the lines that stand there, and that of the window as they were drawn.
  private var drawn: [Int] = []
  private var drawnWidth = 0
  private var last = ""

  init(_ descriptor: Int32, _ manner: LiveScreen.Manner) {
    self.descriptor = descriptor
    self.manner = manner
  }

  /// Draws the picture as it is now, below what is to be printed; later, if the terminal takes nothing or is another's.
  func paint() {
    guard !isClosed, takes(waiting: 0) else { return }
    let terminal = Terminal(of: descriptor)
    let width = terminal.width ?? 80
    let height = max(1, (terminal.height ?? 24) - (manner == .below ? 1 : 0))
    // A picture in the background would be drawn into another command's; its words are its own to say.
    let lines = isInForeground ? Array((picture?(terminal) ?? []).prefix(height)) : []
    var text = ""
    if manner == .window {
      if lines.isEmpty { return }
      // Erased before each line is written: behind one that fills the window its last column would go.
      text = "\u{1B}[H" + lines.map { "\u{1B}[K" + $0 }.joined(separator: "\r\n")
      if lines.count < height { text += "\r\n\u{1B}[J" }
      if !isOn { text = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J" + text }
    } else {
      text = erasure(for: width)
      text += unprinted.joined()
      if !lines.isEmpty, !isOn { text += "\u{1B}[?25l" }
      if lines.isEmpty, isOn { text += "\u{1B}[?25h" }
      text += lines.map { $0 + "\r\n" }.joined()
    }
    // What stands there already is not drawn again.
    if unprinted.isEmpty, drawnWidth == width, text == last { return }
    last = unprinted.isEmpty ? text : ""
    unprinted = []
    isOn = !lines.isEmpty
    drawn = lines.map { displayWidth(withoutColors($0)) }
    drawnWidth = width
    _ = writeAll(Array(text.utf8), to: descriptor)
  }

  /// Takes lines to be printed with the next picture.
  func print(_ texts: [String]) {
    unprinted += texts
    // A terminal that has been stopped for days must not fill the memory.
    let tooMany = unprinted.count - Self.mostUnprinted
    if tooMany > 0 {
      unprinted.removeFirst(tooMany + 1)
      unprinted.insert("… earlier messages were lost: this terminal did not take them\n", at: 0)
    }
  }

  private static let mostUnprinted = 10_000

  /// As it stands is no more as it was drawn: something else was there meanwhile.
  func forget() {
    isOn = false
    last = ""
    if manner == .below { drawn = [] }
  }

  /// Gives the terminal back for good.
  func close(keepingPicture: Bool) {
    leave(keepingPicture: keepingPicture)
    isClosed = true
  }

  /// Gives the terminal back; what was to be printed is, if it takes it within a second.
  func leave(keepingPicture: Bool) {
    guard takes(waiting: 1000) else { return }
    var text = ""
    switch manner {
    case .window:
      if isOn { text = "\u{1B}[?1049l\u{1B}[?25h" }
    case .below:
      if !keepingPicture { text = erasure(for: Terminal(of: descriptor).width ?? 80) }
      text += unprinted.joined()
      if isOn { text += "\u{1B}[?25h" }
    }
    unprinted = []
    forget()
    _ = writeAll(Array(text.utf8), to: descriptor)
  }

  /// Goes back to the first line of what stands there, and erases it.
  private func erasure(for width: Int) -> String {
    // A window that became narrower has broken the lines anew.
    let rows = drawn.reduce(0) { $0 + max(1, ($1 + width - 1) / max(1, width)) }
    return rows > 0 ? "\r\u{1B}[\(rows)A\u{1B}[J" : ""
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
