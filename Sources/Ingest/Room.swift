import Files
import Foundation
import Paths
import ReadModel
import Transfer

/// How a job's room is asked for.
public enum Measure: Sendable {
  /// What the file system has left; what the job takes is known.
  case room
  case roughly
  case exactly
}

/// What a job takes of its destination's file system, and what that has left.
public struct RoomAnswer: Sendable {
  /// Of one under way.
  public struct Done: Hashable, Sendable {
    public let bytes: Int
    public let files: Int

    public init(bytes: Int, files: Int) {
      self.bytes = bytes
      self.files = files
    }
  }

  /// Nil where it was not asked.
  public let demand: Demand?
  public let isExact: Bool
  /// Nil where it cannot be asked: staging finds out what is wrong.
  public let room: Room?
  /// How far the others were before the room was looked at.
  public let done: [JobID: Done]

  public init(demand: Demand?, isExact: Bool = true, room: Room?, done: [JobID: Done] = [:]) {
    self.demand = demand
    self.isExact = isExact
    self.room = room
    self.done = done
  }
}

/// What a job knows of the room that it takes.
struct RoomState: Sendable {
  var demand: Demand?
  var isExact = false
  /// What it takes has changed since.
  var isOutdated = false
  /// What its destination's file system had when it was looked at last.
  var seen: Room?
  /// What that had when it was let in.
  var admitted: Room?
  /// The same for the last time that it met a full destination in spite of it. A quota, or what files take besides their
  /// blocks, shows in no number.
  var refused: Room?
  /// When it may try again although nothing seems to have changed, and how often it did.
  var again = Duration.zero
  var retries = 0
  /// Since when it waits for room.
  var waitsSince: Duration?
  /// It waits with frames staged, for room that another gives back.
  var keepsStaging = false
  /// It was stopped so that one that came before it has the room.
  var isYielding = false
  var isGivingBack = false
  /// An answer is under way.
  var isAsked = false
  /// Its destination was seen to refuse writing.
  var wasUnwritable = false

  var volume: UInt64? { seen?.volume }

  /// How it is asked for next.
  var next: Measure {
    if keepsStaging { return .exactly }
    return demand == nil || isOutdated ? .roughly : .room
  }

  /// Everything is staged: whatever comes, the past tells nothing about it.
  mutating func isWhole() {
    self = RoomState(demand: demand, isExact: isExact, seen: seen)
  }

  mutating func tryLater(_ now: Duration, _ limits: Intake.Limits) {
    again = now + min(limits.firstRetry * (1 << min(retries, 16)), limits.longestRetry)
    retries += 1
  }
}

extension Demand {
  /// What is missing of it, in words; nil if nothing is.
  func lack(in room: Room) -> String? {
    if let free = room.bytes, bytes > max(0, free) {
      let inAll = room.totalBytes.map { bytes > $0 } ?? false
      return
        "it takes \(inUnits(bytes)), \(inUnits(max(0, free))) are free: \(inUnits(bytes - max(0, free))) are missing"
        + (inAll ? ", and the file system is too small for it even when empty" : "")
    }
    if let free = room.files, files > max(0, free) {
      return "it makes \(files) files and directories, there is room for \(max(0, free)) more"
    }
    return nil
  }
}

extension Room {
  /// Less what a job under way will take still.
  func less(_ bytes: Int, _ files: Int) -> Room {
    var room = self
    room.bytes = room.bytes.map { $0 - bytes }
    room.files = room.files.map { $0 - files }
    return room
  }

  /// Whether enough has become free since `other` to try what failed then: a few blocks come and go all the time.
  func isMore(than other: Room, for demand: Demand) -> Bool {
    if let now = bytes, let then = other.bytes, now > then + demand.bytes / 64 { return true }
    if let now = files, let then = other.files, now > then { return true }
    return false
  }
}

/// Bytes in decimal units, as disks are sold: `48.1 MB`. Rounded up, so that what is missing is never understated.
func inUnits(_ bytes: Int) -> String {
  if bytes < 1000 { return "\(bytes) bytes" }
  var value = Double(bytes) / 1000
  for unit in ["kB", "MB", "GB"] {
    if value < 1000 { return String(format: "%.1f \(unit)", (value * 10).rounded(.up) / 10) }
    value /= 1000
  }
  return String(format: "%.1f TB", (value * 10).rounded(.up) / 10)
}
