import Glibc

/// What an output can show.
struct Terminal {
  let isTerminal: Bool
  let color: Bool
  /// nil if it is no terminal or does not tell.
  let width: Int?
  var height: Int?
  /// Whether lines can be drawn over others.
  var repaints = false

  static var standardOutput: Terminal { Terminal(of: STDOUT_FILENO) }

  init(isTerminal: Bool, color: Bool, width: Int?, height: Int?, repaints: Bool = false) {
    self.isTerminal = isTerminal
    self.color = color
    self.width = width
    self.height = height
    self.repaints = repaints
  }

  /// As it is now; a window may change its size.
  init(of descriptor: Int32) {
    guard isatty(descriptor) == 1 else {
      self.init(isTerminal: false, color: false, width: nil, height: nil)
      return
    }
    func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    var size = winsize()
    let known = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    self.init(
      isTerminal: true, color: Self.wantsColor(environment: environment),
      width: known ? Int(size.ws_col) : nil,
      height: known && size.ws_row > 0 ? Int(size.ws_row) : nil,
      repaints: Self.repaints(environment: environment))
  }

  /// - SeeAlso: https://no-color.org: any value but an empty one turns colours off.
  static func wantsColor(environment: (String) -> String?) -> Bool {
    (environment("NO_COLOR") ?? "").isEmpty && environment("TERM") != "dumb"
  }

  /// Every terminal that says what it is knows the few sequences of `LiveScreen` (ECMA-48); one that is `dumb` none.
  static func repaints(environment: (String) -> String?) -> Bool {
    !["", "dumb", "unknown"].contains(environment("TERM") ?? "")
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
  guard let error = writeAll(bytes, to: descriptor) else { return }
  // There is nowhere left to say it, if it was standard error.
  if descriptor == STDERR_FILENO { return }
  Failure(
    .cannotWrite, "standard output cannot be written: \(String(cString: strerror(error)))"
  )
  .printAndExit()
}

/// - Returns: the error that kept the rest from being written; nil for none.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
  var rest = bytes[...]
  while !rest.isEmpty {
    let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    if written < 0 && errno == EINTR { continue }
    guard written > 0 else { return errno }
    rest = rest.dropFirst(written)
  }
  return nil
}
