import Foundation
import Paths
import ReadModel

// What `plan --json` prints: every key in every object, null where it does not apply.

extension Plan: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    try container.encode(sequences, forKey: "sequences")
    try container.encode(deliveries, forKey: "deliveries")
    var left = container.nestedUnkeyedContainer(forKey: "skipped")
    for (path, why) in skipped {
      var one = left.nestedContainer(keyedBy: JSONKey.self)
      try one.encode(path, forKey: "path")
      try one.encode(why, forKey: "why")
    }
  }
}

extension PlannedDelivery: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    try container.encode(directory, forKey: "directory")
    try container.encode(members, forKey: "sequences")
    try container.encode(would, forKey: "would")
    try container.encode(reasons, forKey: "reasons")
  }
}

extension PlannedSequence: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    try container.encode(source, forKey: "source")
    try container.encode(rule, forKey: "rule")
    try container.encode(reason?.text, forKey: "reason")
    try container.encode(destination, forKey: "destination")
    try container.encode(map.map { [$0.source.text, $0.destination.text] }, forKey: "map")
    if map.contains(where: { $0.source.exactString == nil || $0.destination.exactString == nil }) {
      let exact = map.map { pair in
        [pair.source, pair.destination].map { Data($0.bytes).base64EncodedString() }
      }
      try container.encode(exact, forKey: "map_bytes")
    }
    try container.encode(conflicts, forKey: "conflicts")
    try container.encode(resolution, forKey: "resolution")
    try container.encode(would, forKey: "would")
    try container.encode(waitsFor, forKey: "waits_for")
    try container.encode(delivery, forKey: "delivery")
    try container.encode(left, forKey: "left")
  }
}

extension PlannedSequence.Place: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    try container.encode(root, forKey: "root")
    try container.encode(directory, forKey: "directory")
    try container.encode(pattern, forKey: "pattern")
    try container.encode(frames?.description, forKey: "frames")
  }
}

extension PlannedSequence.Conflict: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: JSONKey.self)
    try container.encode(path, forKey: "path")
    try container.encode(message, forKey: "message")
  }
}

extension SeqRow {
  /// Where it lies and which frames, safe to show.
  var shownPlace: String {
    let path = directory == [UInt8(ascii: ".")] ? [] : directory + [UInt8(ascii: "/")]
    guard case .sequence(let sequence) = content else { return shown(path + pattern.bytes) }
    return shown(path + pattern.bytes) + " \(sequence.frames)"
  }
}
