import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket

/// A connection that speaks HTTP, or becomes a WebSocket of the live stream by its first request.
struct StreamChannel: ServerChildChannel, HTTPChannelHandler {
  typealias HTTP = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

  enum Negotiated: Sendable {
    case http(HTTP)
    case stream(any Channel)
    /// It ended, or sent what is no request, before it said what it wants.
    case nothing
  }

  struct Value: ServerChildChannelValue {
    let channel: any Channel
    let negotiated: EventLoopFuture<Negotiated>
  }

  let responder: HTTPChannelHandler.Responder
  let doorkeeper: Doorkeeper
  let hub: StreamHub
  let limits: Limits

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      let upgrader = NIOTypedWebSocketServerUpgrader<Negotiated>(
        maxFrameSize: limits.frame,
        shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
        upgradePipelineHandler: { channel, _ in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
              StreamSocket(hub: hub, patience: limits.patience))
            return .stream(channel)
          }
        })
      var configuration = NIOUpgradableHTTPServerPipelineConfiguration(
        upgradeConfiguration: .init(
          upgraders: [upgrader],
          notUpgradingCompletionHandler: { channel in
            channel.eventLoop.makeCompletedFuture { .http(try speakHTTP(channel, logger)) }
          }))
      configuration.enablePipelining = false
      configuration.enableResponseHeaderValidation = false
      var decoder = NIOHTTPDecoderLimitConfiguration()
      decoder.maxHeaderFieldSize = limits.headers
      decoder.maxHeaderListSize = limits.headers
      configuration.decoderConfiguration = decoder
      let pipeline = channel.pipeline.syncOperations
      let negotiated = try pipeline.configureUpgradableHTTPServerPipeline(
        configuration: configuration)
      let upgrade = try pipeline.handler(
        type: NIOTypedHTTPServerUpgradeHandler<Negotiated>.self)
      let gate = Gate(doorkeeper: doorkeeper, hub: hub, deadline: limits.idle)
      try pipeline.addHandler(gate, name: "gate", position: .before(upgrade))
      return Value(
        channel: channel,
        negotiated: negotiated.flatMapError { _ in
          // A damaged request was answered; the connection is of no more use.
          channel.close(promise: nil)
          return channel.eventLoop.makeSucceededFuture(.nothing)
        }.flatMap { result in
          // What it watched over is decided.
          channel.pipeline.removeHandler(name: "gate").map { result }
            .flatMapErrorThrowing { _ in result }
        })
    }
  }

  private func speakHTTP(_ channel: any Channel, _ logger: Logger) throws -> HTTP {
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(Porter(deadline: limits.idle))
    try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
    try pipeline.addHandler(
      HTTPConnectionStateHandler(idleTimeout: .nanoseconds(limits.idle.nanoseconds), logger: logger)
    )
    return try NIOAsyncChannel(
      wrappingChannelSynchronously: channel,
      configuration: .init(isOutboundHalfClosureEnabled: true))
  }

  func handle(value: Value, logger: Logger) async {
    let negotiated = await withTaskCancellationHandler {
      try? await value.negotiated.get()
    } onCancel: {
      value.channel.close(promise: nil)
    }
    switch negotiated {
    case .http(let channel): await handleHTTP(asyncChannel: channel, logger: logger)
    case .stream(let channel):
      await withTaskCancellationHandler {
        // Ends however it likes: there is nothing to tell anybody.
        try? await channel.closeFuture.get()
      } onCancel: {
        channel.close(promise: nil)
      }
    case .nothing, nil: try? await value.channel.closeFuture.get()
    }
  }
}
