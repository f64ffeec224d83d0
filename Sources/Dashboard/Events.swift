import HTTPTypes
import Hummingbird
import NIOCore

/// The live stream as Server-Sent Events (WHATWG HTML, 9.2), for scripts: `curl -N` is a client.
struct Events: Sendable {
  let hub: StreamHub
  /// How long a client may take for what is written to it; as often it hears that the stream is still there.
  let patience: TimeAmount

  @Sendable func stream(_ request: Request, _ context: APIContext) async throws -> Response {
    let (wakes, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    let (hub, channel) = (hub, context.channel)
    let ticket = hub.join {
      wake.yield()
      // A client that reads nothing does not read the end either.
      if hub.isOver { channel.close(in: .seconds(1)) }
    }
    guard let ticket else { throw tooManyClients }
    let pulse = channel.eventLoop.scheduleRepeatedTask(initialDelay: patience, delay: patience) {
      _ in wake.yield()
    }
    // Whoever goes before a byte was written leaves too.
    let place = Place(hub: hub, ticket: ticket, pulse: pulse)
    return Response(
      status: .ok,
      headers: [
        .contentType: "text/event-stream", .cacheControl: "no-store",
        .xContentTypeOptions: "nosniff",
      ],
      body: ResponseBody { writer in
        try await request.body.consumeWithCancellationOnInboundClose { _ in
          try await write(to: &writer, place, wakes, channel)
        }
        try await writer.finish(nil)
      })
  }

  private func write(
    to writer: inout any ResponseBodyWriter, _ place: Place, _ wakes: AsyncStream<Void>,
    _ channel: any Channel
  ) async throws {
    for await _ in wakes {
      var isPulse = true
      while let messages = hub.take(place.ticket) {
        if messages.isEmpty && !isPulse { break }
        var buffer = ByteBuffer()
        // A comment: whoever is gone without a word is found out by it.
        if messages.isEmpty { buffer.writeString(":\n\n") }
        isPulse = false
        for message in messages {
          buffer.writeString("event: \(message.kind.rawValue)\nid: \(message.seq)\ndata: ")
          buffer.writeImmutableBuffer(message.json)
          buffer.writeString("\n\n")
        }
        let deadline = channel.close(in: patience)
        try await writer.write(buffer)
        deadline.cancel()
      }
      if hub.hasEnded(place.ticket) { break }
    }
  }

  /// Gives the client's place back when nothing holds it any more, whether or not its answer was ever written.
  private final class Place: Sendable {
    let hub: StreamHub
    let ticket: StreamHub.Ticket
    private let pulse: RepeatedTask

    init(hub: StreamHub, ticket: StreamHub.Ticket, pulse: RepeatedTask) {
      self.hub = hub
      self.ticket = ticket
      self.pulse = pulse
    }

    deinit {
      hub.leave(ticket)
      pulse.cancel()
    }
  }
}

extension Channel {
  @discardableResult
  fileprivate func close(in time: TimeAmount) -> Scheduled<Void> {
    eventLoop.scheduleTask(in: time) { self.close(promise: nil) }
  }
}

let tooManyClients = Refusal(
  .serviceUnavailable, "busy", "too many clients follow the stream; try again in a moment")
