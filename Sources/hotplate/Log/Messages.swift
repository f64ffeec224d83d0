import Glibc
import Logging
import ReadModel

/// Where what the daemon says goes: lines on standard error, or the live picture that is drawn there.
struct Messages: Sendable {
  var format = LogFormat.text
  /// What is drawn on standard error.
  var screen: LiveScreen?
  /// What is less is not said.
  var level = Logger.Level.info

  var logger: Logger { Logger(label: "hotplate") { _ in Lines(messages: self) } }

  /// Says something that was laid out for people; one record in JSON.
  ///
  /// - Parameter text: whole lines; names in it went through `shown`.
  func say(_ level: Logger.Level, _ text: String) {
    if text.isEmpty { return }
    switch format {
    case .text: write(text, level)
    case .json:
      let lines = text.last == "\n" ? String(text.dropLast()) : text
      write(LogRecord(at: .now, level: level, message: lines).json, level)
    }
  }

  func write(_ record: LogRecord) {
    let line = format == .json ? record.json : screen == nil ? record.text : record.brief
    write(line, record.level)
  }

  var isColorful: Bool { format == .text && hotplate.isColorful(STDERR_FILENO) }

  private func write(_ text: String, _ level: Logger.Level) {
    if let screen { screen.print(text, isNote: level >= .warning) } else { printError(text) }
  }
}

/// The log's lines, each written at once so that none is torn by another.
private struct Lines: LogHandler {
  let messages: Messages
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  var logLevel: Logger.Level

  init(messages: Messages) {
    self.messages = messages
    logLevel = messages.level
  }

  subscript(metadataKey key: String) -> Logger.MetadataValue? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var all = metadata
    if let more = metadataProvider?.get() { all.merge(more) { $1 } }
    if let more = event.metadata { all.merge(more) { $1 } }
    if let error = event.error { all["error"] = "\(error)" }
    messages.write(
      LogRecord(at: .now, level: event.level, message: "\(event.message)", metadata: all))
  }
}
