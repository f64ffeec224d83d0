import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import ReadModel

/// A request that gets an error answer: `{"error": {"code", "message"}}`.
struct Refusal: Error {
  let status: HTTPResponse.Status
  let code: String
  let message: String
  /// The job it speaks of, shown beside the error.
  let job: JobView?

  init(
    _ status: HTTPResponse.Status, _ code: String, _ message: String, job: JobView? = nil
  ) {
    self.status = status
    self.code = code
    self.message = message
    self.job = job
  }
}

/// Turns everything thrown further in into an error answer.
struct ErrorAnswers: RouterMiddleware {
  let refusals: Refusals
  let logger: Logger

  func handle(
    _ request: Request, context: APIContext,
    next: (Request, APIContext) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let refusal as Refusal {
      let isAttempt = [.forbidden, .unauthorized, .unsupportedMediaType].contains(refusal.status)
      let caller = isAttempt ? await context.caller() : ""
      refusals.note(refusal, by: caller, isAttempt: isAttempt, logger)
      return try answer(refusal)
    } catch let error as HTTPError where error.status == .notFound {
      return try answer(Refusal(.notFound, "not-found", "nothing answers at this path"))
    } catch let error as CancellationError {
      // Nobody is there to be answered.
      throw error
    } catch is HTTPParserError {
      // Somewhere in its body it stopped being a request.
      return try answer(Refusal(.badRequest, "bad-request", "this is not HTTP"))
    } catch let error as any HTTPResponseError {
      return try answer(Refusal(error.status, "bad-request", "\(error)"))
    } catch {
      logger.error("request failed: \(error)", metadata: ["path": "\(request.uri.path)"])
      return try answer(Refusal(.internalServerError, "internal", "\(error)"))
    }
  }

  private func answer(_ refusal: Refusal) throws -> Response {
    let body = ErrorAnswer(code: refusal.code, message: refusal.message, job: refusal.job)
    return try json(body, status: refusal.status)
  }
}

/// A JSON answer that no cache keeps and no browser takes for a page.
func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
  let bytes = try JSON.encode(value)
  return Response(
    status: status,
    headers: [
      .contentType: "application/json", .cacheControl: "no-store",
      .xContentTypeOptions: "nosniff",
    ], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
}
