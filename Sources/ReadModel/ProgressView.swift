/// How far a job is that copies.
public struct ProgressView: Hashable, Sendable {
  public var job: String
  public var frames: FramesView
  public var bytes: BytesView
  /// Bytes a second over the last seconds; nil while nothing can be said.
  public var rate: Double?
  /// Seconds until the last byte, at that rate.
  public var secondsLeft: Double?
  /// The runs of each member's strip; nil if they are too many to send with every message.
  public var strips: [[FrameRun]]?

  public init(
    job: String, frames: FramesView, bytes: BytesView, rate: Double?, strips: [[FrameRun]]?
  ) {
    self.job = job
    self.frames = frames
    self.bytes = bytes
    self.rate = rate
    self.strips = strips
    let left = Double(max(0, bytes.expected - bytes.done))
    secondsLeft = rate.flatMap { $0 > 0 ? (left / $0 * 10).rounded() / 10 : nil }
  }
}

extension ProgressView: Codable {
  private enum CodingKeys: String, CodingKey {
    case job
    case frames
    case bytes
    case rate
    case secondsLeft = "seconds_left"
    case strips
  }

  // Written out so that what is unknown is `null` and not left out.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(job, forKey: .job)
    try container.encode(frames, forKey: .frames)
    try container.encode(bytes, forKey: .bytes)
    try container.encode(rate, forKey: .rate)
    try container.encode(secondsLeft, forKey: .secondsLeft)
    try container.encode(strips, forKey: .strips)
  }
}
