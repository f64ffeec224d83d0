import NIOCore
import NIOWebSocket

/// One WebSocket client of the live stream: writes as fast as it reads, and listens for nothing but its end.
final class StreamSocket: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  private let hub: StreamHub
  private let patience: TimeAmount
  private var ticket: StreamHub.Ticket?
  private var clock: Scheduled<Void>?
  /// Whether the client answered the last ping.
  private var isAlive = true
  private var isClosing = false
  /// A message of several frames has begun.
  private var isContinued = false

  /// - Parameter patience: how long a client may be silent to a ping, or take nothing of what waits for it.
  init(hub: StreamHub, patience: TimeAmount) {
    self.hub = hub
    self.patience = patience
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let (loop, bound) = (
      context.eventLoop, NIOLoopBound((self, context), eventLoop: context.eventLoop)
    )
    ticket = hub.join {
      loop.execute {
        let (handler, context) = bound.value
        handler.write(context)
      }
    }
    if ticket == nil { return close(context, .goingAway) }
    look(context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    clock?.cancel()
    if let ticket { hub.leave(ticket) }
    ticket = nil
  }

  func channelInactive(context: ChannelHandlerContext) {
    handlerRemoved(context: context)
    context.fireChannelInactive()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) { write(context) }

  private func write(_ context: ChannelHandlerContext) {
    guard let ticket, !isClosing, context.channel.isActive else { return }
    var hasWritten = false
    while context.channel.isWritable {
      guard let messages = hub.take(ticket) else { return close(context, .goingAway) }
      if messages.isEmpty { break }
      for message in messages {
        let frame = WebSocketFrame(fin: true, opcode: .text, data: message.json)
        context.write(wrapOutboundOut(frame), promise: nil)
      }
      // So that the channel says whether it takes more.
      context.flush()
      hasWritten = true
    }
    if hasWritten { context.flush() }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    guard isProper(frame) else { return close(context, .protocolError) }
    switch frame.opcode {
    case .connectionClose:
      if isClosing { return context.close(promise: nil) }
      close(context, .normalClosure)
    case .pong: isAlive = true
    case .ping:
      // Who pings and does not read would have us keep his answers.
      guard context.channel.isWritable else { return context.close(promise: nil) }
      let pong = WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)
      context.writeAndFlush(wrapOutboundOut(pong), promise: nil)
    // The stream is for reading.
    default: break
    }
  }

  /// Whether it follows RFC 6455, as far as the decoder does not ask: every frame is masked (5.1), of a known kind, and
  /// what continues has begun (5.4).
  private func isProper(_ frame: WebSocketFrame) -> Bool {
    guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3 else { return false }
    switch frame.opcode {
    case .text, .binary:
      defer { isContinued = !frame.fin }
      return !isContinued
    case .continuation:
      defer { isContinued = isContinued && !frame.fin }
      return isContinued
    case .connectionClose, .ping, .pong: return frame.fin
    default: return false
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ChannelShouldQuiesceEvent { close(context, .goingAway) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A frame too large or against the protocol was answered; what else there is ends the connection.
    context.close(promise: nil)
  }

  /// Ends the connection, in a second at the latest: a client that reads nothing does not read this either.
  private func close(_ context: ChannelHandlerContext, _ code: WebSocketErrorCode) {
    if isClosing { return }
    isClosing = true
    var data = context.channel.allocator.buffer(capacity: 2)
    data.write(webSocketErrorCode: code)
    let frame = WebSocketFrame(fin: true, opcode: .connectionClose, data: data)
    let channel = context.channel
    context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    context.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
  }

  /// Pings, and ends who did not answer the ping before: one that has gone without a word, or reads nothing.
  private func look(_ context: ChannelHandlerContext) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    clock = context.eventLoop.scheduleTask(in: patience) {
      let (handler, context) = bound.value
      guard handler.isAlive else { return context.close(promise: nil) }
      handler.isAlive = false
      let ping = WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer())
      context.writeAndFlush(handler.wrapOutboundOut(ping), promise: nil)
      handler.look(context)
    }
  }
}
