import HTTPTypes
import NIOCore
import NIOHTTP1

/// Stands before the WebSocket handshake: who may not have it goes on as an ordinary request, whose answer says why not.
///
/// A refused handshake would lose its request (swift-nio issue 2632), so none is let through that could be refused.
final class Gate: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart

  private let doorkeeper: Doorkeeper
  private let hub: StreamHub
  private let deadline: TimeAmount
  private var expiry: Scheduled<Void>?
  /// The first request is whole: what comes now may be frames of a WebSocket, before the gate is taken away.
  private var isOpen = false

  /// - Parameter deadline: until the first request has to be whole.
  init(doorkeeper: Doorkeeper, hub: StreamHub, deadline: TimeAmount) {
    self.doorkeeper = doorkeeper
    self.hub = hub
    self.deadline = deadline
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    expiry = context.eventLoop.scheduleTask(in: deadline) { channel.close(promise: nil) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { expiry?.cancel() }

  func channelInactive(context: ChannelHandlerContext) {
    expiry?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if isOpen { return context.fireChannelRead(data) }
    let part = unwrapInboundIn(data)
    if case .end = part { isOpen = true }
    guard case .head(var head) = part else { return context.fireChannelRead(data) }
    if head.headers.contains(name: "upgrade"), !mayUpgrade(head) {
      let wishes = head.headers[canonicalForm: "connection"].filter { $0.lowercased() != "upgrade" }
      head.headers.remove(name: "upgrade")
      head.headers.remove(name: "connection")
      for wish in wishes { head.headers.add(name: "connection", value: String(wish)) }
    }
    context.fireChannelRead(wrapInboundOut(.head(head)))
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // Nobody else would close a connection that has not said yet what it wants.
    if event is ChannelShouldQuiesceEvent { return context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  private func mayUpgrade(_ head: HTTPRequestHead) -> Bool {
    let path = head.uri.prefix { $0 != "?" }
    let headers = head.headers
    return head.method == .GET && head.version == .http1_1 && path == streamPath
      && headers["upgrade"].count == 1 && headers["upgrade"][0].lowercased() == "websocket"
      && headers["sec-websocket-key"].count == 1 && headers["sec-websocket-key"][0].utf8.count == 24
      && headers["sec-websocket-version"] == ["13"]
      && !headers.contains(name: "content-length")
      && !headers.contains(name: "transfer-encoding")
      && doorkeeper.refusal(of: Knock(head), at: streamPath) == nil && !hub.isFull
  }
}

let streamPath = "/api/v1/stream"

extension Knock {
  init(_ head: HTTPRequestHead) {
    self.init(
      isReading: head.method == .GET || head.method == .HEAD, hosts: head.headers["host"],
      origins: head.headers["origin"], contentType: head.headers["content-type"].first,
      authorization: head.headers["authorization"].first, cookies: head.headers["cookie"])
  }
}
