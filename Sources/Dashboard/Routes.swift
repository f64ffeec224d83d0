import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ReadModel

/// The one list of what the API answers.
func makeRouter(
  engine: any EngineView, doorkeeper: Doorkeeper, limits: Limits, logger: Logger
) -> Router<APIContext> {
  let routes = JobRoutes(engine: engine, bodyLimit: limits.body)
  let router = Router(context: APIContext.self)
  router.add(middleware: ErrorAnswers(logger: logger))
  router.add(middleware: doorkeeper)
  router.group("api/v1")
    .get("jobs", use: routes.list)
    .get("jobs/:id", use: routes.show)
    .post("jobs/:id/cancel", use: routes.cancelJob)
    .post("jobs/:id/retry", use: routes.retryJob)
    .post("jobs/:id/undo", use: routes.undoJob)
    .post("cancel", use: routes.cancelPath)
    .get("arrivals") { _, _ in try json(await engine.arrivals()) }
    .get("health") { _, _ in try json(await engine.health()) }
  return router
}

private struct JobRoutes: Sendable {
  let engine: any EngineView
  let bodyLimit: Int

  @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
    try json(await engine.jobs(query(of: request)))
  }

  @Sendable func show(_ request: Request, _ context: APIContext) async throws -> Response {
    guard let job = try await engine.job(jobID(context)) else { throw noSuchJob }
    return try json(job)
  }

  @Sendable func cancelJob(_ request: Request, _ context: APIContext) async throws -> Response {
    let body = try await read(CancelJobRequest.self, from: request)
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
    guard let body = try await read(CancelPathRequest.self, from: request) else {
      throw badRequest("the body is empty: send {\"path\": …}")
    }
    guard body.path.bytes.first == UInt8(ascii: "/"), !body.path.bytes.contains(0) else {
      throw badRequest("the path is not absolute")
    }
    let jobs = try await engine.cancel(path: body.path, why: body.why, by: await context.caller())
    return try json(jobs, status: .accepted)
  }

  /// The whole id that the path's part names.
  private func jobID(_ context: APIContext) async throws -> String {
    let part = context.parameters.get("id", as: String.self) ?? ""
    switch try await engine.resolve(part) {
    case .one(let id): return id
    case .none: throw noSuchJob
    case .several:
      throw Refusal(.conflict, "ambiguous", "more than one job's id begins or ends so")
    }
  }

  /// - Returns: nil for an empty body.
  private func read<Body: Decodable>(_ type: Body.Type, from request: Request) async throws -> Body?
  {
    do {
      let bytes = try await request.body.collect(upTo: bodyLimit)
      if bytes.readableBytes == 0 { return nil }
      return try JSON.decode(type, from: Array(bytes.readableBytesView))
    } catch is NIOTooManyBytesError {
      throw Refusal(.contentTooLarge, "too-large", "a body has at most \(bodyLimit) bytes")
    } catch is DecodingError {
      throw badRequest("the body is not the JSON that is expected here")
    }
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
  if let limit = parameters.get("limit") {
    guard let number = Int(limit), 1...5000 ~= number else {
      throw badRequest("limit is a number from 1 to 5000")
    }
    query.limit = number
  }
  query.before = parameters.get("before").flatMap { $0.isEmpty ? nil : $0.lowercased() }
  return query
}

private let noSuchJob = Refusal(.notFound, "unknown-job", "no job has this id")

private func badRequest(_ message: String) -> Refusal {
  Refusal(.badRequest, "bad-request", message)
}
