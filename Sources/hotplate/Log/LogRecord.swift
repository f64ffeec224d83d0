import Logging
import Paths
import ReadModel

/// One line of the log.
struct LogRecord {
  let at: Timestamp
  let level: Logger.Level
  let message: String
  var metadata: Logger.Metadata = [:]

  /// `2031-05-04T09:15:00.250Z info published job=… frames=100 reason="it is \"there\""`: no byte of it acts on a
  /// terminal, and it is one line whatever the words are.
  var text: String {
    var line = "\(at) \(level.rawValue) \(shownSentence(message))"
    for (key, value) in metadata.sorted(by: { Self.rank($0.key) < Self.rank($1.key) }) {
      line += " \(shownText(key))=\(Self.quoted(shownSentence("\(value)")))"
    }
    return line + "\n"
  }

  /// `09:15:00 held 8f3a61c2 /drop/sh010/sh010.#.exr: it is there`: for eyes, above the live table, which shows the rest.
  var brief: String {
    func value(_ key: String) -> String? { metadata[key].map { shownSentence("\($0)") } }
    var line = "\("\(at)".dropFirst(11).prefix(8)) \(shownSentence(message))"
    if let job = value("job") { line += " \(shortID(job))" }
    if let source = value("source") { line += " \(source)" }
    if let reason = value("reason") { line += ": \(reason)" }
    return line + "\n"
  }

  /// `{"at": …, "level": …, "message": …, "job": …}` and what else is known; numbers are numbers.
  var json: String {
    var members = metadata.mapValues { Value($0) }
    members["at"] = .text("\(at)")
    members["level"] = .text(level.rawValue)
    members["message"] = .text(message)
    // Texts and finite numbers cannot fail to be JSON; should they ever, the line still says what happened.
    let bytes = (try? JSON.encode(members)) ?? Array(#"{"message":"not encodable"}"#.utf8)
    return String(decoding: bytes, as: UTF8.self) + "\n"
  }

  /// First whose line it is, then the rest by name.
  private static func rank(_ key: String) -> (Int, String) {
    (["job", "rule", "source", "destination"].firstIndex(of: key) ?? 9, key)
  }

  private static func quoted(_ text: String) -> String {
    let isWord = !text.isEmpty && !text.contains { $0 == " " || $0 == "\"" || $0 == "=" }
    return isWord ? text : "\"\(text.replacing("\"", with: "\\\""))\""
  }

  private enum Value: Encodable {
    case text(String)
    case whole(Int)
    case number(Double)
    case list([Value])
    case members([String: Value])

    init(_ value: Logger.MetadataValue) {
      switch value {
      case .string(let text): self = .text(text)
      case .stringConvertible(let value as Int): self = .whole(value)
      case .stringConvertible(let value as Double) where value.isFinite: self = .number(value)
      case .stringConvertible(let value): self = .text("\(value)")
      case .array(let values): self = .list(values.map { Value($0) })
      case .dictionary(let values): self = .members(values.mapValues { Value($0) })
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let value): try container.encode(value)
      case .whole(let value): try container.encode(value)
      case .number(let value): try container.encode(value)
      case .list(let value): try container.encode(value)
      case .members(let value): try container.encode(value)
      }
    }
  }
}
