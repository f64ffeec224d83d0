import Paths
import ReadModel

/// The daemon of one state directory, by its HTTP over the unix socket.
///
/// - Throws: every request `Failure(.noDaemon)` if none answers, and what the daemon refused with its words.
struct DaemonClient {
  let stateDirectory: String

  /// Newest first.
  func jobs(_ query: JobQuery) async throws -> [JobView] {
    var path = "/api/v1/jobs?limit=\(query.limit)"
    if !query.states.isEmpty {
      path += "&state=" + query.states.map(\.rawValue).sorted().joined(separator: ",")
    }
    if let before = query.before { path += "&before=" + before }
    return try read([JobView].self, from: await request("GET", path))
  }

  /// - Parameter part: an id, or a beginning or end of it that no other has.
  /// - Throws: `.noSuchInput` for no such job, or more than one.
  func job(_ part: String) async throws -> JobDetailView {
    let reply = try await request("GET", "/api/v1/jobs/" + pathComponent(part))
    if reply.status == 404 || reply.status == 409 { throw noSuchJob(part, reply) }
    return try read(JobDetailView.self, from: reply)
  }

  /// - Throws: `.noSuchInput` for no such job, or more than one; `.incomplete` if it is too late.
  func cancel(job part: String, why: String?) async throws -> JobView {
    let reply = try await request(
      "POST", "/api/v1/jobs/\(pathComponent(part))/cancel",
      body: JSON.encode(CancelJobRequest(why: why)))
    if reply.status == 409, let job = try read(ErrorAnswer.self, from: reply, any: true).job {
      throw Failure(.incomplete, "\(shortID(job.id)): " + refusal(in: reply))
    }
    if reply.status == 404 || reply.status == 409 { throw noSuchJob(part, reply) }
    return try read(JobView.self, from: reply)
  }

  /// - Throws: `.noSuchInput` for no such job, or more than one; `.incomplete` if it is not in a state for that.
  func retry(job part: String) async throws -> JobView { try await ask("retry", of: part) }

  /// - Returns: the job, whose undo has begun.
  /// - Throws: as `retry`.
  func undo(job part: String) async throws -> JobView { try await ask("undo", of: part) }

  private func ask(_ wish: String, of part: String) async throws -> JobView {
    let reply = try await request("POST", "/api/v1/jobs/\(pathComponent(part))/\(wish)")
    if reply.status == 409, let job = try read(ErrorAnswer.self, from: reply, any: true).job {
      throw Failure(.incomplete, "\(shortID(job.id)): " + refusal(in: reply))
    }
    if reply.status == 404 || reply.status == 409 { throw noSuchJob(part, reply) }
    return try read(JobView.self, from: reply)
  }

  /// - Parameter path: absolute.
  /// - Returns: the jobs at or below it that the cancel reached.
  func cancel(path: [UInt8], why: String?) async throws -> [JobView] {
    let body = CancelPathRequest(path: ExactText(path), why: why)
    let reply = try await request("POST", "/api/v1/cancel", body: JSON.encode(body))
    return try read([JobView].self, from: reply)
  }

  func arrivals() async throws -> [ArrivalView] {
    try read([ArrivalView].self, from: await request("GET", "/api/v1/arrivals"))
  }

  func health() async throws -> HealthView {
    try read(HealthView.self, from: await request("GET", "/api/v1/health"))
  }

  private func request(_ method: String, _ path: String, body: [UInt8] = []) async throws
    -> HTTPReply
  {
    let head =
      "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      + "Content-Length: \(body.count)\r\nConnection: close\r\n\r\n"
    do {
      let answer = try await exchange(
        Array(head.utf8) + body, withSocket: "hotplate.sock", in: stateDirectory)
      return try HTTPReply(parsing: answer)
    } catch let failure as SocketFailure {
      throw Failure(of: failure, at: stateDirectory)
    } catch is HTTPReply.Mistake {
      throw Failure(.noDaemon, "the daemon broke off its answer", remedy: "try again")
    }
  }

  private func read<Value: Decodable>(
    _ type: Value.Type, from reply: HTTPReply, any: Bool = false
  ) throws(Failure) -> Value {
    guard any || 200...299 ~= reply.status else { throw Failure(.incomplete, refusal(in: reply)) }
    do {
      return try JSON.decode(type, from: reply.body)
    } catch {
      throw Failure(
        .incomplete, "the daemon's answer is not understood: \(error)",
        remedy: "is it of another version? restart it with this one")
    }
  }

  private func noSuchJob(_ part: String, _ reply: HTTPReply) -> Failure {
    Failure(
      .noSuchInput, "\(shown(Array(part.utf8))): \(refusal(in: reply))",
      remedy: "'hotplate jobs' lists them")
  }

  private func refusal(in reply: HTTPReply) -> String {
    let answer = try? JSON.decode(ErrorAnswer.self, from: reply.body)
    return shownSentence(answer?.error.message ?? "the daemon answered with status \(reply.status)")
  }
}

extension Failure {
  fileprivate init(of failure: SocketFailure, at stateDirectory: String) {
    let place = shown(Array(stateDirectory.utf8))
    switch failure {
    case .nobodyListens:
      self.init(
        .noDaemon, "no daemon answers in \(place)",
        remedy: "start one with 'hotplate watch', or name another with --state")
    case .notAllowed:
      self.init(
        .noDaemon, "the daemon in \(place) serves another user",
        remedy: "run the command as the user it runs as")
    case .noAnswer:
      self.init(.noDaemon, "the daemon in \(place) is there, but does not answer")
    case .system(let message):
      self.init(.noDaemon, "the daemon in \(place) cannot be reached: \(message)")
    }
  }
}

/// An id goes into a path only if nothing in it could lead elsewhere.
private func pathComponent(_ part: String) -> String {
  part.utf8.map { byte in
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"):
      String(UnicodeScalar(byte))
    default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
  }.joined()
}
