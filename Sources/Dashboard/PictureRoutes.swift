import HTTPTypes
import Hummingbird
import NIOCore
import ReadModel

/// Pictures of published frames.
struct PictureRoutes: Sendable {
  let jobs: JobRoutes
  let shelf: (any PictureShelf)?

  @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
    let job = try await jobs.job(context)
    return try json(await shelf?.pictures(of: job) ?? PicturesView(pictures: []))
  }

  @Sendable func show(_ request: Request, _ context: APIContext) async throws -> Response {
    let job = try await jobs.job(context)
    guard let shelf, let choice = PictureChoice(rawValue: context.parameters.get("which") ?? "")
    else { throw Refusal(.notFound, "no-picture", "pictures are first, middle and last") }
    // Nobody makes a picture for somebody who has gone.
    let result = try await request.body.consumeWithCancellationOnInboundClose { _ in
      do throws(PictureRefusal) {
        return Result<[UInt8], PictureRefusal>.success(try await shelf.picture(choice, of: job))
      } catch {
        return .failure(error)
      }
    }
    switch result {
    case .success(let bytes):
      return Response(
        status: .ok,
        headers: [
          // A frame that is replaced keeps its address.
          .contentType: "image/jpeg", .cacheControl: "private, no-cache",
          .xContentTypeOptions: "nosniff",
        ], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    case .failure(.noPicture(let why)): throw Refusal(.notFound, "no-picture", why)
    case .failure(.busy(let why)): throw Refusal(.serviceUnavailable, "busy", why)
    case .failure(.cancelled): throw CancellationError()
    }
  }
}
