import Glibc

/// A moment in UTC, to the millisecond; in JSON as RFC 3339 (`2031-05-04T09:15:00.250Z`).
///
/// Whole milliseconds and arithmetic of our own: a `Double` of seconds printed to three places is off by one now and then.
public struct Timestamp: Hashable, Comparable, Sendable {
  /// Since 1970-01-01T00:00:00Z, without leap seconds, as the kernel counts.
  public let milliseconds: Int64

  public init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// The wall clock now (`CLOCK_REALTIME`).
  public static var now: Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }

  public static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }
}

extension Timestamp: CustomStringConvertible {
  /// RFC 3339 with milliseconds, in UTC.
  public var description: String {
    let (days, inDay) = milliseconds.flooredDivision(by: 86_400_000)
    let date = civilDate(daysSince1970: days)
    let (minutes, inMinute) = inDay.flooredDivision(by: 60_000)
    return "\(date.year.padded(4))-\(date.month.padded(2))-\(date.day.padded(2))T"
      + "\((minutes / 60).padded(2)):\((minutes % 60).padded(2)):"
      + "\((inMinute / 1000).padded(2)).\((inMinute % 1000).padded(3))Z"
  }
}

extension Timestamp {
  /// Reads RFC 3339 with any number of decimals (those beyond the third are dropped) and any offset from UTC.
  public init?(_ text: String) {
    var rest = Substring(text)
    guard let year = rest.number(4), rest.drop("-"), let month = rest.number(2), rest.drop("-"),
      let day = rest.number(2), rest.drop("T") || rest.drop("t") || rest.drop(" "),
      let hour = rest.number(2), rest.drop(":"), let minute = rest.number(2), rest.drop(":"),
      let second = rest.number(2),
      1...12 ~= month, 1...31 ~= day, hour < 24, minute < 60, second <= 60
    else { return nil }
    var fraction: Int64 = 0
    if rest.drop(".") {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard !digits.isEmpty, let value = Int64(digits.prefix(3)) else { return nil }
      fraction = value * [1, 100, 10, 1][min(digits.count, 3)]
      rest = rest.dropFirst(digits.count)
    }
    guard let offset = rest.offsetMinutes(), rest.isEmpty else { return nil }
    let days = daysSince1970(year: year, month: month, day: day)
    let minutes = days * 1440 + hour * 60 + minute - offset
    self.init(milliseconds: (minutes * 60 + second) * 1000 + fraction)
  }
}

extension Timestamp: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let time = Timestamp(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "not an RFC 3339 time")
    }
    self = time
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

// The two conversions below are Howard Hinnant's days_from_civil and civil_from_days
// (https://howardhinnant.github.io/date_algorithms.html): exact for the proleptic Gregorian calendar.

private func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
  let shiftedYear = month <= 2 ? year - 1 : year
  let (era, yearOfEra) = shiftedYear.flooredDivision(by: 400)
  let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
  let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

private func civilDate(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
  let (era, dayOfEra) = (days + 719_468).flooredDivision(by: 146_097)
  let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let shiftedMonth = (5 * dayOfYear + 2) / 153
  let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return (
    yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
    dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
  )
}

extension Int64 {
  fileprivate func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let remainder = (self % divisor + divisor) % divisor
    return ((self - remainder) / divisor, remainder)
  }

  fileprivate func padded(_ width: Int) -> String {
    let digits = String(self)
    return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
  }
}

extension Substring {
  fileprivate mutating func drop(_ character: Character) -> Bool {
    guard first == character else { return false }
    removeFirst()
    return true
  }

  fileprivate mutating func number(_ count: Int) -> Int64? {
    let digits = prefix(count)
    guard digits.count == count, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else {
      return nil
    }
    self = dropFirst(count)
    return Int64(digits)
  }

  fileprivate mutating func offsetMinutes() -> Int64? {
    if drop("Z") || drop("z") { return 0 }
    let sign: Int64 = drop("+") ? 1 : drop("-") ? -1 : 0
    guard sign != 0, let hours = number(2), drop(":"), let minutes = number(2) else { return nil }
    return sign * (hours * 60 + minutes)
  }
}
