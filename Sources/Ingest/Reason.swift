import Foundation
import ReadModel

/// Why a job or an arrival is where it is. The engine keeps what people are shown.
public typealias Reason = ReasonView

extension ReasonView {
  init(_ code: ReasonCode, _ message: String, path: [UInt8]? = nil, at: Date) {
    self.init(code: code, message: message, path: path.map { ExactText($0) }, at: Timestamp(at))
  }

  /// `rm -rf` and `mv` show single frames before the directory: the later, wider reason says what really happened.
  func isBetterThan(_ other: Reason) -> Bool {
    switch (other.code, code) {
    case (.frameRemoved, .sourceRemoved), (.frameRemoved, .sourceMoved): true
    // First that it moved, then where to.
    case (.sourceMoved, .sourceMoved): path != other.path
    default: false
    }
  }
}

extension ReasonCode {
  static let destination: ReasonCode = "destination"
  static let offline: ReasonCode = "offline"
  static let rule: ReasonCode = "rule"
  static let marker: ReasonCode = "marker"
  static let manifest: ReasonCode = "manifest"
  static let rulesChanged: ReasonCode = "rules-changed"
}

extension Timestamp {
  init(_ date: Date) {
    self.init(milliseconds: Int64((date.timeIntervalSince1970 * 1000).rounded()))
  }
}
