import Foundation

/// When something happened, on both clocks: `uptime` decides (it never jumps), `wall` is for people.
public struct Moment: Sendable {
  /// Monotonic time; only differences mean anything.
  public let uptime: Duration
  public let wall: Date

  public init(uptime: Duration, wall: Date) {
    self.uptime = uptime
    self.wall = wall
  }
}
