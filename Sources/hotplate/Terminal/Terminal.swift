import Glibc

/// What standard output can show.
struct Terminal {
  let isTerminal: Bool
  let color: Bool
  /// nil if it is no terminal or does not tell.
  let width: Int?
  let height: Int?

  /// As it is now; a window may change its size.
  static var standardOutput: Terminal {
    guard isatty(STDOUT_FILENO) == 1 else {
      return Terminal(isTerminal: false, color: false, width: nil, height: nil)
    }
    var size = winsize()
    let known = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    return Terminal(
      isTerminal: true, color: wantsColor { getenv($0).map { String(cString: $0) } },
      width: known ? Int(size.ws_col) : nil, height: known ? Int(size.ws_row) : nil)
  }

  /// - SeeAlso: https://no-color.org: any value but an empty one turns colours off.
  static func wantsColor(environment: (String) -> String?) -> Bool {
    (environment("NO_COLOR") ?? "").isEmpty && environment("TERM") != "dumb"
  }
}

/// Lines that are drawn over themselves, leaving what was on the terminal before.
struct LiveScreen {
  private var drawn = 0

  /// - Precondition: no line is wider than the terminal.
  mutating func show(_ lines: [String], on terminal: Terminal) {
    let lines = lines.prefix(max(1, (terminal.height ?? .max) - 1))
    var text = drawn > 0 ? "\u{1B}[\(drawn)A\r\u{1B}[J" : ""
    for line in lines { text += line + "\n" }
    drawn = lines.count
    write(text, to: STDOUT_FILENO)
  }
}

/// Writes lines for people to standard output.
func printLines(_ lines: [String]) {
  write(lines.map { $0 + "\n" }.joined(), to: STDOUT_FILENO)
}

/// Writes machine output: the only thing on standard output then.
func printJSON(_ bytes: [UInt8]) {
  write(bytes + [UInt8(ascii: "\n")], to: STDOUT_FILENO)
}

/// Writes to standard error, where everything goes that no program reads.
func printError(_ text: String) {
  write(text, to: STDERR_FILENO)
}

private func write(_ text: String, to descriptor: Int32) {
  write(Array(text.utf8), to: descriptor)
}

/// Unbuffered, so that the two outputs keep their order on a terminal. A reader that left ends us by SIGPIPE.
///
/// A full disk ends the command: half an answer that says "done" would be believed.
private func write(_ bytes: [UInt8], to descriptor: Int32) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    if written < 0 && errno == EINTR { continue }
    guard written > 0 else {
      // There is nowhere left to say it, if it was standard error.
      if descriptor == STDERR_FILENO { return }
      Failure(
        .cannotWrite, "standard output cannot be written: \(String(cString: strerror(errno)))"
      )
      .printAndExit()
    }
    rest = rest.dropFirst(written)
  }
}
