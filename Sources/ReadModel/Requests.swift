/// The body of `POST /api/v1/jobs/ID/cancel`.
public struct CancelJobRequest: Codable, Hashable, Sendable {
  public var why: String?

  public init(why: String?) { self.why = why }
}

/// The body of `POST /api/v1/cancel`.
public struct CancelPathRequest: Hashable, Sendable {
  /// Absolute.
  public var path: ExactText
  public var why: String?

  public init(path: ExactText, why: String?) {
    self.path = path
    self.why = why
  }
}

extension CancelPathRequest: Codable {
  public init(from decoder: any Decoder) throws {
    let container: MemberDecoder = try decoder.container(keyedBy: MemberKey.self)
    path = try container.decodeText("path")
    why = try container.decodeIfPresent(String.self, forKey: "why")
  }

  public func encode(to encoder: any Encoder) throws {
    var container: MemberEncoder = encoder.container(keyedBy: MemberKey.self)
    try container.encode(path, forKey: "path")
    try container.encode(why, forKey: "why")
  }
}

/// The body of `POST /api/v1/session`.
public struct SessionRequest: Codable, Hashable, Sendable {
  public var token: String

  public init(token: String) { self.token = token }
}

/// The body of every error answer: `{"error": {"code", "message"}}`, and the job where one is at hand.
public struct ErrorAnswer: Codable, Hashable, Sendable {
  public struct Reason: Codable, Hashable, Sendable {
    public var code: String
    public var message: String
  }

  public var error: Reason
  public var job: JobView?

  public init(code: String, message: String, job: JobView? = nil) {
    error = Reason(code: code, message: message)
    self.job = job
  }
}
