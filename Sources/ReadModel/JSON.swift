import FoundationEssentials

/// JSON as Hotplate writes it everywhere: sorted keys, slashes as they are.
///
/// The values carry their own forms of times and exact bytes, so any `JSONEncoder` gives the same members.
public enum JSON {
  /// - Parameter pretty: over several lines, for people.
  public static func encode(_ value: some Encodable, pretty: Bool = false) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
    return Array(try encoder.encode(value))
  }

  public static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws
    -> Value
  {
    try JSONDecoder().decode(type, from: Data(bytes))
  }
}
