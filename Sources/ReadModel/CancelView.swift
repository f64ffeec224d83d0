/// The receipt of a cancel: what was removed, what lies where it lay, and how long each step took.
///
/// By whom or what the job was cancelled is its `reason`.
public struct CancelView: Codable, Hashable, Sendable {
  public var removed: Removed
  /// nil if they could not be looked at, or the job had no plan yet and had touched none.
  public var sources: Sources?
  public var seconds: Seconds
  /// Whether Hotplate ended in between: the times then count from its next start.
  public var resumed: Bool

  public init(removed: Removed, sources: Sources?, seconds: Seconds, resumed: Bool) {
    self.removed = removed
    self.sources = sources
    self.seconds = seconds
    self.resumed = resumed
  }

  /// What lay in staging, frames that were cut off included.
  public struct Removed: Codable, Hashable, Sendable {
    public var files: Int
    /// The sizes of those files together; a link counts like a copy.
    public var bytes: Int64

    public init(files: Int, bytes: Int64) {
      self.files = files
      self.bytes = bytes
    }
  }

  /// The frames in the hot folder, as they lay when staging was gone.
  public struct Sources: Codable, Hashable, Sendable {
    /// Where they were, as they were.
    public var kept: Int
    /// Put back under their names.
    public var restored: Int
    /// Written or replaced by others since the plan was made.
    public var changed: Int
    /// Removed or moved away by others.
    public var missing: Int

    public init(kept: Int = 0, restored: Int = 0, changed: Int = 0, missing: Int = 0) {
      self.kept = kept
      self.restored = restored
      self.changed = changed
      self.missing = missing
    }
  }

  /// Seconds from the moment at which the cancel was seen; each step's is nil where there was nothing to do.
  public struct Seconds: Codable, Hashable, Sendable {
    /// The last byte was written, and no worker held a file of the job any more.
    public var stopped: Double?
    /// The cancel stood in the journal.
    public var recorded: Double?
    /// No trace was left at the destination.
    public var removed: Double?
    /// Its end was handed to the journal.
    public var ended: Double

    public init(stopped: Double?, recorded: Double?, removed: Double?, ended: Double) {
      self.stopped = stopped
      self.recorded = recorded
      self.removed = removed
      self.ended = ended
    }

    // Written out so that a step that was not needed is `null` and not left out.
    public func encode(to encoder: any Encoder) throws {
      var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
      try container.encode(stopped, forKey: "stopped")
      try container.encode(recorded, forKey: "recorded")
      try container.encode(removed, forKey: "removed")
      try container.encode(ended, forKey: "ended")
    }
  }

  // Written out so that sources nobody looked at are `null` and not left out.
  public func encode(to encoder: any Encoder) throws {
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(removed, forKey: "removed")
    try container.encode(sources, forKey: "sources")
    try container.encode(seconds, forKey: "seconds")
    try container.encode(resumed, forKey: "resumed")
  }
}
