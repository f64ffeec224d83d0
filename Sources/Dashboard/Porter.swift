import NIOCore
import NIOHTTP1

/// Sees each request before it is answered: it has to be whole in time, and to say one place that it is for.
final class Porter: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart

  private let deadline: TimeAmount
  private var expiry: Scheduled<Void>?

  /// - Parameter deadline: from a request's head to its last byte. Bodies are small: who takes longer holds a place that
  ///   others want.
  init(deadline: TimeAmount) { self.deadline = deadline }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(var head):
      let channel = context.channel
      expiry?.cancel()
      expiry = context.eventLoop.scheduleTask(in: deadline) { channel.close(promise: nil) }
      // Which of two hosts is meant, another reader may see otherwise (RFC 9112, 3.2): then it is none.
      if head.headers["host"].count > 1 || !head.uri.hasPrefix("/") {
        head.headers.remove(name: "host")
      }
      context.fireChannelRead(wrapInboundOut(.head(head)))
    case .end:
      expiry?.cancel()
      context.fireChannelRead(data)
    case .body: context.fireChannelRead(data)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.fireErrorCaught(error)
    // It was answered with a 400; nothing behind it can be understood.
    if error is HTTPParserError { context.close(promise: nil) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    expiry?.cancel()
    context.fireChannelInactive()
  }
}
