import Foundation

/// What `hotplate jobs --json` says of a job, as far as tests look at it.
///
/// Written from the interface, not shared with the program: other people's scripts read the same JSON.
public struct JobView: Decodable, Sendable {
  public struct Place: Decodable, Sendable {
    public let directory: String
    public let pattern: String?
    public let frames: String?
  }

  public struct Counts: Decodable, Sendable {
    public let expected: Int
    public let staged: Int
    public let published: Int
  }

  public struct Reason: Decodable, Sendable {
    public let code: String
    public let message: String
    public let path: String?
    public let by: String?
    public let at: String?
  }

  public let id: String
  public let state: String
  /// `offline` or `full`, where something stops it for a while.
  public let over: String?
  public let rule: String?
  public let source: Place
  public let destination: Place?
  public let frames: Counts
  public let durable: Bool
  public let reason: Reason?
  public let created: String
  public let ended: String?

  /// Whether the job will change no more by itself.
  public var hasEnded: Bool { ["done", "cancelled", "failed", "held"].contains(state) }

  public var summary: String {
    "\(id) \(state) \(over ?? "") \(source.directory)/\(source.pattern ?? "") \(reason?.code ?? "") "
      + (reason?.message ?? "")
  }
}
