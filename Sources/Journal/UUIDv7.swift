import Foundation
import Synchronization

/// The name of a job: a UUID of version 7, so that ids sort by the time of their making.
///
/// - SeeAlso: RFC 9562, section 5.7.
public struct UUIDv7: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// 48 bits of milliseconds since the epoch, then 74 random bits: the UUID without its fixed bits.
  private let ticket: UInt128

  private static let randomBits: UInt128 = 74
  private static let lowBits: UInt128 = 62

  private init(ticket: UInt128) { self.ticket = ticket }

  /// A fresh id for this moment.
  public init(at now: Date, random: UInt128) {
    let milliseconds = UInt128(max(0, now.timeIntervalSince1970) * 1000) & ((1 << 48) - 1)
    let tail = random & ((1 << Self.randomBits) - 1)
    ticket = (milliseconds << Self.randomBits) | tail
  }

  /// - Returns: nil unless `text` is a UUID of version 7 in its usual 36 characters.
  public init?(_ text: String) {
    guard let uuid = UUID(uuidString: text) else { return nil }
    let bits: UInt128 = withUnsafeBytes(of: uuid.uuid) { bytes in
      bytes.reduce(0) { ($0 << 8) | UInt128($1) }
    }
    guard (bits >> 76) & 0xf == 7, (bits >> 62) & 0b11 == 0b10 else { return nil }
    let time: UInt128 = (bits >> 80) << Self.randomBits
    let middle: UInt128 = ((bits >> 64) & 0xfff) << Self.lowBits
    let low: UInt128 = bits & ((1 << Self.lowBits) - 1)
    ticket = time | middle | low
  }

  /// The id after this one, whatever the clock says.
  public var successor: UUIDv7 { UUIDv7(ticket: ticket &+ 1) }

  /// Lower case, with hyphens: `0199f3c2-…`.
  public var description: String {
    let time: UInt128 = (ticket >> Self.randomBits) << 80
    let version: UInt128 = 7 << 76
    let middle: UInt128 = ((ticket >> Self.lowBits) & 0xfff) << 64
    let variant: UInt128 = 0b10 << Self.lowBits
    let low: UInt128 = ticket & ((1 << Self.lowBits) - 1)
    let bits = time | version | middle | variant | low
    var digits = Array(String(bits, radix: 16))
    digits = Array(repeating: "0", count: 32 - digits.count) + digits
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }
      .joined(separator: "-")
  }

  public static func < (a: UUIDv7, b: UUIDv7) -> Bool { a.ticket < b.ticket }
}

/// Makes job ids that only ever rise, also when the clock is set back: max(now, last + 1).
public final class JobIDs: Sendable {
  private let last: Mutex<UUIDv7?>

  /// - Parameter newest: the greatest id there is already, so that the order holds across restarts.
  public init(after newest: UUIDv7? = nil) { last = Mutex(newest) }

  public func next(at now: Date) -> UUIDv7 {
    let fresh = UUIDv7(at: now, random: UInt128.random(in: 0...UInt128.max))
    return last.withLock { last in
      let id = last.map { max(fresh, $0.successor) } ?? fresh
      last = id
      return id
    }
  }
}
