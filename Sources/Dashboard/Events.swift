import HTTPTypes
import Hummingbird
import NIOCore

/// The live stream as Server-Sent Events (WHATWG HTML, 9.2), for scripts: `curl -N` is a client.
struct Events: Sendable {
  let hub: StreamHub

  @Sendable func stream(_ request: Request, _ context: APIContext) async throws -> Response {
    let (wakes, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    guard let ticket = hub.join(wake: { wake.yield() }) else { throw tooManyClients }
    // Whoever goes before a byte was written leaves too.
    let place = Place(hub: hub, ticket: ticket)
    return Response(
      status: .ok,
      headers: [
        .contentType: "text/event-stream", .cacheControl: "no-store",
        .xContentTypeOptions: "nosniff",
      ],
      body: ResponseBody { writer in
        try await request.body.consumeWithCancellationOnInboundClose { _ in
          try await write(to: &writer, place, wakes)
        }
        try await writer.finish(nil)
      })
  }

  private func write(
    to writer: inout any ResponseBodyWriter, _ place: Place, _ wakes: AsyncStream<Void>
  ) async throws {
    for await _ in wakes {
      while let messages = hub.take(place.ticket) {
        if messages.isEmpty { break }
        var buffer = ByteBuffer()
        for message in messages {
          buffer.writeString("event: \(message.kind.rawValue)\nid: \(message.seq)\ndata: ")
          buffer.writeImmutableBuffer(message.json)
          buffer.writeString("\n\n")
        }
        try await writer.write(buffer)
      }
      if hub.hasEnded(place.ticket) { break }
    }
  }

  /// Gives the client's place back when nothing holds it any more.
  private final class Place: Sendable {
    let hub: StreamHub
    let ticket: StreamHub.Ticket

    init(hub: StreamHub, ticket: StreamHub.Ticket) {
      self.hub = hub
      self.ticket = ticket
    }

    deinit { hub.leave(ticket) }
  }
}

let tooManyClients = Refusal(
  .serviceUnavailable, "busy", "too many clients follow the stream; try again in a moment")
