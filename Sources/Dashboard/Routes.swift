import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ReadModel

/// What requests are answered from.
struct Answers: Sendable {
  let engine: any EngineView
  let pictures: (any PictureShelf)?
  let hub: StreamHub
  let refusals: Refusals
  let limits: Limits
  let logger: Logger
}

/// The one list of what is answered.
func makeRouter(_ answers: Answers, doorkeeper: Doorkeeper) -> Router<APIContext> {
  let engine = answers.engine
  let jobs = JobRoutes(engine: engine, bodyLimit: answers.limits.body)
  let pictures = PictureRoutes(jobs: jobs, shelf: answers.pictures)
  let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
  router.add(middleware: ErrorAnswers(refusals: answers.refusals, logger: answers.logger))
  router.add(middleware: doorkeeper)
  router.get("", use: Page.show)
  router.get("favicon.ico") { _, _ in Response(status: .noContent) }
  router.get("metrics") { _, _ in try await metrics(answers) }
  router.group("api/v1")
    .get("jobs", use: jobs.list)
    .get("jobs/:id", use: jobs.show)
    .get("jobs/:id/strip", use: jobs.strip)
    .get("jobs/:id/pictures", use: pictures.list)
    .get("jobs/:id/pictures/:which", use: pictures.show)
    .post("jobs/:id/cancel", use: jobs.cancelJob)
    .post("jobs/:id/retry", use: jobs.retryJob)
    .post("jobs/:id/undo", use: jobs.undoJob)
    .post("cancel", use: jobs.cancelPath)
    .get("arrivals") { _, _ in try json(await engine.arrivals()) }
    .get("rules") { _, _ in try json(await engine.rules()) }
    .get("health") { _, _ in try json(await engine.health()) }
    .get("stream") { _, _ -> Response in throw notAWebSocket(answers.hub) }
    .get("events", use: Events(hub: answers.hub, patience: answers.limits.patience).stream)
    .get("openapi.yaml", use: Page.description)
    .post("session") { request, _ in
      try await session(request, doorkeeper, limit: answers.limits.body)
    }
  return router
}

/// Gives a browser a cookie for the token, which it can send with a WebSocket's handshake too.
private func session(_ request: Request, _ doorkeeper: Doorkeeper, limit: Int) async throws
  -> Response
{
  let body = try await read(SessionRequest.self, from: request, limit: limit)
  guard let token = doorkeeper.token else { return Response(status: .noContent) }
  guard let shown = body?.token, token.isEqual(to: shown) else {
    throw Refusal(.unauthorized, "token-wanted", "this is not the token")
  }
  return Response(
    status: .noContent, headers: [.setCookie: token.cookie, .cacheControl: "no-store"])
}

private func notAWebSocket(_ hub: StreamHub) -> Refusal {
  hub.isFull
    ? tooManyClients
    : Refusal(
      .upgradeRequired, "websocket-wanted",
      "this is a WebSocket (RFC 6455, version 13); /api/v1/events has the same as plain HTTP")
}

private func metrics(_ answers: Answers) async throws -> Response {
  let process = await offPool { ProcessFigures.now() }
  let metrics = MetricsText(
    try await answers.engine.metrics(), stream: answers.hub.counts,
    refused: answers.refusals.counts, process: process)
  return Response(
    status: .ok,
    headers: [
      .contentType: "text/plain; version=0.0.4; charset=utf-8", .cacheControl: "no-store",
    ], body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text)))
}

struct JobRoutes: Sendable {
  let engine: any EngineView
  let bodyLimit: Int

  @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
    try json(await engine.jobs(query(of: request)))
  }

  @Sendable func show(_ request: Request, _ context: APIContext) async throws -> Response {
    var job = try await job(context)
    if let most = try number("map", of: request, 0...Int.max) {
      job.map = Array(job.map.prefix(most))
      job.methods = Array(job.methods.prefix(most))
    }
    return try json(job)
  }

  func job(_ context: APIContext) async throws -> JobDetailView {
    guard let job = try await engine.job(jobID(context)) else { throw noSuchJob }
    return job
  }

  @Sendable func strip(_ request: Request, _ context: APIContext) async throws -> Response {
    guard let strip = try await engine.strip(of: jobID(context)) else { throw noSuchJob }
    return try json(strip)
  }

  @Sendable func cancelJob(_ request: Request, _ context: APIContext) async throws -> Response {
    let body = try await read(CancelJobRequest.self, from: request, limit: bodyLimit)
    let id = try await jobID(context)
    switch try await engine.cancel(job: id, why: body?.why, by: await context.caller()) {
    case .accepted(let job): return try json(job, status: .accepted)
    case .tooLate(let job, let why): throw Refusal(.conflict, "too-late", why, job: job)
    case .unknown: throw noSuchJob
    }
  }

  @Sendable func retryJob(_ request: Request, _ context: APIContext) async throws -> Response {
    try answer(await engine.retry(job: jobID(context), by: context.caller()))
  }

  @Sendable func undoJob(_ request: Request, _ context: APIContext) async throws -> Response {
    try answer(await engine.undo(job: jobID(context), by: context.caller()))
  }

  private func answer(_ answer: RequestAnswer) throws -> Response {
    switch answer {
    case .accepted(let job): return try json(job, status: .accepted)
    case .refused(let job, let why): throw Refusal(.conflict, "refused", why, job: job)
    case .unknown: throw noSuchJob
    }
  }

  @Sendable func cancelPath(_ request: Request, _ context: APIContext) async throws -> Response {
    guard let body = try await read(CancelPathRequest.self, from: request, limit: bodyLimit) else {
      throw badRequest("the body is empty: send {\"path\": …}")
    }
    guard body.path.bytes.first == UInt8(ascii: "/"), !body.path.bytes.contains(0) else {
      throw badRequest("the path is not absolute")
    }
    let jobs = try await engine.cancel(path: body.path, why: body.why, by: await context.caller())
    return try json(jobs, status: .accepted)
  }

  /// The whole id that the path's part names.
  func jobID(_ context: APIContext) async throws -> String {
    let part = context.parameters.get("id", as: String.self) ?? ""
    switch try await engine.resolve(part) {
    case .one(let id): return id
    case .none: throw noSuchJob
    case .several:
      throw Refusal(.conflict, "ambiguous", "more than one job's id begins or ends so")
    }
  }
}

/// - Returns: nil for an empty body.
private func read<Body: Decodable>(
  _ type: Body.Type, from request: Request, limit: Int
) async throws -> Body? {
  let tooLarge = Refusal(.contentTooLarge, "too-large", "a body has at most \(limit) bytes")
  if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit {
    throw tooLarge
  }
  do {
    let bytes = try await request.body.collect(upTo: limit)
    if bytes.readableBytes == 0 { return nil }
    return try JSON.decode(type, from: Array(bytes.readableBytesView))
  } catch is NIOTooManyBytesError {
    throw tooLarge
  } catch is DecodingError {
    throw badRequest("the body is not the JSON that is expected here")
  }
}

private func query(of request: Request) throws -> JobQuery {
  let parameters = request.uri.queryParameters
  var query = JobQuery(limit: 500)
  for value in parameters.getAll("state").flatMap({ $0.split(separator: ",") }) {
    guard let state = JobState(rawValue: String(value)) else {
      throw badRequest("there is no state '\(value)'")
    }
    query.states.insert(state)
  }
  if let limit = try number("limit", of: request, 1...5000) { query.limit = limit }
  query.search = parameters.get("search").flatMap { $0.isEmpty ? nil : $0 }
  query.before = parameters.get("before").flatMap { $0.isEmpty ? nil : $0.lowercased() }
  return query
}

private func number(_ name: String, of request: Request, _ range: ClosedRange<Int>) throws -> Int? {
  guard let text = request.uri.queryParameters.get(name) else { return nil }
  guard let number = Int(text), range ~= number else {
    let end = range.upperBound == .max ? " up" : " to \(range.upperBound)"
    throw badRequest("\(name) is a number from \(range.lowerBound)\(end)")
  }
  return number
}

private let noSuchJob = Refusal(.notFound, "unknown-job", "no job has this id")

func badRequest(_ message: String) -> Refusal {
  Refusal(.badRequest, "bad-request", message)
}
